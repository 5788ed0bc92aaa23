"""How much of a saliency density lies in the foreground: the paper's foreground score."""

import torch
from torch import Tensor, nn


def foreground_score(density: Tensor, mask: Tensor) -> Tensor:
    """S of Section 3.2: the sum of a density (B, H, W) over the foreground, bool (B, H, W); (B,) in [0, 1].

    The paper's formula prints the pixels that are not in the foreground, an error of typesetting.
    """
    return (density * mask).sum((1, 2))


def score_gradient(saliency: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
    """Gradient of each image's foreground score with respect to the images (B, C, H, W) in [0, 1]."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(foreground_score(saliency(x), mask).sum(), x)
    return gradient
