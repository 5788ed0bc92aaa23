"""APGD (Croce and Hein 2020): PGD in the l-infinity ball that chooses its own step sizes, on two losses."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.attacks.core.ball import box, check_range, uniform_start
from lacuna.attacks.core.draws import Draws
from lacuna.attacks.core.victim import freeze, loss_with_gradient
from lacuna.errors import LacunaError

MOMENTUM = 0.75  # share of a move that is the new step; the rest goes on as before
RISES = 0.75  # of the moves between two checkpoints, how many must raise the loss
TINY = 1e-12  # added to the denominator of the DLR loss, as in the released code
FEWEST = 4  # classes that the DLR loss needs

Loss = Callable[[Tensor], Tensor]  # logits (B, K) -> what is ascended (B,)


def apgd_ce(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    steps: int,
    restarts: int = 1,
    draws: Draws | None = None,
) -> Tensor:
    """APGD on the cross-entropy (Croce and Hein 2020, Algorithm 1), from a random start.

    Images are (B, C, H, W) in [0, 1], labels int64 (B,), ``epsilon`` in pixel units. Steps begin at 2 ``epsilon``.
    Where a stretch of the walk of an image brought too little, its step is halved and its walk goes back to its best
    point. The result is, of all points of all ``restarts``, one that fools the network if there is any, and of these
    the one of highest loss. Starts come from ``draws``, without them from torch's global generator.

    Paper and released code (fra31/auto-attack) differ. Checkpoints are the paper's, which are the code's for 100 steps.
    Too few moves rise where at most 3/4 of them do (code), not where fewer do (paper). The start is uniform in the ball
    (paper). Raises `LacunaError` for a model in training mode or without gradient at its pixels, and ValueError for
    images outside [0, 1].
    """
    check_range(x)
    limits = box(x, epsilon)
    best = Best.nothing(x)
    with freeze(model):
        for restart in range(restarts):
            start = uniform_start(x, limits, epsilon, restart, draws)
            walk = Walk(model, labels, limits, epsilon)
            best.offer(*walk.follow(start, cross_entropy(labels), steps).parts)
    return best.images


def apgd_t(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    steps: int,
    targets: int = 9,
    restarts: int = 1,
    draws: Draws | None = None,
) -> Tensor:
    """APGD on the targeted DLR loss (Croce and Hein 2020, Section 4.1), towards one wrong class after the other.

    All but the loss is as in `apgd_ce`. This loss does not change with the scale of the logits, so that a saturated
    softmax hides nothing from it. The ``targets`` classes, at most all wrong ones, are those of the highest logits on
    the clean image, in that order. An image that fools the network is left alone. Raises `LacunaError` for a network of
    fewer than four classes too.
    """
    check_range(x)
    limits = box(x, epsilon)
    best = Best.nothing(x)
    with freeze(model):
        wanted = _likeliest(model, x, labels, targets)
        for i in range(restarts * wanted.shape[1]):
            left = (~best.wrong).nonzero().flatten()
            if not len(left):
                break
            start = uniform_start(x, limits, epsilon, i, draws)[left]
            walk = Walk(model, labels[left], (limits[0][left], limits[1][left]), epsilon)
            towards = targeted_dlr(labels[left], wanted[left, i % wanted.shape[1]])
            best.offer(*walk.follow(start, towards, steps).parts, left)
    return best.images


def cross_entropy(labels: Tensor) -> Loss:
    """The cross-entropy of labels int64 (B,)."""
    return lambda logits: F.cross_entropy(logits, labels, reduction="none")


def targeted_dlr(labels: Tensor, wanted: Tensor) -> Loss:
    """Logit of the wanted less that of the true class, over the first less the mean of the third and fourth highest."""

    def loss(logits: Tensor) -> Tensor:
        highest = logits.topk(FEWEST, dim=1).values
        true, sought = (logits.gather(1, classes[:, None])[:, 0] for classes in (labels, wanted))
        return (sought - true) / (highest[:, 0] - (highest[:, 2] + highest[:, 3]) / 2 + TINY)

    return loss


@torch.no_grad()
def _likeliest(model: nn.Module, x: Tensor, labels: Tensor, count: int) -> Tensor:
    """The ``count`` wrong classes (B, count) of the highest logits, the highest first."""
    logits = model(x)
    if logits.shape[1] < FEWEST:
        raise LacunaError(f"apgd_t: the source has {logits.shape[1]} classes; allowed: at least {FEWEST}")
    wrong = logits.masked_fill(F.one_hot(labels, logits.shape[1]).bool(), -torch.inf)
    return wrong.topk(min(count, logits.shape[1] - 1), dim=1).indices


@dataclass
class Best:
    """The best point of every image so far: ``images``, ``losses`` (B,), and where the network is ``wrong``, bool."""

    images: Tensor
    losses: Tensor
    wrong: Tensor

    @classmethod
    def nothing(cls, x: Tensor) -> "Best":
        """Before any point: every offer is better."""
        return cls(x.clone(), x.new_full((len(x),), -torch.inf), torch.zeros_like(x[:, 0, 0, 0], dtype=torch.bool))

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three tensors, as `offer` takes them."""
        return self.images, self.losses, self.wrong

    def offer(self, images: Tensor, losses: Tensor, wrong: Tensor, places: Tensor | None = None) -> None:
        """Takes what fools the network, and among equals what is higher, for the images at ``places``, or for all."""
        at = torch.arange(len(self.images), device=self.images.device) if places is None else places
        better = (wrong & ~self.wrong[at]) | ((wrong == self.wrong[at]) & (losses > self.losses[at]))
        taken = at[better]
        self.images[taken], self.losses[taken], self.wrong[taken] = images[better], losses[better], wrong[better]


