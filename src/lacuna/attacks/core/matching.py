"""Scales the perturbation of each image until it is as large as another attack's: by l2 distance, or by SSIM.

The l2 distance is that of the float image, clipped to [0, 1] but not yet 8 bit, as in the outcomes' column
``distance``. This distance changes continuously, while rounding makes signed-gradient perturbations jump by whole
levels. The 8-bit image therefore misses its match by what rounding changes, as often one way as the other. SSIM is that
of the 8-bit image, as pyiqa measures it; the match is as close as the jumps of SSIM allow.
"""

from collections.abc import Callable
from hashlib import blake2b

import torch
from torch import Tensor

from lacuna.attacks.core.draws import AttackResult
from lacuna.evaluation.quality import similarity
from lacuna.numerics.images import to_bytes

DOUBLINGS = 8  # a perturbation of one 8-bit level, 256 times as large, is at the end of the pixel range
BISECTIONS = 40


def match_l2(clean: Tensor, base: Tensor, distance: Tensor) -> AttackResult:
    """Images clean + t (base - clean), clipped to [0, 1], at the wanted distance from the clean ones.

    Images are (B, C, H, W) in [0, 1]; ``distance`` (B,) is the squared l2 distance divided by the number of values. t
    is at most 256. Where 256 is not far enough, the result is the clean image, not valid.
    """
    wanted = distance.double()
    return _bisect(clean, base - clean, lambda images: (images - clean).double().square().mean((1, 2, 3)) - wanted)


def match_ssim(clean: Tensor, base: Tensor, ssim: Tensor) -> AttackResult:
    """`match_l2` for a wanted SSIM (B,) to the clean image, as `lacuna.evaluation.quality` measures it.

    SSIM falls in jumps and need not fall everywhere. The image is at one crossing of the wanted value, on the nearer
    side of the jump.
    """
    wanted, known = ssim.double().to(clean.device), KnownSsim(clean)
    return _bisect(clean, base - clean, lambda images: wanted - known(images))


class KnownSsim:
    """The SSIM of images to the clean ones, which is computed once for each 8-bit image.

    A bisection comes close to a jump long before it ends. From there on it meets the same 8-bit images again.
    """

    def __init__(self, clean: Tensor) -> None:
        self.clean = clean
        self.known: list[dict[bytes, float]] = [{} for _ in clean]

    def __call__(self, images: Tensor) -> Tensor:
        """SSIM float64 (B,) of images (B, C, H, W) in [0, 1], one for each clean image, on their device."""
        names = [blake2b(image.tobytes(), digest_size=16).digest() for image in to_bytes(images).cpu().numpy()]
        new = [i for i, name in enumerate(names) if name not in self.known[i]]
        for i, value in zip(new, similarity("ssim", self.clean[new], images[new]).tolist(), strict=True):
            self.known[i][names[i]] = value
        found = [known[name] for known, name in zip(self.known, names, strict=True)]
        return torch.tensor(found, dtype=torch.float64, device=self.clean.device)


def _bisect(clean: Tensor, change: Tensor, excess: Callable[[Tensor], Tensor]) -> AttackResult:
    """Bisects t per image to the nearer side of where ``excess``, at most 0 for the clean image, crosses 0."""

    def at(t: Tensor) -> Tensor:
        return (clean + t.to(clean).view(-1, 1, 1, 1) * change).clamp_(0, 1)

    low = torch.zeros(len(clean), dtype=torch.float64, device=clean.device)
    high = torch.ones_like(low)
    for _ in range(DOUBLINGS):
        high = torch.where(excess(at(high)) < 0, 2 * high, high)
    reached = excess(at(high)) >= 0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        over = excess(at(middle)) >= 0
        low, high = torch.where(over, low, middle), torch.where(over, middle, high)
    nearer = torch.where(excess(at(high)) < -excess(at(low)), high, low)
    return AttackResult(at(torch.where(reached, nearer, torch.zeros_like(nearer))), reached)


def match_size(clean: Tensor, found: AttackResult, match: str, distance: Tensor, other: Tensor) -> AttackResult:
    """Scales an attack's changes per image until they are as large as another's: ``match`` is l2 or ssim.

    ``distance`` (B,) and ``other`` (B, C, H, W) are the other attack's distances and 8-bit images in [0, 1]. An image
    is valid where the attack found it and the wanted size can be reached.
    """
    if match == "l2":
        sized = match_l2(clean, found.images, distance)
    else:
        sized = match_ssim(clean, found.images, similarity("ssim", clean, other))
    return AttackResult(sized.images, sized.valid & found.valid, found.extras)
