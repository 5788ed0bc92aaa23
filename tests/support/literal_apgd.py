"""APGD as Croce and Hein (2020) write it, one image at a time, in plain Python: Algorithm 1 in the l-infinity ball."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor], Tensor]  # logits (K,) -> a number


@dataclass
class Course:
    """What one ascent did: points visited, their losses and whether the network is wrong there, moves halved after."""

    points: list[Tensor] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    wrong: list[bool] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)

    def result(self) -> Tensor:
        """Of the points that fool the network, or of all where none does, the first of highest loss."""
        places = [i for i, wrong in enumerate(self.wrong) if wrong] or list(range(len(self.points)))
        return self.points[max(places, key=lambda i: (self.losses[i], -i))]


def course(model: nn.Module, x: Tensor, label: int, start: Tensor, loss: Loss, epsilon: float, moves: int) -> Course:
    """The ascent of one image (C, H, W) from ``start``."""
    made = Course()

    def f(z: Tensor) -> tuple[float, Tensor]:
        leaf = z.clone().requires_grad_()
        logits = model(leaf[None])[0]
        value = loss(logits)
        value.backward()
        assert leaf.grad is not None
        made.points.append(z)
        made.losses.append(value.item())
        made.wrong.append(int(logits.argmax()) != label)
        return value.item(), leaf.grad

    def project(z: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(z, x - epsilon), x + epsilon).clamp(0, 1)

    p = [0.0, 0.22]
    while p[-1] + max(p[-1] - p[-2] - 0.03, 0.06) <= 1:
        p.append(p[-1] + max(p[-1] - p[-2] - 0.03, 0.06))
    w = [math.ceil(round(share * moves, 9)) for share in p]
    eta, current, previous = 2 * epsilon, start, start
    value, gradient = f(start)
    losses = [value]  # of x(0), x(1), ...
    best, best_value, best_gradient = current, value, gradient
    eta_before, best_before = None, value
    for k in range(moves):
        z = project(current + eta * gradient.sign())
        moved = z if k == 0 else project(current + 0.75 * (z - current) + 0.25 * (current - previous))
        previous, current = current, moved
        value, gradient = f(current)
        losses.append(value)
        if value > best_value:
            best, best_value, best_gradient = current, value, gradient
        made.steps.append(eta)
        if k + 1 in w:
            since = w[w.index(k + 1) - 1]
            rises = sum(losses[i + 1] > losses[i] for i in range(since, k + 1))
            few = rises <= 0.75 * (k + 1 - since)
            stuck = eta == eta_before and best_value == best_before
            eta_before, best_before = eta, best_value
            if few or stuck:
                eta /= 2
                current, gradient = best, best_gradient
    return made
