"""Predictions of one network, and the outcomes a suite of adversarial sets has on it."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from lacuna.device import in_batches
from lacuna.images import as_pixels
from lacuna.progress import Say, say_to_stderr
from lacuna.resumable import Resumable
from lacuna.seeding import derive


@torch.no_grad()
def predict(model: nn.Module | None, images: Tensor, batch: int, say: Say = say_to_stderr) -> Tensor:
    """Predicted classes int64 (N,), on the CPU, of images uint8 (N, C, H, W) on the model's device; -1 without one.

    The batch is halved, and ``say`` told, where a GPU runs out of memory.
    """
    if model is None:
        return torch.full((len(images),), -1)
    model.eval()

    def work(part: slice) -> Tensor:
        return model(as_pixels(images[part])).argmax(1)

    return torch.cat([found for _, found in in_batches(len(images), batch, work, say)]).cpu()


class Predictions:
    """One network's predictions on sets of images, by name; kept in ``state``, so that a killed job goes on.

    The global generator is seeded for each set, for defenses that draw random numbers. The caller finishes the state.
    """

    def __init__(self, model: nn.Module, batch: int, state: Resumable, say: Say) -> None:
        self.model, self.batch, self.state, self.say = model, batch, state, say
        done, self.kept = state.load()
        if done:
            say(f"going on after {done} sets of images")

    def of(self, name: str, images: Tensor) -> Tensor:
        """`predict` on images uint8 (N, C, H, W), or what was kept of it."""
        if name not in self.kept:
            torch.manual_seed(derive(0, "predictions", name))
            self.kept[name] = predict(self.model, images, self.batch, self.say)
            if self.state.due():
                self.state.save(len(self.kept), self.kept)
        return self.kept[name]


def clean_outcomes(labels: Tensor, clean: Tensor) -> pd.DataFrame:
    """Outcomes on the whole clean test set: attack ``none``, no source, one line per image id, at distance 0."""
    frame = pd.DataFrame({"image": range(len(labels)), "label": labels.numpy(), "clean": clean.numpy()})
    frame = frame.assign(valid=True, distance=np.zeros(len(labels), np.float32))
    return frame.assign(attack="none", source="", adversarial=frame["clean"], source_clean=-1, source_adversarial=-1)


def adversarial_outcomes(
    attack: str, source: str, tensors: dict[str, Tensor], clean: Tensor, adversarial: Tensor
) -> pd.DataFrame:
    """Outcomes on one adversarial set, joined to the clean predictions (N_test,) by image id, never by position.

    ``valid`` is False where the attack found no example; ``distance`` is the squared l2 distance to the clean image
    divided by the number of values, pixels in [0, 1].
    """
    images = tensors["image"]
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
            "valid": tensors[f"{attack}.valid"].numpy(),
            "distance": tensors[f"{attack}.distance"].numpy(),
        }
    )


COLUMNS = [
    *("attack", "source", "image", "label", "clean", "adversarial"),
    *("source_clean", "source_adversarial", "valid", "distance"),
]


def join_outcomes(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All outcomes of one target and suite in one frame, columns in the documented order."""
    whole = pd.concat(frames, ignore_index=True)[COLUMNS]
    return whole.astype({"attack": "category", "source": "category"})
