"""The foreground score of dual perturbation: how much of a saliency density lies on the foreground."""

import torch
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels


def foreground_score(density: Tensor, foreground: Tensor) -> Tensor:
    """S of Section 3.2: the sum of a density (B, H, W) over the foreground, bool (B, H, W); (B,) in [0, 1].

    The paper's formula sums over the pixels that are not in the foreground. That is an error of typesetting.
    """
    return (density * foreground).sum((1, 2))


@torch.no_grad()
def foreground_scores(saliency: nn.Module, images: Tensor, foreground: Tensor, batch: int) -> Tensor:
    """`foreground_score` (N,), on the CPU, of images uint8 (N, C, H, W), with the ``saliency`` model's density.

    ``foreground`` is bool (N, H, W). Images and foreground are on the model's device.
    """
    places = [slice(start, start + batch) for start in range(0, len(images), batch)]
    return torch.cat([foreground_score(saliency(as_pixels(images[p])), foreground[p]) for p in places]).cpu()


def score_gradient(saliency: nn.Module, x: Tensor, foreground: Tensor) -> Tensor:
    """Gradient (B, C, H, W) of each image's `foreground_score` with respect to the images x in [0, 1]."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(foreground_score(saliency(x), foreground).sum(), x)
    return gradient
