"""Training images that are decoded as they are drawn, some batches ahead, by readers beside the training."""

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resized_crop

from lacuna.data.decoding import File, channels_first, decode, decode_all, decoder_for
from lacuna.data.folder import read_image
from lacuna.data.index import content_of, path_of
from lacuna.data.streamed import AHEAD
from lacuna.errors import LacunaError
from lacuna.training.augmentation import boxes

Asked = TypeVar("Asked")
Made = TypeVar("Made")
Box = tuple[int, int, int, int]  # top, left, height, width


class Draw(NamedTuple):
    """An image that is asked for by its id, and the box of it that is cut out; the whole of it without one."""

    image: int
    box: Box | None


class Stream:
    """The images of a streamed split, in place of a tensor of them.

    ``index`` is that of `lacuna.files.contents.read_index`, read from ``path``. ``settings`` are those of a training:
    under ``image`` (C, H, W), under ``stream`` the folder that paths are below, and ``resize``. ``readers`` threads
    read beside the caller; with 0 the caller reads. ``device`` is the network's. The readers change no byte.
    """

    device = torch.device("cpu")  # of the ids and the labels

    def __init__(
        self, path: str, index: dict[str, Tensor], settings: Mapping[str, Any], readers: int, device: str = "cpu"
    ) -> None:
        self.path, self.index, self.readers = path, index, readers
        self.image, self.resize = list(settings["image"]), settings["stream"]["resize"]
        self.folder = Path(settings["stream"]["path"])
        self.decoder = decoder_for(device)
        self.late = self.decoder != "cpu"  # readers read bytes, and whole batches are decoded on the GPU

    def __len__(self) -> int:
        return len(self.index["labels"])

    def drawn(self, parts: Iterable[Tensor], smallest: float | None, seed: int) -> Generator[Tensor]:
        """The images uint8 (B, C, H, W) of batches of ids, in their order.

        With ``smallest`` a random box of each photograph is scaled to the size (`boxes`), as torchvision's
        RandomResizedCrop does it; boxes are a function of the seed, the image's size and its place in the order.
        Without it an image is what a split that is not streamed holds. Raises `LacunaError`, which names the file, for
        one that is gone, changed since the index was made, or damaged.
        """
        generator = torch.Generator().manual_seed(seed)
        asked = (self._draws(part, smallest, generator) for part in parts)
        with closing(read_ahead(asked, self._read, self.readers)) as batches:
            for batch in batches:
                images = torch.stack(self._decoded(batch) if self.late and smallest else batch)
                del batch  # it holds the images a second time
                yield images

    def _draws(self, part: Tensor, smallest: float | None, generator: torch.Generator) -> list[Draw]:
        if smallest is None:
            return [Draw(image, None) for image in part.tolist()]
        height, width = self.index["sizes"][part].unbind(1)
        places = boxes(height, width, smallest, generator).T.tolist()
        return [Draw(image, tuple(box)) for image, box in zip(part.tolist(), places, strict=True)]

    def _read(self, draw: Draw) -> Any:
        """The image of a draw; where batches are decoded later, its file and its box."""
        file = self._file(draw.image)
        if draw.box is None:
            image = read_image(file.path, self.image, self.resize, file.content)
            return channels_first(image.copy())  # Pillow's may not be written to
        return (file, draw.box) if self.late else self._cut(decode(file, self.image[0]), draw.box)

    def _file(self, image: int) -> File:
        path = self.folder / path_of(self.index, image)
        content = content_of(path)
        same = len(content) == self.index["lengths"][image]
        if not same or hashlib.sha256(content).digest() != self.index["sha256"][image].numpy().tobytes():
            mend = f"restore it, or delete {self.path} and run again"
            raise LacunaError(f"{path} is not the file that was read when the dataset was made; {mend}")
        return File(path, content, bool(self.index["plain"][image]))

    def _decoded(self, batch: Sequence[tuple[File, Box]]) -> list[Tensor]:
        pictures = decode_all([file for file, _ in batch], self.image[0], self.decoder)
        return [self._cut(picture, box) for picture, (_, box) in zip(pictures, batch, strict=True)]

    def _cut(self, picture: Tensor, box: Box) -> Tensor:
        return resized_crop(picture, *box, self.image[1:], antialias=True)


def read_ahead(
    batches: Iterable[Sequence[Asked]], read: Callable[[Asked], Made], readers: int
) -> Generator[list[Made]]:
    """What ``read`` makes of each batch, in order; ``readers`` threads are up to `AHEAD` batches ahead of the caller.

    An error of ``read`` is raised in the place of its batch. To close the iterator ends the threads.
    """
    if not readers:
        yield from ([read(one) for one in batch] for batch in batches)
        return
    pool, waiting = ThreadPoolExecutor(readers, "reader"), deque[list[Future[Made]]]()
    try:
        for batch in batches:
            waiting.append([pool.submit(read, one) for one in batch])
            if len(waiting) > AHEAD:
                yield [future.result() for future in waiting.popleft()]
        while waiting:
            yield [future.result() for future in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)
