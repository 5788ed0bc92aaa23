"""Predictions of one network, and the outcomes a suite of adversarial sets has on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lacuna.device import device_of, in_batches
from lacuna.images import as_pixels
from lacuna.names import EXTRAS
from lacuna.progress import Say, say_to_stderr
from lacuna.resumable import Resumable
from lacuna.seeding import derive

PART = 10  # images of a target that certifies, which are kept together
SOURCE = ("source_clean", "source_adversarial", "source_flat")  # columns about the source; -1 without one


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


def clean_outcomes(labels: Tensor, clean: Answers) -> pd.DataFrame:
    """Outcomes on clean images: attack ``none``, no source, one line per image id asked, at distance 0."""
    ids = clean.asked
    known = {"image": ids.numpy(), "label": labels[ids].numpy(), "clean": clean.classes[ids].numpy()}
    frame = pd.DataFrame(known | {"radius": clean.radius.numpy()})
    frame = frame.assign(valid=True, distance=np.zeros(len(ids), np.float32), **dict.fromkeys(EXTRAS, -1))
    return frame.assign(attack="none", source="", adversarial=frame["clean"], **dict.fromkeys(SOURCE, -1))


def adversarial_outcomes(
    attack: str, source: str, tensors: dict[str, Tensor], clean: Tensor, adversarial: Tensor
) -> pd.DataFrame:
    """Outcomes on one adversarial set, joined to the clean predictions (N_test,) by image id, never by position.

    ``valid`` is False where the attack found no example; ``distance`` is the squared l2 distance to the clean image
    divided by the number of values, pixels in [0, 1]; the `EXTRAS` are -1 where the attack says nothing, and
    ``source_flat`` (`lacuna.attacks.flat`) where the source has no gradient.
    """
    images, none = tensors["image"], torch.full_like(tensors["image"], -1)
    return pd.DataFrame(
        {
            "attack": attack,
            "source": source,
            "image": images.numpy(),
            "label": tensors["label"].numpy(),
            "clean": clean[images].numpy(),
            "adversarial": adversarial.numpy(),
            "source_clean": tensors["source_clean"].numpy(),
            "source_adversarial": tensors[f"{attack}.source_adversarial"].numpy(),
            "source_flat": tensors["source_flat"].numpy(),
            "valid": tensors[f"{attack}.valid"].numpy(),
            "distance": tensors[f"{attack}.distance"].numpy(),
            **{extra: tensors.get(f"{attack}.{extra}", none).numpy() for extra in EXTRAS},
            "radius": np.full(len(images), np.nan, np.float32),
        }
    )


COLUMNS = [
    *("attack", "source", "image", "label", "clean", "adversarial"),
    *(*SOURCE, "valid", "distance", *EXTRAS, "radius"),
]


def join_outcomes(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All outcomes of one target and suite in one frame, columns in the documented order."""
    whole = pd.concat(frames, ignore_index=True)[COLUMNS]
    return whole.astype({"attack": "category", "source": "category"})
