"""The training loop: SGD or Adam on an objective, one pass per epoch, state kept after each."""

from collections.abc import Generator, Mapping
from contextlib import closing
from math import isfinite
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.jobs.progress import Progress, Say
from lacuna.language.models import FLOAT32
from lacuna.numerics.device import MORE_MEMORY
from lacuna.numerics.seeding import derive
from lacuna.training.augmentation import draw
from lacuna.training.fast import FastStep
from lacuna.training.history import as_csv, measure
from lacuna.training.objective import Objective
from lacuna.training.recipe import learning_rate
from lacuna.training.step import Step


class Drawn(Protocol):
    """Images that are made as they are drawn, in place of a tensor of all of them (`lacuna.training.stream`)."""

    @property
    def device(self) -> torch.device: ...
    def __len__(self) -> int: ...
    def drawn(self, parts: list[Tensor], smallest: float | None, seed: int) -> Generator[Tensor]: ...


def train(
    model: nn.Module,
    images: Tensor | Drawn,
    labels: Tensor,
    recipe: dict[str, Any],
    *,
    name: str,
    seed: int,
    state: Resumable,
    say: Say,
    training: Mapping[str, Any] | None = None,
    tests: tuple[Tensor, Tensor] | None = None,
    masks: Tensor | None = None,
    precision: str = FLOAT32,
    fast: bool = False,
) -> list[list[float]]:
    """Trains ``model`` in place on images uint8 (N, C, H, W) and labels int64 (N,), both on one device.

    A batch at a time is moved to the model's device, where they are not there yet: images may be mapped from a file
    that is larger than memory, or decoded as they are drawn. In the second case crops are cut while they are decoded.

    ``training`` is a training's definition (`Objective`), none for standard training; ``masks`` bool (N, H, W) are the
    images' foregrounds where it needs them. With ``precision`` bfloat16 the network runs under torch's autocasting; its
    weights, the loss and the optimiser stay float32. With ``fast`` steps do not wait for Python (`FastStep`), and the
    result is equal up to rounding.

    Every draw of an epoch is a function of (seed, name, epoch), so a training resumed from ``state`` ends with the same
    bytes as one that was never killed. The last epoch's weights are the result (the released code keeps the best epoch
    on the test set, which selects on test data).

    Returns the history, a line per epoch: learning rate of its last step, training loss and training accuracy, and,
    where ``tests`` (images, labels) are given, loss and accuracy on them. Raises `LacunaError` after an epoch whose
    loss is not finite, where the history is not as long as the training, and where the batch is too large for the GPU:
    batch normalisation sees the whole of it, so that parts of it one after the other would give another result.
    """
    step = (FastStep if fast else Step)(model, Objective(training or {}, precision), recipe)
    done, tensors = state.load()
    history: list[list[float]] = []
    if done:
        history = _restore(step, tensors)
        say(f"{name}: going on after epoch {done}")
    progress = Progress(name, "epoch", recipe["epochs"], say, done)
    for epoch in range(done, recipe["epochs"]):
        try:
            drawn = derive(seed, "epoch", name, epoch)
            line = _epoch(step, images, labels, masks, recipe, epoch, drawn)
        except torch.OutOfMemoryError:
            key = f"batch_size ({recipe['batch_size']}) in the scale's recipe, which changes the result"
            raise LacunaError(f"training {name}: the GPU ran out of memory; {MORE_MEMORY}, or lower {key}") from None
        _refuse_divergence(name, epoch + 1, recipe, *line[:2])
        history.append([*line, *(measure(model, *tests) if tests else ())])
        progress.step(epoch + 1, f"loss {line[1]:.3f}")
        if epoch + 1 < recipe["epochs"]:
            state.show(as_csv(history))
            state.save(epoch + 1, _snapshot(step, history))
    if len(history) != recipe["epochs"]:
        raise LacunaError(
            f"training {name} has a history of {len(history)} epochs, not {recipe['epochs']}; delete {state.path}"
        )
    return history


