"""AdvDrop (Duan et al. 2021): quantisation tables of block DCTs, learned by signed gradients, drop detail."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.dct import block_dct, inverse_block_dct
from lacuna.attacks.core.draws import AttackResult, Draws
from lacuna.attacks.core.victim import classes_of_8_bit, freeze, logits_with_gradient
from lacuna.attacks.methods.advdrop import SMALLEST
from lacuna.errors import LacunaError

ALPHA = 0.1  # softness of rounding at the first step; it falls by ALPHA / steps a step, to ALPHA / steps at the last
LEVELS, MIDDLE = 255.0, 128.0  # coefficients are those of pixels on the 0..255 scale, less 128


def advdrop(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    variant: str,
    bound: float,
    steps: int,
    table_step: float = 1,
    targeted: bool = False,
    aim: str = "random",
    rounding: str = "soft",
    success: str = "relaxed",
    tables: str = "learned",
    draws: Draws,
) -> AttackResult:
    """Rounds the block DCT coefficients of images as coarsely as needed, where it matters to the network.

    Images are (B, C, H, W) in [0, 1] of any size and number of channels, labels int64 (B,). Each image, channel and
    block has a table q of its own, 8 x 8, in units of coefficients on the 0..255 scale. With ``variant`` paper q starts
    at 1 in the box [1, 1 + ``bound``]; with released_code it starts at ``bound`` in [5, ``bound``]. A step replaces the
    coefficients c by q times c / q rounded (``rounding`` soft, or hard for the ablation) and asks the network. It then
    moves q by ``table_step`` along the sign of the gradient: up the cross-entropy of the label, or with ``targeted``
    down that of another class. ``aim`` says which: a random one, the same for every attack of a run, or the
    least_likely one of the clean image. Channels stay as they are, without YCbCr (released code).

    An image stops at the first step that succeeds, else at the last of ``steps``; the tables after the gradient of that
    step are never tried. ``success`` says which image is judged: the relaxed one, neither clipped nor 8 bit (released
    code), or the eight_bit one, which is ours; with never (ours) every image goes to the last step. In the released
    code a batch stops when all of it succeeds, so that the result for an image depends on its batch. The result is the
    image of the last step, clipped to [0, 1].

    ``tables`` other than the learned ones are controls of ours, each with hard rounding: uniform ones of ``bound``,
    without a search; uniform ones of the mean of the tables that the search learns for the image; or the learned ones
    permuted among the image's blocks. All images are valid, whether they succeed or not. Extras are int64 (B,):

    * ``wanted`` is the class that the attack wants, -1 if untargeted.
    * ``relaxed`` is the network's class for the relaxed image, -1 for controls.
    * ``hard`` is its class for the image of the same tables with hard rounding, clipped to [0, 1].

    Raises `LacunaError` for a model in training mode or without gradient at its pixels, and for a ``bound`` without a
    box.
    """
    with freeze(model), torch.no_grad():
        wanted = _wrong_classes(model, x, labels, aim, draws) if targeted else None
        how: dict[str, Any] = {
            "variant": variant,
            "bound": bound,
            "steps": steps,
            "table_step": table_step,
            "rounding": rounding,
            "success": success,
        }
        found = _uniform(x, labels, bound) if tables == "uniform" else learn_tables(model, x, labels, wanted, **how)
        chosen = _controlled(found.tables, tables, draws)
        hard_images = quantise_hard(coefficients(x), chosen, size_of(x))
        hard = model(hard_images).argmax(1)
    learned, none = tables == "learned", torch.full_like(labels, -1)
    extras = {"wanted": none if wanted is None else wanted, "relaxed": found.said if learned else none, "hard": hard}
    images = found.images.clamp_(0, 1) if learned else hard_images
    return AttackResult(images, torch.ones_like(labels, dtype=torch.bool), extras)


def _uniform(x: Tensor, labels: Tensor, bound: float) -> "Found":
    """Tables of ``bound`` everywhere."""
    return Found(torch.full_like(coefficients(x), bound), x, labels)


def _controlled(tables: Tensor, control: str, draws: Draws) -> Tensor:
    """The tables (B, C, rows, columns, 8, 8), or what a control makes of them."""
    if control == "mean":
        return tables.mean(dim=(1, 2, 3, 4, 5), keepdim=True).expand_as(tables)
    if control != "permuted":
        return tables
    blocks = tables.flatten(2, 3)  # all channels of a block move together
    orders = [torch.randperm(blocks.shape[2], generator=g) for g in draws.generators("blocks")]
    moved = [each[:, order.to(each.device)] for each, order in zip(blocks, orders, strict=True)]
    return torch.stack(moved).view_as(tables)


@torch.enable_grad()
def learn_tables(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    wanted: Tensor | None,
    *,
    variant: str,
    bound: float,
    steps: int,
    table_step: float = 1,
    rounding: str = "soft",
    success: str = "relaxed",
) -> "Found":
    """The tables that `advdrop` learns for a frozen model, towards the classes ``wanted`` (B,) if any are."""
    start, *box = _box(variant, bound)
    c = coefficients(x)
    goal, places = labels if wanted is None else wanted, torch.arange(len(x), device=x.device)
    sign = -1 if wanted is None else 1
    search = _Search(c, torch.full_like(c, start), goal, places, sign, success)
    found = Found(search.q.clone(), x.detach().clone(), labels.clone())
    for step in range(steps):
        alpha = ALPHA * (1 - step / steps) if rounding == "soft" else None
        _step(model, search, found, size_of(x), alpha, table_step, box, last=step == steps - 1)
        if not len(search.places):
            break
    return found


def coefficients(x: Tensor) -> Tensor:
    """Block DCT (B, C, rows, columns, 8, 8) of images in [0, 1], in units of the 0..255 scale."""
    return block_dct(x * LEVELS - MIDDLE)


def size_of(x: Tensor) -> tuple[int, int]:
    """Height and width of images (B, C, H, W)."""
    return x.shape[-2], x.shape[-1]


def _box(variant: str, bound: float) -> tuple[float, float, float]:
    """Where tables start, and their smallest and largest entry."""
    if variant == "paper":
        return 1, 1, 1 + bound
    if bound < SMALLEST:
        where = f"at least {SMALLEST}, where the released code's box begins"
        raise LacunaError(f"advdrop: bound is {bound:g}; allowed: {where}")
    return bound, SMALLEST, bound


def _wrong_classes(model: nn.Module, x: Tensor, labels: Tensor, aim: str, draws: Draws) -> Tensor:
    """A class for each image that is not its label: drawn uniformly among all of them, or the least likely one."""
    if aim == "least_likely":
        return model(x).scatter(1, labels[:, None], math.inf).argmin(1)
    with torch.no_grad():
        others = model(x[:1]).shape[1] - 1
    generators = draws.alike().generators("target")
    drawn = torch.cat([torch.randint(others, (1,), generator=g) for g in generators]).to(labels.device)
    return drawn + (drawn >= labels)


@dataclass
class _Search:
    """The images without success so far: coefficients and tables (B, C, rows, columns, 8, 8), and their ``places``.

    ``goal`` (B,) is the wanted class, or with ``sign`` -1 the label. The loss to descend is ``sign`` times the
    cross-entropy of the goal. ``success`` is that of `advdrop`.
    """

    c: Tensor
    q: Tensor
    goal: Tensor
    places: Tensor
    sign: int
    success: str

    def failures(self, model: nn.Module, images: Tensor, said: Tensor) -> Tensor:
        """Says which images go on: the network, which ``said`` something of them, does not answer as it should."""
        if self.success == "never":
            return torch.ones_like(said, dtype=torch.bool)
        said = classes_of_8_bit(model, images) if self.success == "eight_bit" else said
        return said != self.goal if self.sign > 0 else said == self.goal

    def keep(self, kept: Tensor) -> None:
        """Goes on with the images ``kept``, and drops the others."""
        self.c, self.q, self.goal, self.places = (t[kept] for t in (self.c, self.q, self.goal, self.places))


@dataclass
class Found:
    """Of every image at its last step: the tables, the relaxed image, and the network's class for it."""

    tables: Tensor
    images: Tensor
    said: Tensor


