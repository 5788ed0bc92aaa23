"""What attacks share: random numbers that do not depend on batches, and results with examples missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import compress

import torch
from torch import Tensor

from lacuna.numerics.seeding import derive


@dataclass(frozen=True)
class AttackResult:
    """What an attack made: images (B, C, H, W) in [0, 1], and ``valid`` bool (B,), False where it found no example.

    The image of an example that was not found is the clean one. ``extras``, int64 (B,) each, is what else an attack
    says of every image: named in `lacuna.language.attacks.EXTRAS`.
    """

    images: Tensor
    valid: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Draws:
    """Random numbers of an attack on some images, each a function of ``seed``, the image's id and the draw's name.

    So they depend neither on the batch an image is in nor on its place there. ``seed`` is that of the whole
    adversarial set, ``shared`` one that all sets of a run have. Drawn on the CPU, then moved: devices draw alike.
    """

    seed: int
    images: tuple[int, ...]
    shared: int = 0

    def part(self, place: slice) -> "Draws":
        """The draws of some of the images."""
        return replace(self, images=self.images[place])

    def where(self, chosen: Tensor) -> "Draws":
        """The draws of the images for which ``chosen``, bool (B,), is true."""
        return replace(self, images=tuple(compress(self.images, chosen.tolist())))

    def seeds(self, name: str) -> list[int]:
        """One seed per image, for draws called ``name``."""
        return [derive(self.seed, name, image) for image in self.images]

    def generators(self, name: str) -> list[torch.Generator]:
        """One CPU generator per image, for draws called ``name``."""
        return [torch.Generator().manual_seed(seed) for seed in self.seeds(name)]

    def alike(self) -> "Draws":
        """Draws that are the same for every attack and source of a run."""
        return replace(self, seed=self.shared)

    def uniform(self, name: str, like: Tensor) -> Tensor:
        """Uniform in [0, 1), of the shape, type and device of ``like``."""
        parts = [torch.rand(like.shape[1:], generator=g, dtype=like.dtype) for g in self.generators(name)]
        return torch.stack(parts).to(like.device)

    def normal(self, name: str, like: Tensor) -> Tensor:
        """Standard normal, of the shape, type and device of ``like``."""
        parts = [torch.randn(like.shape[1:], generator=g, dtype=like.dtype) for g in self.generators(name)]
        return torch.stack(parts).to(like.device)
