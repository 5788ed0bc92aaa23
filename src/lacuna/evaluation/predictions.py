"""Predictions of one network, or of a defense before it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from lacuna.files.states import Resumable
from lacuna.jobs.progress import Say, say_to_stderr
from lacuna.numerics.device import device_of, in_batches
from lacuna.numerics.images import as_pixels
from lacuna.numerics.seeding import derive

PART = 10  # images of a target that certifies, which are kept together


@runtime_checkable
class Decides(Protocol):
    """A target that gives classes itself, not logits, and may abstain with -1."""

    def decide(self, images: Tensor) -> Tensor:
        """Classes int64 (N,), on the CPU, of images uint8 (N, C, H, W)."""

    def certify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The same classes, and the l2 radius (N,) within which each answer is certain."""


@torch.no_grad()
def predict(model: nn.Module | None, images: Tensor, batch: int, say: Say = say_to_stderr) -> Tensor:
    """Predicted classes int64 (N,), on the CPU, of images uint8 (N, C, H, W); -1 without a model.

    A batch at a time is moved to the model's device, where the images are not there yet; it is halved, and ``say``
    told, where a GPU runs out of memory. A model that `Decides` is asked for its classes.
    """
    if model is None:
        return torch.full((len(images),), -1)
    if isinstance(model, Decides):
        return model.decide(images)
    model.eval()
    device = device_of(model)

    def work(part: slice) -> Tensor:
        return model(as_pixels(images[part].to(device))).argmax(1)

    return torch.cat([found for _, found in in_batches(len(images), batch, work, say)]).cpu()


class Predictions:
    """One network's predictions on sets of images, by name; kept in ``state``, so that a killed job goes on.

    The global generator is seeded for each set, for defenses that draw random numbers. The caller finishes the state.
    """

    def __init__(self, model: nn.Module, batch: int, state: Resumable, say: Say) -> None:
        self.model, self.batch, self.state, self.say = model, batch, state, say
        done, self.kept = state.load()
        if done:
            say(f"going on after {done} kept answers")

    def of(self, name: str, images: Tensor) -> Tensor:
        """`predict` on images uint8 (N, C, H, W), or what was kept of it."""
        if isinstance(model := self.model, Decides):
            return self._in_parts(name, images, lambda part: [model.decide(part)])[0]
        if name not in self.kept:
            torch.manual_seed(derive(0, "predictions", name))
            self._keep({name: predict(self.model, images, self.batch, self.say)})
        return self.kept[name]

    def certified(self, name: str, images: Tensor) -> tuple[Tensor, Tensor]:
        """Classes and certified l2 radii (N,) of a target that `Decides`, or what was kept of them."""
        assert isinstance(self.model, Decides)
        classes, radii = self._in_parts(f"{name}, certified", images, self.model.certify)
        return classes, radii

    def _in_parts(self, name: str, images: Tensor, ask: Callable[[Tensor], Sequence[Tensor]]) -> list[Tensor]:
        """What is said of the images, some at a time being kept: an image can take seconds, and a set hours."""
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
    """What a target says about clean images: ``classes`` int64 (N_test,), -1 where it was not asked.

    ``asked`` int64 (n,) are image ids, ``radius`` float32 (n,) how far each answer is certified in l2, else NaN.
    """

    asked: Tensor
    classes: Tensor
    radius: Tensor


def answers(predictions: Predictions, images: Tensor, attacked: Sequence[Tensor]) -> Answers:
    """About all test images uint8 (N_test, C, H, W); of a slow target, which certifies, only about ``attacked`` ids."""
    if not isinstance(predictions.model, Decides):
        everything = torch.arange(len(images))
        return Answers(everything, predictions.of("clean", images), torch.full((len(images),), torch.nan))
    asked = torch.tensor(sorted({image for ids in attacked for image in ids.tolist()}))
    classes, radius = predictions.certified("clean", images[asked])
    whole = torch.full((len(images),), -1)
    whole[asked] = classes
    return Answers(asked, whole, radius.float())
