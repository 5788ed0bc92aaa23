"""Gradients of the loss with respect to clean images, and measures of these gradients (dual perturbation, Figure 6)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.jobs.progress import Say, say_to_stderr
from lacuna.numerics.device import device_of, run_batches
from lacuna.numerics.images import as_pixels


def loss_gradient(network: nn.Module, images: Tensor, labels: Tensor, batch: int, say: Say = say_to_stderr) -> Tensor:
    """Gradient of each image's cross-entropy, (N, H, W) on the CPU, summed over channels as Figure 6 shows it.

    Images are uint8 (N, C, H, W) on any device; each batch is moved to the network's device. Labels are int64 (N,).
    The unit is nats per unit of the pixel range. The gradient is exactly 0 where the network's probability of the true
    class rounds to 1.
    """
    device = device_of(network)

    def work(part: slice) -> Tensor:
        x = as_pixels(images[part].to(device)).requires_grad_()
        loss = F.cross_entropy(network(x), labels[part].to(device), reduction="sum")
        return torch.autograd.grad(loss, x)[0].sum(1).cpu()

    return torch.cat([found for _, found in run_batches(len(images), batch, work, say)])


def measure_gradients(gradients: Tensor, foreground: Tensor) -> dict[str, Tensor]:
    """Measures float64 (N,), by name, of gradients (N, H, W); ``foreground`` bool (N, H, W) is that of their images.

    All measures but the area are NaN for a gradient that is 0 everywhere. No measure depends on a gradient's length.
    """
    values, inside = gradients.double(), foreground.double()
    size = values.abs()
    mass = size.sum((1, 2))
    count = values[0].numel()
    steps = [values.diff(dim=1).abs().flatten(1), values.diff(dim=2).abs().flatten(1)]
    return {
        # Share of the absolute values that lies on the foreground. Above the area, the gradient sits on the object.
        "gradient_in_foreground": (size * inside).sum((1, 2)) / mass,
        "foreground_area": inside.mean((1, 2)),
        # Mean step between neighbouring pixels over the mean absolute value: 0 where flat, 1.41 for Gaussian noise.
        "gradient_roughness": torch.cat(steps, dim=1).mean(1) / (mass / count),
        # Hoyer (2004): 0 where all pixels are alike, 1 where all but one are 0; 0.2 for Gaussian noise.
        "gradient_sparseness": (math.sqrt(count) - mass / values.flatten(1).norm(dim=1)) / (math.sqrt(count) - 1),
    }
