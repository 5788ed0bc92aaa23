"""Folds batch normalisation into the convolution before it: the same function in evaluation, and faster to attack."""

import copy
from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lacuna.models.layers import Pointwise


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of a model in evaluation mode, in which a convolution and the batch normalisation after it are one layer.

    The copy equals the model up to float rounding, so the configuration says whether attacks use it (fold_batch_norm).
    It is for networks of this project: one of the user's own may normalise in ways that this function does not
    recognise. A pair stands side by side in an nn.Sequential, or a module names it in ``FOLDABLE``. A batch
    normalisation before its convolution stays. Raises ValueError for a model in training mode.
    """
    if model.training:
        raise ValueError("batch statistics can be folded in evaluation mode only")
    copied = copy.deepcopy(model)
    for module in list(copied.modules()):
        for conv, norm in _pairs(module):
            before, after = module.get_submodule(conv), module.get_submodule(norm)
            assert isinstance(before, nn.Conv2d)
            assert isinstance(after, nn.BatchNorm2d)
            module.set_submodule(conv, fuse_conv_bn_eval(before, after))
            module.set_submodule(norm, nn.Identity())
    for name, module in list(copied.named_modules()):
        if isinstance(module, Pointwise):
            copied.set_submodule(name, _strided(module))
    return copied.eval()  # the identities too


def _strided(pointwise: Pointwise) -> nn.Conv2d:
    """The same function with the stride in the kernel. It is faster, and no attack asks for the weight's gradient."""
    inputs, outputs, stride = pointwise.in_channels, pointwise.out_channels, pointwise.stride
    conv = nn.Conv2d(inputs, outputs, 1, stride, bias=pointwise.bias is not None)  # type: ignore[arg-type]
    conv.weight, conv.bias = pointwise.weight, pointwise.bias
    return conv


def _pairs(module: nn.Module) -> list[tuple[str, str]]:
    if type(module) is not nn.Sequential:
        return list(getattr(module, "FOLDABLE", ()))
    neighbours = pairwise(module.named_children())
    return [(a, b) for (a, x), (b, y) in neighbours if isinstance(x, nn.Conv2d) and type(y) is nn.BatchNorm2d]