def _step(
    model: nn.Module,
    search: _Search,
    found: Found,
    size: tuple[int, int],
    alpha: float | None,
    table_step: float,
    box: list[float],
    last: bool,
) -> None:
    """Notes the images that succeed, at the ``last`` step all images, and moves the tables of the others."""
    quantised, slope = quantise(search.c, search.q, alpha)
    images = as_images(quantised, size).requires_grad_()
    logits = logits_with_gradient(model, images)
    said = logits.detach().argmax(1)
    failing = search.failures(model, images, said) & (not last)
    going = failing.nonzero().flatten()
    if len(going) < len(failing):
        stopped = (~failing).nonzero().flatten()
        at = search.places[stopped]
        found.tables[at], found.images[at], found.said[at] = search.q[stopped], images.detach()[stopped], said[stopped]
    if len(going):  # the sum keeps images independent
        loss = search.sign * F.cross_entropy(logits, search.goal, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, images)
        direction = slope.mul_(block_dct(gradient, "constant")).sign_()
        search.q.sub_(direction, alpha=table_step).clamp_(*box)
    if len(going) < len(failing):
        search.keep(going)


def quantise(c: Tensor, tables: Tensor, alpha: float | None) -> tuple[Tensor, Tensor]:
    """q times the rounded c / q, and its derivative by q.

    Rounding is soft, or with ``alpha`` None hard, to even; the derivative of hard rounding counts as 0.
    """
    units = c / tables
    if alpha is None:
        rounded = units.round()
        return tables * rounded, rounded
    rounded, slope = soft_round(units, alpha)
    return tables * rounded, rounded - slope.mul_(units)


def soft_round(values: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """A smooth stand-in for rounding, and its derivative (differentiable soft quantisation).

    Between two integers it is the lower + (1 + tanh(k d) / tanh(k / 2)) / 2. There d is the distance from half-way and
    k = ln(2 / alpha - 1), so that tanh(k / 2) = 1 - alpha. It is exact at integers and half-way, and becomes hard
    rounding as ``alpha``, which lies in (0, 1), goes to 0.
    """
    sharpness, half, lower = math.log(2 / alpha - 1), 0.5 / (1 - alpha), values.floor()
    wave = (values - lower).sub_(0.5).mul_(sharpness).tanh_()
    slope = wave.square().neg_().add_(1).mul_(half * sharpness)
    return wave.mul_(half).add_(0.5).add_(lower), slope


def as_images(coefficients: Tensor, size: tuple[int, int]) -> Tensor:
    """The images (B, C, H, W) of coefficients, 1 for white, neither clipped nor rounded."""
    return inverse_block_dct(coefficients, size).add(MIDDLE).div_(LEVELS)


def quantise_hard(coefficients: Tensor, tables: Tensor, size: tuple[int, int]) -> Tensor:
    """The images in [0, 1] that a decoder would show of coefficients after hard rounding."""
    return as_images(quantise(coefficients, tables, None)[0], size).clamp_(0, 1)
