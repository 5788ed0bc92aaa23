"""Outcomes: what a target said about clean images and about every adversarial set of a suite.

pandas is imported when the first outcomes are there: a job need not wait for it before its network answers.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lacuna.evaluation.predictions import Answers
from lacuna.files.contents import REPEATED
from lacuna.language.attacks import EXTRAS

if TYPE_CHECKING:
    import pandas as pd

SOURCE = ("source_clean", "source_adversarial", "source_flat")  # columns about the source; -1 without one
DISTANCES = ("distance", "distance_8bit")


def clean_outcomes(labels: Tensor, clean: Answers) -> "pd.DataFrame":
    """Outcomes on clean images: attack ``none``, no source, distance 0, one line per image id in ``clean.asked``.

    ``labels`` int64 (N_test,) are those of all test images.
    """
    import pandas as pd

    ids = clean.asked
    known = {"image": ids.numpy(), "label": labels[ids].numpy()}
    for name in REPEATED:
        known |= _answers(name, clean.classes[ids])
    frame = pd.DataFrame(known | {"radius": clean.radius.numpy()})
    frame = frame.assign(valid=True, **dict.fromkeys(DISTANCES, np.float32(0)), **dict.fromkeys(EXTRAS, -1))
    return frame.assign(attack="none", source="", **dict.fromkeys(SOURCE, -1))


def adversarial_outcomes(
    attack: str, source: str, tensors: dict[str, Tensor], clean: Tensor, adversarial: Tensor
) -> "pd.DataFrame":
    """Outcomes on one adversarial set, joined to the clean predictions (N_test,) by image id, never by position.

    ``adversarial`` int64 (N,) are the target's predictions on the set. Both may have a second dimension, of the answers
    of a target that draws. Of the columns,

    * ``valid`` is False where the attack found no example;
    * ``distance`` is the squared l2 distance to the clean image over the number of values, pixels in [0, 1], of the
      attack's float image, and ``distance_8bit`` that of the 8-bit image, which the target sees;
    * the `EXTRAS` are -1 where the attack says nothing;
    * ``source_flat`` is -1 where the source has no gradient.
    """
    import pandas as pd

    images, none = tensors["image"], torch.full_like(tensors["image"], -1)
    return pd.DataFrame(
        {
            "attack": attack,
            "source": source,
            "image": images.numpy(),
            "label": tensors["label"].numpy(),
            **_answers("clean", clean[images]),
            **_answers("adversarial", adversarial),
            "source_clean": tensors["source_clean"].numpy(),
            "source_adversarial": tensors[f"{attack}.source_adversarial"].numpy(),
            "source_flat": tensors["source_flat"].numpy(),
            "valid": tensors[f"{attack}.valid"].numpy(),
            **{distance: tensors[f"{attack}.{distance}"].numpy() for distance in DISTANCES},
            **{extra: tensors.get(f"{attack}.{extra}", none).numpy() for extra in EXTRAS},
            "radius": np.full(len(images), np.nan, np.float32),
        }
    )


def _answers(name: str, answers: Tensor) -> dict[str, Any]:
    """The column of answers int64 (n,); of (n, k) the answers that were given most often, and beside them all k.

    Of answers that were given equally often the lowest class counts.
    """
    if answers.ndim == 1:
        return {name: answers.numpy()}
    counts = F.one_hot(answers).sum(1)
    ranked = counts * counts.shape[1] - torch.arange(counts.shape[1])
    return {name: ranked.argmax(1).numpy(), REPEATED[name]: list(answers.short().numpy())}


OUTCOME_COLUMNS = [
    *("attack", "source", "image", "label", "clean", "adversarial"),
    *(*SOURCE, "valid", *DISTANCES, *EXTRAS, "radius"),
]


def join_outcomes(frames: "list[pd.DataFrame]") -> "pd.DataFrame":
    """All outcomes of one target and suite in one frame, with the columns `OUTCOME_COLUMNS`.

    Behind them stand all answers of a target that draws.
    """
    import pandas as pd

    repeated = [name for name in REPEATED.values() if name in frames[0]]
    whole = pd.concat(frames, ignore_index=True)[[*OUTCOME_COLUMNS, *repeated]]
    return whole.astype({"attack": "category", "source": "category"})
