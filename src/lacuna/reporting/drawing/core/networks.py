"""Trained networks, as figures look at them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from torch import nn

from lacuna.foreign.parts import watched
from lacuna.models.networks import trained_network


@contextmanager
def networks_of(settings: Sequence[dict[str, Any]], checkpoints: Sequence[str]) -> Iterator[list[nn.Module]]:
    """Trained networks, or ensembles, in order; ``checkpoints`` holds those of the first, then of the second, ...

    Raises `LacunaError` at the end where a network of the user's own changed its state in the context.
    """
    paths = iter(checkpoints)
    networks = [trained_network(one, list(islice(paths, len(one.get("members", [one])))), "cpu") for one in settings]
    with watched(*networks):
        yield networks
