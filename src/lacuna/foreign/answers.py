"""Checks what code of the user's own gives back: type, shape, number type, device, finite numbers, range."""

import torch
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.foreign.words import named


def require_tensor(who: str, made: object, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """What ``who`` gave for images ``like`` (B, ...), which must be a tensor (B, ...) of this ``shape``.

    It must have the number type and the device of the images, and every number must be finite. Raises `LacunaError`
    where it has not.
    """
    wanted = f"allowed: a tensor {shape} of type {_plain(like.dtype)}"
    if not isinstance(made, Tensor):
        raise LacunaError(f"{who} gave {named(made)} for {len(like)} images; {wanted}")
    if tuple(made.shape) != shape:
        raise LacunaError(f"{who} gave {tuple(made.shape)} for images {tuple(like.shape)}; {wanted}")
    if made.dtype != like.dtype or made.layout != torch.strided:
        found = _plain(made.dtype) if made.dtype != like.dtype else _plain(made.layout)
        raise LacunaError(f"{who} gave numbers of type {found}; {wanted}")
    if made.device != like.device:
        raise LacunaError(f"{who} gave numbers on the device {made.device}; allowed: {like.device}, as the images")
    finite = made.detach().isfinite().flatten(1).all(1)
    if not finite.all():
        count = int((~finite).sum())
        raise LacunaError(f"{who} gave numbers that are not finite for {count} of {len(like)} images; {wanted}")
    return made


def require_pixels(who: str, made: object, like: Tensor, slack: float = 0) -> Tensor:
    """As `require_tensor` for images of the shape of ``like``, whose pixels must also be in [0, 1].

    ``slack`` is how far beyond these ends rounding may lead.
    """
    pixels = require_tensor(who, made, tuple(like.shape), like)
    low, high = (float(end) for end in torch.aminmax(pixels.detach()))
    if low < -slack or high > 1 + slack:
        raise LacunaError(f"{who} gave pixels in [{low:.3g}, {high:.3g}]; allowed: [0, 1]")
    return pixels


def _plain(name: object) -> str:
    return str(name).removeprefix("torch.")
