"""Randomised smoothing (Cohen et al. 2019): what a network says under Gaussian noise, and how far that is certain."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels
from lacuna.numerics.seeding import derive

CHUNK = 100  # noisy images at a time. It decides which numbers a generator gives, so that it is no setting
ABSTAINED = -1


class SmoothedNetwork(nn.Module):
    """A network that answers with the class it gives most often under noise, or abstains.

    ``settings`` has ``sigma``, the noise's standard deviation (pixels in [0, 1]). ``n0`` noisy images choose the class.
    ``n`` other images bound its probability from below; the bound is wrong with probability ``alpha`` at most. The
    choice, the bound (Clopper-Pearson) and the radius are those of the Adversarial Robustness Toolbox. The noise is a
    function of ``seed`` and of the image's bytes, so that results do not depend on batches.
    """

    def __init__(self, settings: dict[str, Any], network: nn.Module, seed: int) -> None:
        super().__init__()
        self.settings, self.network, self.seed = settings, network, seed

    @torch.no_grad()
    def decide(self, images: Tensor) -> Tensor:
        """Classes int64 (N,), on the CPU, of images uint8 (N, C, H, W); -1 where the network abstains.

        The classes are those of `certify`, from the same noise. They take about half the time, since no more noise is
        drawn once the rest cannot change an answer.
        """
        self.eval()
        toolbox = _toolbox(self.settings, self.network, images)
        needed = _needed(toolbox, self.settings["n"])
        return torch.tensor([self._decided(toolbox, image, needed) for image in images.cpu()])

    @torch.no_grad()
    def certify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The classes of `decide`, and the l2 radii float64 (N,), pixels in [0, 1], within which they are certain.

        A radius is 0 where the network abstains.
        """
        self.eval()
        toolbox = _toolbox(self.settings, self.network, images)
        answers = [self._certified(toolbox, image) for image in images.cpu()]
        return torch.tensor([int(a) for a, _ in answers]), torch.tensor([r for _, r in answers], dtype=torch.float64)

    def _certified(self, toolbox: Any, image: Tensor) -> tuple[int, float]:
        toolbox.generator = self._generator(image)
        classes, radii = toolbox.certify(as_pixels(image[None]).numpy(), n=self.settings["n"])
        return int(classes[0]), float(radii[0])

    def _decided(self, toolbox: Any, image: Tensor, needed: int) -> int:
        toolbox.generator, x, left = self._generator(image), as_pixels(image[None])[0], self.settings["n"]
        chosen, found = int(_counts(self.network, x, self.settings["n0"], toolbox).argmax()), 0
        for counts in _chunks(self.network, x, left, toolbox):
            found, left = found + int(counts[chosen]), left - CHUNK  # below 0 after a smaller last chunk
            if found >= needed or found + left < needed:
                break
        return chosen if found >= needed else ABSTAINED

    def _generator(self, image: Tensor) -> torch.Generator:
        content = hashlib.sha256(image.numpy().tobytes()).hexdigest()
        return torch.Generator().manual_seed(derive(self.seed, "smoothing", content))


def _toolbox(settings: dict[str, Any], network: nn.Module, images: Tensor) -> Any:
    """The toolbox's smoothed classifier. Its noise comes from our generator and is drawn and tried in chunks."""
    from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing

    class Chunked(PyTorchRandomizedSmoothing):  # type: ignore[misc]
        generator: torch.Generator

        def _prediction_counts(self, x: np.ndarray, n: int | None = None, batch_size: int = CHUNK) -> np.ndarray:
            return _counts(network, torch.from_numpy(x), n or settings["n0"], self)

    classes = network(as_pixels(images[:1])).shape[1]
    how = {"sample_size": settings["n0"], "scale": settings["sigma"], "alpha": settings["alpha"]}
    device = "gpu" if images.is_cuda else "cpu"
    shape = tuple(images.shape[1:])
    toolbox = Chunked(network, nn.CrossEntropyLoss(), shape, classes, device_type=device, **how)
    toolbox.device_of_images = images.device
    return toolbox


def _needed(toolbox: Any, n: int) -> int:
    """How many of n noisy copies must get the chosen class for an answer; n + 1 where no number is enough."""
    return bisect_left(range(n + 1), True, key=lambda k: bool(toolbox._lower_confidence_bound(k, n) >= 0.5))


def _counts(network: nn.Module, x: Tensor, n: int, toolbox: Any) -> np.ndarray:
    """How often the network gives each class to n noisy copies of one image (C, H, W). The copies are not clipped."""
    return torch.stack(list(_chunks(network, x, n, toolbox))).sum(0).cpu().numpy()


def _chunks(network: nn.Module, x: Tensor, n: int, toolbox: Any) -> Iterator[Tensor]:
    """The counts of `_counts`, `CHUNK` copies at a time."""
    for start in range(0, n, CHUNK):
        noise = torch.randn(CHUNK, *x.shape, generator=toolbox.generator)[: min(CHUNK, n - start)]
        logits = network((x + toolbox.scale * noise).to(toolbox.device_of_images))
        yield torch.bincount(logits.argmax(1), minlength=logits.shape[1])
