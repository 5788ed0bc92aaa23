"""How much of a saliency density lies in the foreground: the paper's foreground score."""

import torch
from torch import Tensor, nn

from lacuna.numerics.images import as_pixels


def foreground_score(density: Tensor, mask: Tensor) -> Tensor:
    """S of Section 3.2: the sum of a density (B, H, W) over the foreground, bool (B, H, W); (B,) in [0, 1].

    The paper's formula prints the pixels that are not in the foreground, an error of typesetting.
    """
    return (density * mask).sum((1, 2))


@torch.no_grad()
def foreground_scores(saliency: nn.Module, images: Tensor, masks: Tensor, batch: int) -> Tensor:
    """Scores (N,), on the CPU, of images uint8 (N, C, H, W) and masks bool (N, H, W) on the model's device."""
    places = [slice(start, start + batch) for start in range(0, len(images), batch)]
    return torch.cat([foreground_score(saliency(as_pixels(images[p])), masks[p]) for p in places]).cpu()


def score_gradient(saliency: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Gradient of each image's foreground score with respect to the images (B, C, H, W) in [0, 1]."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(foreground_score(saliency(x), mask).sum(), x)
    return gradient
