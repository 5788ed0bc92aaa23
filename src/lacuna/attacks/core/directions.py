"""Gradients as directions: each image's gradient divided by its norm, however small or large it is.

The square of a number below 1e-19 is less than the normal numbers of float32, and that of one above 1e19 is infinite. A
saturated network has gradients far below that. Gradients are therefore first brought to a size around 1.
"""

import torch
from torch import Tensor


def unit_l1(gradient: Tensor) -> Tensor:
    """The gradient (B, C, H, W) over each image's l1 norm; a gradient of zeros stays."""
    scaled = to_size_one(gradient)
    return scaled / scaled.abs().sum((1, 2, 3), keepdim=True).clamp_(min=1)  # below 1 only where all is zero


def unit_l2(gradient: Tensor) -> Tensor:
    """The gradient (B, C, H, W) over each image's l2 norm; a gradient of zeros stays."""
    scaled = to_size_one(gradient)
    return scaled / scaled.square().sum((1, 2, 3), keepdim=True).sqrt_().clamp_(min=1)


def to_size_one(tensor: Tensor) -> Tensor:
    """Each image of a tensor (B, C, H, W) over the power of two that brings its largest absolute value to [1, 2).

    To divide by a power of two changes no digit, so that a quotient of ordinary numbers stays the same to the bit.
    An image of zeros stays, and one that holds NaN or infinity keeps NaN.
    """
    largest = tensor.abs().amax((1, 2, 3), keepdim=True)
    power = largest / (2 * torch.frexp(largest).mantissa)
    return tensor / torch.where(largest == 0, 1, power)
