"""DeepGaze IIE from its official repository. The paper used DeepGaze II, which has no published PyTorch weights."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.foreign.answers import require_tensor
from lacuna.foreign.calls import calling
from lacuna.foreign.parts import Foreign

REPOSITORY, TAG = "matthias-k/DeepGaze", "v1.2.1"
UNIFORM = "uniform"
WHOLE = 0.01  # how far from 1 the sum of a density may be: DeepGaze works in single precision


class DeepGaze(Foreign):
    """A network of the DeepGaze family as a density of fixations over the pixels of an image.

    ``network`` takes RGB images (B, 3, P, P) in [0, 255] and a log centre bias (B, P, P) whose exponentials sum to 1.
    It gives the log density (B, 1, P, P). The network expects 35 pixels per degree. Images are therefore enlarged to
    P = ``pixels`` first, and the density is then summed over the area of each pixel of the image.
    """

    label, kind = "DeepGaze IIE", "saliency"
    bias: Tensor

    def __init__(self, network: nn.Module, bias: Tensor) -> None:
        super().__init__(self.label)
        self.network = network
        self.register_buffer("bias", bias)

    @classmethod
    def pretrained(cls, centre_bias: str, pixels: int) -> "DeepGaze":
        """DeepGaze IIE through torch.hub. Raises `LacunaError` where a file is missing; it says what belongs where."""
        bias = read_centre_bias(centre_bias, pixels)
        hub = Path(torch.hub.get_dir())
        try:
            network = torch.hub.load(  # type: ignore[no-untyped-call]
                f"{REPOSITORY}:{TAG}", "DeepGazeIIE", pretrained=True, trust_repo=True, skip_validation=True
            )
        except (OSError, RuntimeError, ImportError, ValueError, KeyError) as error:
            folder, reason = f"{REPOSITORY.replace('/', '_')}_{TAG}", str(error).partition("\n")[0][:120]
            raise LacunaError(
                f"DeepGaze IIE cannot be loaded ({type(error).__name__}: {reason}); put its repository, tag {TAG}, in "
                f"{hub / folder}, and deepgaze2e.pth and the weights of its four backbones in {hub / 'checkpoints'}; "
                f"without them allowed: saliency kind spectral_residual, a stand-in"
            ) from None
        return cls(network, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Density (B, H, W) of images (B, 1 or 3, H, W) in [0, 1]; the channel of a grey image is repeated.

        Raises `LacunaError` where the network gives no log densities.
        """
        side = self.bias.shape[-1]
        colour = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
        enlarged = F.interpolate(255 * colour, (side, side), mode="bilinear")
        density = self._logarithm(enlarged)[:, 0].exp()
        rows, columns = (overlap(size, side, x.device).to(x.dtype) for size in x.shape[2:])
        summed = rows @ density @ columns.T
        floored = summed.clamp(min=torch.finfo(x.dtype).tiny)
        return floored / floored.sum((1, 2), keepdim=True)

    answer = forward

    def _logarithm(self, enlarged: Tensor) -> Tensor:
        """The network's log density (B, 1, P, P) of enlarged images; its exponentials must sum to 1."""
        bias = self.bias.to(enlarged.dtype).repeat(len(enlarged), 1, 1)
        with calling(self.name):
            made = self.network(enlarged.clone(), bias)
        found = require_tensor(self.name, made, (len(enlarged), 1, *bias.shape[1:]), enlarged)
        total = found.detach().double().exp().sum((1, 2, 3))
        if ((total - 1).abs() > WHOLE).any():
            worst = float(total[(total - 1).abs().argmax()])
            raise LacunaError(f"{self.name} gave log densities whose exponentials sum to {worst:.3g}; allowed: 1")
        return found


def overlap(size: int, side: int, device: torch.device | None = None) -> Tensor:
    """(size, side): the share of each of ``side`` equal cells that lies in each of ``size`` equal cells.

    Both sets of cells divide the same length.
    """
    edges = torch.arange(size + 1, dtype=torch.float64, device=device) * side / size
    fine = torch.arange(side, dtype=torch.float64, device=device)
    upper = torch.minimum(edges[1:, None], fine[None] + 1)
    return (upper - torch.maximum(edges[:-1, None], fine[None])).clamp_(min=0)


def read_centre_bias(source: str, pixels: int) -> Tensor:
    """Log density (1, pixels, pixels) whose exponentials sum to 1.

    ``source`` is ``uniform``, or an .npy file, which is resized (order 0). Raises `LacunaError` where the file is
    missing or is no square of finite log densities.
    """
    if source == UNIFORM:
        return torch.full((1, pixels, pixels), -2 * float(np.log(pixels)))
    try:
        stored = np.load(source, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise LacunaError(
            f"{source} is not there or is no .npy file; put centerbias_mit1003.npy of {REPOSITORY}'s release v1.0.0 "
            f"there, or set centre_bias: {UNIFORM}"
        ) from None
    if stored.ndim != 2 or stored.shape[0] != stored.shape[1] or not np.isfinite(stored).all():
        raise LacunaError(f"{source} is {stored.shape}; allowed: a square array of finite log densities")
    nearest = F.interpolate(torch.from_numpy(stored).double()[None, None], (pixels, pixels), mode="nearest-exact")[0]
    return (nearest - nearest.logsumexp((1, 2), keepdim=True)).float()
