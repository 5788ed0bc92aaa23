"""How a streamed split is read, in numbers: how many readers, how far ahead, how much memory. No torch here."""

from collections.abc import Mapping
from math import ceil, prod
from typing import Any

AHEAD = 2  # batches that are read while one is trained on
MOST_READERS = 15  # threads that read for one training, beside its own
DECODED = 200  # photographs of about 500 x 375 that a reader reads, decodes and crops in a second (docs/benchmarks)
HELD = 0.1  # gigabytes that a reader holds: a photograph of 30 million pixels, its file and its crop
ENTRY = 110  # bytes of an image in the index, of which the path takes about 40


def is_streamed(dataset: Mapping[str, Any]) -> bool:
    """Whether the training images of an entry of config/datasets.yaml are decoded as they are used."""
    return bool(dataset["source"].get("stream"))


def readers_for(need: float) -> int:
    """How many readers a network asks for that trains on ``need`` images a second; at least one."""
    return max(1, min(MOST_READERS, ceil(need / DECODED)))


def gigabytes(readers: int, batch: int, image: list[int]) -> float:
    """The memory of a stream: batches of uint8 images (C, H, W), and what its readers hold.

    One batch is trained on, one is put together. It does not depend on how many images there are: the index is mapped
    from its file.
    """
    return (2 + AHEAD) * batch * prod(image) / 1e9 + readers * HELD
