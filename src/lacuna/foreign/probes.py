"""Looks twice at a few images, and says what is doubtful about a network, defense or attack of the user's own."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.foreign.parts import Foreign, own_parts
from lacuna.language.doubts import BATCH, COLUMN, DOUBTS, DRAWS, PROBABILITIES
from lacuna.numerics.device import device_of
from lacuna.numerics.images import as_pixels

PROBE = 16  # images that are looked at
ROUNDING = 1e-4  # of the largest number: two answers that differ by less are the same


@torch.no_grad()
def doubts_of(images: Tensor, *models: nn.Module | None) -> list[str]:
    """The `DOUBTS` about the parts of models that are the user's; ``images`` are uint8 (N, C, H, W), N at least 1.

    The first `PROBE` images are looked at. A model without such parts is not asked.
    """
    if not (parts := own_parts(*models)):
        return []
    x = as_pixels(images[:PROBE].to(device_of(nn.ModuleList(parts))))
    with kept_generators():
        found = set(chain.from_iterable(_doubts(part, x) for part in parts))
    return [doubt for doubt in DOUBTS if doubt in found]


def _doubts(part: Foreign, x: Tensor) -> Iterator[str]:
    first = part.answer(x)
    if part.kind == "network" and first.min() >= 0 and first.max() <= 1:
        yield PROBABILITIES
    if not same(first, part.answer(x)):
        yield DRAWS[part.kind]
    elif not same(first, torch.cat([part.answer(some) for some in torch.tensor_split(x, 2) if len(some)])):
        yield BATCH


def same(first: Tensor, second: Tensor) -> bool:
    """Whether two answers are the same up to rounding."""
    largest = max(1.0, float(first.abs().max()))
    return bool((first - second).abs().max() <= ROUNDING * largest)


def repeats(make: Callable[[], Tensor], seed: Callable[[], None]) -> bool:
    """Whether ``make`` gives the same twice, with the global random generators set by ``seed`` before each time."""
    with kept_generators():
        made = []
        for _ in range(2):
            seed()
            made.append(make())
    return same(*made)


@contextmanager
def kept_generators() -> Iterator[None]:
    """Afterwards the global random generators are as before, so that a look moves no later number."""
    ours, theirs = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        yield
    random.setstate(ours)
    np.random.set_state(theirs)


def doubts_as_tensors(found: list[str], code: str = "") -> dict[str, Tensor]:
    """Doubts as the tensor of an adversarial set, by its name: bool, one for each of the `DOUBTS`. None without any.

    They are about the whole set, or about one budget, by its ``code``.
    """
    return {_name(code): torch.tensor([doubt in found for doubt in DOUBTS])} if found else {}


def doubts_in(tensors: Mapping[str, Tensor], code: str = "") -> list[str]:
    """The doubts that an adversarial set's tensors state about the whole set, and about the budget of a ``code``."""
    stated = [tensors[name].tolist() for name in dict.fromkeys((_name(""), _name(code))) if name in tensors]
    return [doubt for i, doubt in enumerate(DOUBTS) if any(one[i : i + 1] == [True] for one in stated)]


def _name(code: str) -> str:
    return f"{code}.{COLUMN}" if code else COLUMN
