"""The network under attack: holds its parameters still, and gives the gradient of its input."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError


class Averaged(nn.Module):
    """A network that draws random numbers, as attacks see it: its logits are their mean over ``draws`` answers.

    Attacks that follow a loss average its gradients over the draws instead (`input_gradient`): expectation over
    transformation (Athalye et al. 2018). The network is asked once for each draw, with the whole batch. A batch that
    is repeated in memory would get one draw, where a network draws for a batch.
    """

    def __init__(self, network: nn.Module, draws: int) -> None:
        super().__init__()
        self.network, self.draws = network, draws

    def forward(self, x: Tensor) -> Tensor:
        """Mean logits (B, K) of images (B, C, H, W)."""
        return torch.stack([self.network(x) for _ in range(self.draws)]).mean(0)


def averaged(network: nn.Module, draws: int) -> nn.Module:
    """The network as attacks see it, in its present mode; the network itself where it does not draw."""
    return Averaged(network, draws).train(network.training) if draws > 1 else network


def _draws_of(model: nn.Module) -> tuple[nn.Module, int]:
    """The network that answers once, and how often it is asked for a gradient."""
    return (model.network, model.draws) if isinstance(model, Averaged) else (model, 1)


class Replaying(nn.Module):
    """A network that may do again what it has done before, without asking each of its layers."""

    def replay(self, work: Callable[..., Tensor], **given: Tensor) -> Tensor:
        """What ``work`` gives of the network and tensors of one row per image; so is its result."""
        raise NotImplementedError


@contextmanager
def freeze(model: nn.Module) -> Iterator[None]:
    """Turns the gradients of parameters off while an attack runs, which needs the gradient of its images alone.

    Raises `LacunaError` for a model in training mode: batch statistics would make the attack on an image depend on the
    other images of its batch.
    """
    if any(module.training for module in model.modules()):
        raise LacunaError("an attack needs the model in evaluation mode; call model.eval() first")
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def logits_with_gradient(model: nn.Module, x: Tensor) -> Tensor:
    """The logits (B, K) of images that require a gradient.

    Raises `LacunaError` for a network that discretises its input, or is behind a defense that does: no gradient reaches
    the pixels.
    """
    logits = model(x)
    if not logits.requires_grad:
        allowed = "allowed: method lspga for thermometer encoding, square or boundary for others and for such a defense"
        raise LacunaError(f"the source has no gradient at its pixels: it, or its defense, discretises them; {allowed}")
    return logits


def loss_with_gradient(model: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Values (B,) of a loss of logits, its gradient at the images, and the logits; of `Averaged`, means over draws.

    Raises `LacunaError` for a network that discretises its input.
    """
    network, draws = _draws_of(model)
    found = [_once(network, x, loss) for _ in range(draws)]
    if draws == 1:
        return found[0]
    values, slopes, logits = (torch.stack(parts).mean(0) for parts in zip(*found, strict=True))
    return values, slopes, logits


def _once(network: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    x = x.detach().requires_grad_()
    logits = logits_with_gradient(network, x)
    values = loss(logits)
    (slope,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), slope, logits.detach()


def input_gradient(model: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the summed cross-entropy at the images; a sum keeps images independent of each other.

    Of an `Averaged` network it is the mean over its draws. A `Replaying` network replays it. Raises `LacunaError` for a
    network that discretises its input.
    """
    if isinstance(model, Replaying):
        return model.replay(_slope, x=x.detach(), labels=labels)
    network, draws = _draws_of(model)
    slopes = [_slope(network, x, labels) for _ in range(draws)]
    return slopes[0] if draws == 1 else torch.stack(slopes).mean(0)


def _slope(network: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    loss = F.cross_entropy(logits_with_gradient(network, x), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    return gradient


@torch.no_grad()
def classes_of_8_bit(model: nn.Module, images: Tensor) -> Tensor:
    """The model's classes (B,) for images (B, C, H, W), 1 for white, as a file of 8 bits would keep them."""
    return model(images.mul(255).round_().clamp_(0, 255).div_(255)).argmax(1)
