"""Small networks to attack, and images for them."""

import torch
from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws
from lacuna.numerics.images import to_bytes

CLASSES = 4


def small(seed: int, channels: int = 2, size: int = 8) -> nn.Module:
    """A smooth network in evaluation mode, float64, with logits of a few units."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = nn.Conv2d(channels, 6, 3, stride=2, padding=1)
        last = nn.Linear(6 * (size // 2) ** 2, CLASSES)
        nn.init.normal_(hidden.weight, std=0.7)
        nn.init.normal_(last.weight, std=0.5)
        nn.init.zeros_(last.bias)
        hidden.bias = nn.Parameter(-0.5 * hidden.weight.detach().sum((1, 2, 3)))  # so that noise has every class
    return nn.Sequential(hidden, nn.Tanh(), nn.Flatten(), last).double().eval()


def images(seed: int, count: int = 6, channels: int = 2, size: int = 8) -> Tensor:
    """Images float64 in [0, 1] on the 8-bit grid, with many pixels at both ends."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, channels, size, size, generator=generator, dtype=torch.float64) * 1.4 - 0.2
    return x.clamp_(0, 1).mul_(255).round_().div_(255)


def labelled(model: nn.Module, x: Tensor) -> Tensor:
    """The labels that the network gives."""
    with torch.no_grad():
        return model(x).argmax(1)


def draws(x: Tensor, seed: int = 3) -> Draws:
    """Draws for images with ids 10, 11, ..."""
    return Draws(seed, tuple(range(10, 10 + len(x))))


def victim(count: int = 7) -> tuple[nn.Module, Tensor, Tensor]:
    """A network in single precision, images uint8 and the labels it gives."""
    model, x = small(1).float(), images(1, count).float()
    return model, to_bytes(x), labelled(model, x)


class TwoClasses(nn.Module):
    """Logits 0 and w x + b, so that the distance of an image to the boundary is known."""

    def __init__(self, seed: int, size: tuple[int, int, int] = (2, 4, 4)) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(size, generator=generator, dtype=torch.float64))
        self.bias = nn.Parameter(-0.5 * self.weight.detach().sum())

    def forward(self, x: Tensor) -> Tensor:
        score = (x * self.weight).sum((1, 2, 3)) + self.bias
        return torch.stack([torch.zeros_like(score), score], 1)
