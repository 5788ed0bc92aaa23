"""Selects the images that an attack runs on."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.numerics.seeding import derive


def select_images(
    labels: Tensor,
    predictions: dict[str, Tensor],
    images: int,
    selection: str,
    seed: int,
    at_most: bool = False,
    left_out: Tensor | None = None,
) -> pd.DataFrame:
    """Takes the first ``images`` ids of a seeded permutation that every network in ``predictions`` gets right.

    Without networks it takes the first ids of all. Labels and predictions are int64 (N,); images that ``left_out``,
    bool (N,), names are never taken. The columns are image and label, in the order drawn. Raises `LacunaError` where
    too few images qualify; with ``at_most`` those that do are taken, and it raises where none does. The paper does not
    publish its list (Section 4.1.1, appendix A.7); one list for all sources is this project's default reading.
    """
    generator = torch.Generator().manual_seed(derive(seed, "selection", selection))
    order = torch.randperm(len(labels), generator=generator)
    right = torch.stack([torch.ones_like(labels, dtype=torch.bool), *map(labels.eq, predictions.values())]).all(0)
    taken = right if left_out is None else right & ~left_out
    ids = order[taken[order]][:images]
    if len(ids) < (1 if at_most else images):
        why = _conditions(predictions, left_out is not None)
        raise LacunaError(
            f"selection {selection}: {len(ids)} of {len(labels)} test images {why}, {images} are asked; "
            f"lower images.{selection.partition('-')[0]} of the scale"
        )
    return pd.DataFrame({"image": ids.numpy(), "label": labels[ids].numpy()})


def _conditions(networks: Mapping[str, Tensor], limited: bool) -> str:
    """What a selected image must be, in words."""
    right = [f"are right on {' and '.join(networks)}"] if networks else []
    inside = ["have a foreground within its limits"] if limited else []
    return " and ".join([*right, *inside]) or "are there"


def outside_limits(fraction: Tensor, limits: Mapping[str, float]) -> Tensor:
    """Which images, bool (N,), have a foreground whose share ``fraction`` (N,) is below at_least or above at_most."""
    return (fraction < limits.get("at_least", 0)) | (fraction > limits.get("at_most", 1))
