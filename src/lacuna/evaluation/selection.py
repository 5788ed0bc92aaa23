"""Selects the images that an attack runs on."""

import pandas as pd
import torch
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.numerics.seeding import derive


def select_images(
    labels: Tensor, predictions: dict[str, Tensor], images: int, selection: str, seed: int, at_most: bool = False
) -> pd.DataFrame:
    """Takes the first ``images`` ids of a seeded permutation that every network in ``predictions`` gets right.

    Without networks it takes the first ids of all. Labels and predictions are int64 (N,). The columns are image and
    label, in the order drawn. Raises `LacunaError` where too few images qualify; with ``at_most`` those that do are
    taken, and it raises where none does. The paper does not publish its list
    (Section 4.1.1, appendix A.7); one list for all sources is this project's default reading.
    """
    generator = torch.Generator().manual_seed(derive(seed, "selection", selection))
    order = torch.randperm(len(labels), generator=generator)
    right = torch.stack([torch.ones_like(labels, dtype=torch.bool), *map(labels.eq, predictions.values())]).all(0)
    ids = order[right[order]][:images]
    if len(ids) < (1 if at_most else images):
        raise LacunaError(
            f"selection {selection}: {len(ids)} of {len(labels)} test images are right on "
            f"{' and '.join(predictions)}, {images} are asked; lower images.{selection.partition('-')[0]} of the scale"
        )
    return pd.DataFrame({"image": ids.numpy(), "label": labels[ids].numpy()})
