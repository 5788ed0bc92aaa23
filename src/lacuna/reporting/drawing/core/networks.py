"""Trained networks, as figures look at them."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from torch import nn

from lacuna.models.networks import trained_network


def networks_of(settings: Sequence[dict[str, Any]], checkpoints: Sequence[str]) -> Iterator[nn.Module]:
    """Trained networks, or ensembles, in order; ``checkpoints`` holds those of the first, then of the second, ..."""
    paths = iter(checkpoints)
    for one in settings:
        yield trained_network(one, list(islice(paths, len(one.get("members", [one])))), "cpu")