def _epoch(
    step: Step,
    images: Tensor | Drawn,
    labels: Tensor,
    masks: Tensor | None,
    recipe: dict[str, Any],
    epoch: int,
    seed: int,
) -> list[float]:
    """One pass over the images in random order; returns the last learning rate, mean loss and accuracy in percent."""
    step.model.train()
    step.totals.zero_()
    torch.manual_seed(seed)  # for layers that draw, such as dropout, and for random starts
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=generator).to(images.device)
    parts, done, rate = batches(order, recipe["batch_size"]), 0, 0.0
    crop, how = _variation(images, recipe, epoch)
    draws = _draws(step, parts, images, how, generator)
    with closing(_drawn(images, parts, crop, seed)) as made:
        for chosen, batch, drawn in zip(parts, made, draws, strict=True):
            now = epoch + done / len(order)
            rate = learning_rate(recipe, now)
            step.set_rate(rate)
            done += len(chosen)
            given = {"images": batch, "labels": labels[chosen]} | ({} if masks is None else {"masks": masks[chosen]})
            step({name: step.place(tensor) for name, tensor in given.items()} | drawn, now / recipe["epochs"])
    loss_sum, right = step.totals.tolist()
    return [rate, loss_sum / len(images), 100 * right / len(images)]


def _draws(
    step: Step, parts: list[Tensor], images: Tensor | Drawn, how: Mapping[str, Any], generator: torch.Generator
) -> list[dict[str, Tensor]]:
    """What varies the images of each batch of an epoch; it goes to the device in one go, for which no step waits."""
    side = images.shape[-1] if isinstance(images, Tensor) else 0  # of others crops are cut while they are made
    sizes = [len(part) for part in parts]
    drawn = [draw(size, side, how, generator) for size in sizes]
    whole = {name: torch.split(step.place(torch.cat([one[name] for one in drawn])), sizes) for name in drawn[0]}
    return [{name: tensors[i] for name, tensors in whole.items()} for i in range(len(sizes))]


def _variation(images: Tensor | Drawn, recipe: dict[str, Any], epoch: int) -> tuple[float | None, dict[str, Any]]:
    """The crop with which images are drawn, if it is not cut later, and how batches are varied; nothing where plain."""
    if epoch >= recipe["epochs"] - recipe["augmentation"].get("plain_epochs", 0):
        return None, {}
    how = dict(recipe["augmentation"])
    return None if isinstance(images, Tensor) else how.pop("crop", None), how


def _drawn(images: Tensor | Drawn, parts: list[Tensor], crop: float | None, seed: int) -> Generator[Tensor]:
    """The images uint8 of each batch of ids."""
    if isinstance(images, Tensor):
        yield from (images[chosen] for chosen in parts)
    else:
        with closing(images.drawn(parts, crop, derive(seed, "boxes"))) as drawn:
            yield from drawn


def _refuse_divergence(name: str, epoch: int, recipe: dict[str, Any], rate: float, loss: float) -> None:
    if not isfinite(loss):
        reached = f"the loss of epoch {epoch} of {recipe['epochs']} is {loss}, at learning rate {rate:.3g}"
        raise LacunaError(
            f"training {name} diverged: {reached}; allowed: a smaller learning_rate in the scale's recipe"
        )


def batches(order: Tensor, size: int) -> list[Tensor]:
    """Image ids in batches; a last batch of one, which has no batch statistics, joins the one before."""
    parts = list(torch.split(order, size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _snapshot(step: Step, history: list[list[float]]) -> dict[str, Tensor]:
    tensors = {f"model.{name}": tensor for name, tensor in step.model.state_dict().items()}
    for name, parameter in step.model.named_parameters():
        for key, value in step.optimiser.state[parameter].items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{key}.{name}"] = value
    return tensors | {"history": torch.tensor(history, dtype=torch.float64)}


def _restore(step: Step, tensors: dict[str, Tensor]) -> list[list[float]]:
    weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
    step.model.load_state_dict(weights)
    parameters = dict(step.model.named_parameters())
    for path, kept in tensors.items():
        kind, _, rest = path.partition(".")
        if kind == "optimiser":
            key, _, name = rest.partition(".")
            step.optimiser.state[parameters[name]][key] = step.settle(kept, parameters[name])
    return list(tensors["history"].tolist())
