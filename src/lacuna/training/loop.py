"""The training loop: SGD on cross-entropy, one pass per epoch, state kept after each."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.images import as_pixels
from lacuna.progress import Progress, Say
from lacuna.resumable import Resumable
from lacuna.seeding import derive
from lacuna.training.recipe import augment, learning_rate


def train(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    recipe: dict[str, Any],
    *,
    name: str,
    seed: int,
    state: Resumable,
    say: Say,
) -> None:
    """Trains ``model`` in place on images uint8 (N, C, H, W) and labels int64 (N,), both on the model's device.

    Every draw of an epoch is a function of (seed, name, epoch), so a training resumed from ``state`` ends with
    the same bytes as one that was never killed. The last epoch's weights are the result (the released code
    keeps the best epoch on the test set, which selects on test data).
    """
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=recipe["learning_rate"],
        momentum=recipe["momentum"],
        weight_decay=recipe["weight_decay"],
        nesterov=recipe["nesterov"],
    )
    done, tensors = state.load()
    if done:
        _restore(model, optimiser, tensors)
        say(f"{name}: going on after epoch {done}")
    progress = Progress(name, "epoch", recipe["epochs"], say, done)
    for epoch in range(done, recipe["epochs"]):
        loss = _epoch(model, optimiser, images, labels, recipe, epoch, derive(seed, "epoch", name, epoch))
        progress.step(epoch + 1, f"loss {loss:.3f}")
        if epoch + 1 < recipe["epochs"]:
            state.save(epoch + 1, _snapshot(model, optimiser))


def _epoch(
    model: nn.Module,
    optimiser: torch.optim.SGD,
    images: Tensor,
    labels: Tensor,
    recipe: dict[str, Any],
    epoch: int,
    seed: int,
) -> float:
    """One pass over the images in random order; returns the mean loss."""
    model.train()
    torch.manual_seed(seed)  # for layers that draw, such as dropout
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    total = torch.zeros((), device=images.device)
    done = 0
    for chosen in batches(order, recipe["batch_size"]):
        optimiser.param_groups[0]["lr"] = learning_rate(recipe, epoch + done / len(order))
        done += len(chosen)
        batch = augment(images[chosen], recipe, generator)
        loss = F.cross_entropy(model(as_pixels(batch)), labels[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.detach() * len(chosen)
    return float(total) / len(images)


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Image ids in batches; a last batch of one, which has no batch statistics, joins the one before."""
    parts = list(torch.split(order, size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _snapshot(model: nn.Module, optimiser: torch.optim.SGD) -> dict[str, Tensor]:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        if (buffer := optimiser.state[parameter].get("momentum_buffer")) is not None:
            tensors[f"momentum.{name}"] = buffer
    return tensors


def _restore(model: nn.Module, optimiser: torch.optim.SGD, tensors: dict[str, Tensor]) -> None:
    weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    model.load_state_dict(weights)
    for name, parameter in model.named_parameters():
        if (buffer := tensors.get(f"momentum.{name}")) is not None:
            kept = torch.empty_like(parameter).copy_(buffer)  # keeps the parameter's memory layout
            optimiser.state[parameter]["momentum_buffer"] = kept
