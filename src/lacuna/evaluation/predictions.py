"""Predictions of one network, or of a defense before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lacuna.files.states import Resumable
from lacuna.jobs.progress import Say, say_to_stderr
from lacuna.numerics.device import device_of, run_batches
from lacuna.numerics.images import as_pixels
from lacuna.numerics.seeding import derive, seed_globally

PART = 10  # images whose answers are kept together, of a target that certifies


@runtime_checkable
class Classifier(Protocol):
    """A target that gives classes itself, not logits. It may abstain: then the class is -1."""

    def decide(self, images: Tensor) -> Tensor:
        """Classes int64 (N,), on the CPU, of images uint8 (N, C, H, W)."""

    def certify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The classes of `decide`, and the l2 radius (N,) within which each answer is certain."""


@torch.no_grad()
def predict(model: nn.Module | None, images: Tensor, batch: int, say: Say = say_to_stderr) -> Tensor:
    """Predicted classes int64 (N,), on the CPU, of images uint8 (N, C, H, W); -1 without a model.

    Images on another device are moved to the model's device, a batch at a time. Where a GPU runs out of memory the
    batch is halved, which ``say`` reports. A `Classifier` gives its own classes.
    """
    if model is None:
        return torch.full((len(images),), -1)
    if isinstance(model, Classifier):
        return model.decide(images)
    model.eval()
    device = device_of(model)

    def work(part: slice) -> Tensor:
        return model(as_pixels(images[part].to(device))).argmax(1)

    return torch.cat([found for _, found in run_batches(len(images), batch, work, say)]).cpu()


@torch.no_grad()
def predict_sure(model: nn.Module, images: Tensor, batch: int, least: float, say: Say = say_to_stderr) -> Tensor:
    """As `predict`, of a network, with -1 in place of each class whose softmax is below ``least`` (released code)."""
    model.eval()
    device = device_of(model)

    def work(part: slice) -> Tensor:
        shares, classes = model(as_pixels(images[part].to(device))).softmax(1).max(1)
        return torch.where(shares >= least, classes, -1)

    return torch.cat([found for _, found in run_batches(len(images), batch, work, say)]).cpu()


class Predictions:
    """One network's predictions on sets of images, each set by its name.

    Predictions are kept in ``state``, so that a killed job goes on; the caller finishes the state. A network that draws
    random numbers, or whose defense does, answers ``draws`` times about each image. The global generators are seeded
    for each set and each time.
    """

    def __init__(self, model: nn.Module, batch: int, state: Resumable, say: Say, draws: int = 1) -> None:
        self.model, self.batch, self.state, self.say, self.draws = model, batch, state, say, draws
        done, self.kept = state.load()
        if done:
            say(f"going on after {done} kept answers")

    def predict(self, name: str, images: Tensor) -> Tensor:
        """Predicted classes int64 (N,) of images uint8 (N, C, H, W): those that were kept, else those of `predict`.

        They are (N, draws) where there is more than one draw.
        """
        if isinstance(model := self.model, Classifier):
            return self._in_parts(name, images, lambda part: [model.decide(part)])[0]
        if self.draws == 1:
            return self._once(name, images)
        return torch.stack([self._once(f"{name}, answer {i}", images) for i in range(1, self.draws + 1)], dim=1)

    def _once(self, name: str, images: Tensor) -> Tensor:
        if name not in self.kept:
            seed_globally(derive(0, "predictions", name))
            self._keep({name: predict(self.model, images, self.batch, self.say)})
        return self.kept[name]

    def certify(self, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
        """Classes and certified l2 radii (N,) of a `Classifier`: those that were kept, else those of its `certify`."""
        assert isinstance(self.model, Classifier)
        classes, radii = self._in_parts(f"{name}, certified", images, self.model.certify)
        return classes, radii

    def _in_parts(self, name: str, images: Tensor, ask: Callable[[Tensor], Sequence[Tensor]]) -> list[Tensor]:
        """The answers about the images. `PART` images at a time are kept: an image can take seconds, a set hours."""
        parts = []
        for at in range(0, len(images), PART):
            if f"{name} {at}.0" not in self.kept:
                found = ask(images[at : at + PART])
                self._keep({f"{name} {at}.{i}": said for i, said in enumerate(found)})
            parts.append([self.kept[key] for i in range(2) if (key := f"{name} {at}.{i}") in self.kept])
        return [torch.cat(part) for part in zip(*parts, strict=True)]

    def _keep(self, found: dict[str, Tensor]) -> None:
        self.kept |= found
        if self.state.due():
            self.state.save(len(self.kept), self.kept)


@dataclass(frozen=True)
class Answers:
    """What a target says about clean images.

    ``asked`` int64 (n,) are the ids of the images that it was asked about. ``classes`` int64 (N_test,) are its answers,
    -1 for other images; (N_test, k) where it answers k times about each. ``radius`` float32 (n,) is the l2 radius for
    which each answer is certified, NaN without one.
    """

    asked: Tensor
    classes: Tensor
    radius: Tensor


def clean_answers(predictions: Predictions, images: Tensor, attacked: Sequence[Tensor]) -> Answers:
    """What a target says about the test images uint8 (N_test, C, H, W).

    A target that certifies is slow. It is asked only about the images whose ids stand in ``attacked``, int64 (n,) each.
    """
    if not isinstance(predictions.model, Classifier):
        everything = torch.arange(len(images))
        return Answers(everything, predictions.predict("clean", images), torch.full((len(images),), torch.nan))
    asked = torch.tensor(sorted({image for ids in attacked for image in ids.tolist()}))
    classes, radius = predictions.certify("clean", images[asked])
    whole = torch.full((len(images),), -1)
    whole[asked] = classes
    return Answers(asked, whole, radius.float())