@dataclass
class Walk:
    """One ascent for some images within the ``limits`` of a `box`."""

    model: nn.Module
    labels: Tensor
    limits: tuple[Tensor, Tensor]
    epsilon: float

    def follow(self, start: Tensor, loss: Loss, steps: int) -> Best:
        """The best of the points that ``steps`` moves from ``start`` visit."""
        found, top = Best.nothing(start), Top.nothing(start)
        here = before = start
        value, slope = self._look(here, loss, found, top)
        control = Control(start, 2 * self.epsilon, value)
        ends = set(checkpoints(steps))
        for k in range(1, steps + 1):
            pushed = self._inside(here + control.step * slope.sign())
            if k > 1:
                pushed = self._inside(here + MOMENTUM * (pushed - here) + (1 - MOMENTUM) * (here - before))
            before, here, last = here, pushed, value
            value, slope = self._look(here, loss, found, top, blind=k == steps)
            control.note(value > last)
            if k in ends:
                back = control.judge(top.losses).view(-1, 1, 1, 1)
                here, slope = torch.where(back, top.images, here), torch.where(back, top.slopes, slope)
        return found

    def _inside(self, images: Tensor) -> Tensor:
        return torch.clamp(images, *self.limits)

    def _look(self, here: Tensor, loss: Loss, found: Best, top: "Top", blind: bool = False) -> tuple[Tensor, Tensor]:
        """The loss (B,) at a point, and its gradient there; a ``blind`` look, which the last point gets, needs none."""
        here = here.detach()
        if blind:
            slope, logits = torch.zeros_like(here), self.model(here).detach()
            values = loss(logits)
        else:
            values, slope, logits = loss_with_gradient(self.model, here, loss)
        found.offer(here, values, logits.argmax(1) != self.labels)
        top.offer(here, values, slope)
        return values, slope


@dataclass
class Top:
    """The point of highest loss of every image so far, and the gradient there: a walk goes back to that point."""

    images: Tensor
    losses: Tensor
    slopes: Tensor

    @classmethod
    def nothing(cls, x: Tensor) -> "Top":
        """Before any point."""
        return cls(x, x.new_full((len(x),), -torch.inf), x)

    def offer(self, images: Tensor, losses: Tensor, slopes: Tensor) -> None:
        """Takes what is higher."""
        higher = losses > self.losses
        wide = higher.view(-1, 1, 1, 1)
        self.images, self.slopes = torch.where(wide, images, self.images), torch.where(wide, slopes, self.slopes)
        self.losses = torch.where(higher, losses, self.losses)


class Control:
    """The step (B, 1, 1, 1) of every image; at a checkpoint it decides which steps are halved (Section 3.2)."""

    def __init__(self, x: Tensor, step: float, value: Tensor) -> None:
        self.step = x.new_full((len(x), 1, 1, 1), step)
        self.before = value  # highest loss at the last checkpoint
        self.halved = torch.ones_like(value, dtype=torch.bool)  # there is nothing to compare the first stretch with
        self.rises, self.moves = torch.zeros_like(value, dtype=torch.long), 0

    def note(self, rose: Tensor) -> None:
        """Counts a move, and the images for which it raised the loss."""
        self.rises += rose
        self.moves += 1

    def judge(self, highest: Tensor) -> Tensor:
        """Halves a step after few rises, or where it has not raised the highest loss; says where it did, bool (B,)."""
        few = self.rises <= RISES * self.moves
        stuck = ~self.halved & (highest <= self.before)
        self.halved, self.before = few | stuck, highest
        self.step = torch.where(self.halved.view(-1, 1, 1, 1), self.step / 2, self.step)
        self.rises, self.moves = torch.zeros_like(self.rises), 0
        return self.halved


def checkpoints(steps: int) -> Iterator[int]:
    """The moves after which steps are judged: ceil(p ``steps``), p = 0.22, 0.41, 0.57, ..., gaps of 0.06 at the end."""
    last, share = 0.0, 0.22
    while share <= 1:
        yield ceil(round(share * steps, 9))
        last, share = share, share + max(share - last - 0.03, 0.06)
