"""Training on images that are decoded as they are drawn: the same bytes with any readers, bounded memory, refusals."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from photographed import CLASSES, SIDE, entry, oddities, photographs
from PIL import Image
from safetensors.torch import save
from test_training import KilledError, Killer, recipe
from torch import Tensor, nn

from lacuna.data.index import packed, path_of
from lacuna.data.sources import open_splits
from lacuna.data.streamed import AHEAD
from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.training.augmentation import boxes
from lacuna.training.loop import train
from lacuna.training.stream import Stream, read_ahead

torch.set_num_threads(1)
COUNT = 24


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photographs(tmp_path)
    oddities(tmp_path)
    return tmp_path


def opened(folder: Path, readers: int = 0, late: bool = False, **source: Any) -> Stream:
    """The stream of a folder. A ``late`` one decodes whole batches, as on a GPU, here on the processor."""
    settings = entry(folder, **source)
    entries = open_splits("mine", settings)["train"].entries
    assert entries
    shown = {"image": settings["image"], "stream": settings["source"]}
    stream = Stream("results/index", packed(entries()), shown, readers)
    stream.late = late
    return stream


def parts(seed: int = 0, size: int = 5) -> list[Tensor]:
    return list(torch.split(torch.randperm(COUNT, generator=torch.Generator().manual_seed(seed)), size))


def images_of(stream: Stream, smallest: float | None, seed: int = 0, size: int = 5) -> Tensor:
    return torch.cat(list(stream.drawn(parts(seed, size), smallest, seed)))


# The same bytes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smallest", [0.08, 0.9, None])
@pytest.mark.parametrize("seed", [0, 7])
def test_readers_and_the_place_of_the_decoder_change_no_byte(folder: Path, smallest: float | None, seed: int) -> None:
    first = images_of(opened(folder), smallest, seed)
    assert (first.shape, first.dtype) == ((COUNT, 3, SIDE, SIDE), torch.uint8)
    for readers, late in ((1, False), (2, False), (5, False), (0, True), (2, True)):
        assert torch.equal(images_of(opened(folder, readers, late), smallest, seed), first), (readers, late)


@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_whole_images_are_those_of_a_split_that_is_not_streamed(folder: Path, resize: str) -> None:
    stacked = torch.cat(list(open_splits("mine", entry(folder, stream=False, resize=resize))["train"].pieces()))
    assert torch.equal(images_of(opened(folder, 2, resize=resize), None, 3), stacked[torch.cat(parts(3))])


def test_grey_images_are_drawn_grey(tmp_path: Path) -> None:
    photographs(tmp_path, 2)
    for path in tmp_path.rglob("*.JPEG"):
        Image.open(path).convert("L").save(path)
    settings = entry(tmp_path, 2) | {"image": [1, SIDE, SIDE]}
    index = packed(open_splits("mine", settings)["train"].entries())  # type: ignore[misc]
    stream = Stream("x", index, {"image": [1, SIDE, SIDE], "stream": settings["source"]}, 0)
    for smallest in (None, 0.5):
        assert next(stream.drawn([torch.arange(4)], smallest, 0)).shape == (4, 1, SIDE, SIDE)


def test_boxes_are_a_function_of_the_seed_and_the_place_in_the_order(folder: Path) -> None:
    stream = opened(folder)
    first, again, other = (images_of(stream, 0.08, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    one = torch.zeros(30, dtype=torch.int64)
    made = next(stream.drawn([one], 0.08, 0))
    assert len({image.numpy().tobytes() for image in made}) > 25


def test_a_box_is_cut_as_pillow_cuts_it(folder: Path) -> None:
    stream, ids = opened(folder), torch.arange(COUNT)
    made = next(stream.drawn([ids], 0.3, 4))
    places = boxes(*stream.index["sizes"][ids].unbind(1), 0.3, torch.Generator().manual_seed(4))
    for i, (top, left, height, width) in enumerate(places.T.tolist()):
        with Image.open(folder / path_of(stream.index, i)) as file:
            if not stream.index["plain"][i]:
                continue
            cut = file.convert("RGB").resize(
                (SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + width, top + height)
            )
        inner = (made[i].permute(1, 2, 0).int() - torch.from_numpy(np.array(cut)).int())[1:-1, 1:-1]
        assert inner.abs().max() <= 24, "Pillow looks beyond the box at its border"
        assert inner.abs().float().mean() < 1.5


# Boxes of photographs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "smallest"), [(375, 500, 0.08), (50, 40, 0.4), (30, 100, 0.6)])
def test_boxes_in_photographs_are_drawn_as_torchvision_draws_them(height: int, width: int, smallest: float) -> None:
    from torchvision.transforms import RandomResizedCrop

    count = 4000
    size = torch.tensor([[height], [width]]).expand(2, count)
    ours = boxes(*size, smallest, torch.Generator().manual_seed(2)).double()
    torch.manual_seed(3)
    image = torch.zeros(1, height, width)
    drawn = [RandomResizedCrop.get_params(image, [smallest, 1.0], [3 / 4, 4 / 3]) for _ in range(count)]
    theirs = torch.tensor(drawn).double().T
    for read in (lambda x: x[2] * x[3], lambda x: (x[3] / x[2]).log(), lambda x: x[0], lambda x: x[1]):
        first, second = read(ours), read(theirs)
        steps = torch.cat([first, second]).unique()
        shares = [torch.searchsorted(values.sort()[0], steps, right=True) / count for values in (first, second)]
        assert (shares[0] - shares[1]).abs().max() < 1.95 * (2 / count) ** 0.5  # Kolmogorov and Smirnov, one in 1000


@pytest.mark.parametrize(("height", "width"), [(10, 400), (400, 10), (7, 7), (1, 1), (90, 200)])
def test_where_no_box_fits_it_is_the_one_that_torchvision_takes(height: int, width: int) -> None:
    from torchvision.transforms import RandomResizedCrop

    made = boxes(torch.tensor([height]), torch.tensor([width]), 1.0, torch.Generator().manual_seed(0)).T.tolist()[0]
    known = {tuple(RandomResizedCrop.get_params(torch.zeros(1, height, width), [1, 1], [3 / 4, 4 / 3])) for _ in "abc"}
    assert tuple(made) in known
    assert made[0] + made[2] <= height
    assert made[1] + made[3] <= width


# Training -----------------------------------------------------------------------------------------------------------

CROP = {"augmentation": {"crop": 0.2, "flip": True, "lighting": 0.1, "plain_epochs": 1}}


def trained(images: Any, labels: Tensor, path: Path, say: Any = lambda _: None, **how: Any) -> bytes:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.BatchNorm2d(4), nn.Dropout(0.2), nn.Flatten(), nn.Linear(36, 2))
    train(model, images, labels, recipe(**how), name="net", seed=3, state=Resumable(path, "d"), say=say)
    return save(model.state_dict())


def streamed(folder: Path, path: Path, readers: int = 0, say: Any = lambda _: None, **how: Any) -> bytes:
    stream = opened(folder, readers)
    return trained(stream, stream.index["labels"], path, say, **how)


def test_a_training_without_crops_ends_with_the_bytes_of_one_on_stacked_images(folder: Path, tmp_path: Path) -> None:
    part = open_splits("mine", entry(folder, stream=False))["train"]
    how = {"augmentation": {"pad": 2, "flip": True, "plain_epochs": 1}}
    stacked = trained(torch.cat(list(part.pieces())), part.labels, tmp_path / "stacked", **how)
    assert streamed(folder, tmp_path / "streamed", 2, **how) == stacked


def test_a_training_ends_with_the_same_bytes_for_any_readers_and_after_a_kill(folder: Path, tmp_path: Path) -> None:
    first = streamed(folder, tmp_path / "undisturbed", **CROP)
    assert streamed(folder, tmp_path / "readers", 3, **CROP) == first
    for epoch, readers in ((1, 2), (3, 0)):
        with pytest.raises(KilledError):
            streamed(folder, tmp_path / f"{epoch}", readers, Killer(f"epoch {epoch + 1} of"), **CROP)
        assert streamed(folder, tmp_path / f"{epoch}", 1, **CROP) == first
    assert streamed(folder, tmp_path / "smaller", **CROP | {"augmentation": {"crop": 0.9, "flip": True}}) != first


def test_a_network_learns_from_a_stream(folder: Path, tmp_path: Path) -> None:
    stream, lines = opened(folder, 1), list[str]()
    how = {"epochs": 6, "augmentation": {"crop": 0.5, "flip": True}}
    trained(stream, stream.index["labels"], tmp_path / "s", lines.append, **how)
    losses = [float(line.partition("loss ")[2].partition(",")[0]) for line in lines]
    assert losses[-1] < losses[0] / 2, "the classes differ in brightness"


# Refusals -----------------------------------------------------------------------------------------------------------


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(Path.unlink, "is not there, or cannot be read"),
     (cut_short, "is not the file that was read when the dataset was made; restore it, or delete results/index"),
     (altered, "is not the file that was read when the dataset was made"),
     (lambda path: path.write_bytes(b""), "is not the file that was read when the dataset was made")],
)  # fmt: skip
@pytest.mark.parametrize("readers", [0, 2])
def test_a_file_that_is_gone_or_changed_stops_the_training_in_one_sentence(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str, readers: int
) -> None:
    stream = opened(folder, readers)
    spoil(folder / "train/bee/004.JPEG")
    with pytest.raises(LacunaError, match=f"^{folder}/train/bee/004.JPEG {said}") as error:
        trained(stream, stream.index["labels"], tmp_path / "s", **CROP)
    assert "\n" not in str(error.value)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reader")]


@pytest.mark.parametrize("late", [False, True])
def test_a_file_that_was_damaged_from_the_beginning_is_named(folder: Path, late: bool) -> None:
    damaged = folder / "train/bee/004.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:-200])  # its header is whole, so that the index takes it
    with pytest.raises(LacunaError, match=f"^{damaged} cannot be read as an image; remove or replace it"):
        images_of(opened(folder, 1, late), 0.08)


# Ahead, and no further ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readers", [0, 1, 3])
def test_batches_come_in_order_whatever_reads_first(readers: int) -> None:
    def read(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return 10 * number

    asked = [[3 * k, 3 * k + 1, 3 * k + 2] for k in range(6)]
    assert list(read_ahead(asked, read, readers)) == [[10 * one for one in batch] for batch in asked]
    assert list(read_ahead([], read, readers)) == []


@pytest.mark.parametrize("readers", [1, 4])
def test_no_more_than_a_few_batches_are_read_ahead(readers: int) -> None:
    begun = list[int]()
    with closing(read_ahead([[k] for k in range(20)], lambda k: begun.append(k), readers)) as made:
        for taken in range(4):
            next(made)
            time.sleep(0.02)
            assert len(begun) <= taken + 1 + AHEAD
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reader")]
    assert len(begun) <= 4 + AHEAD


JOB = """
import sys, torch
from pathlib import Path
from torch import nn
from types import SimpleNamespace
from lacuna.data.index import packed
from lacuna.data.sources import open_splits
from lacuna.files.artefacts import Record, write_tensors
from lacuna.files.contents import read_index
from lacuna.training.loop import train
from lacuna.training.stream import Stream

torch.set_num_threads(1)
folder, count = sys.argv[1], int(sys.argv[2])
source = {"kind": "folder", "path": folder, "train": "train", "test": "train", "resize": "crop", "stream": True}
entry = {"source": source, "image": [3, 192, 192], "classes": ["ant", "bee"], "train": count, "test": count}
path = f"{folder}/train.safetensors"
write_tensors(path, packed(open_splits("many", entry)["train"].entries()), Record("dataset", "{}"))
index = read_index(path, entry | {"classes": 2})
recipe = {"epochs": 1, "batch_size": 8, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0, "nesterov": True}
recipe |= {"schedule": {"name": "onecycle", "warmup": 0.3}, "augmentation": {"crop": 0.08, "flip": True}}
model = nn.Sequential(nn.Conv2d(3, 2, 8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
state = SimpleNamespace(load=lambda: (0, {}), save=None)
stream = Stream(path, index, {"image": [3, 192, 192], "stream": source}, 2)
train(model, stream, index["labels"], recipe, name="net", seed=0, state=state, say=print)
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print("peak", int(status["VmHWM"].split()[0]) - int(status["RssFile"].split()[0]))
"""


def peak(folder: Path, root: Path, per_class: int) -> float:
    """Megabytes that a training on so many names of two files takes at most, without what is mapped from files."""
    for name in CLASSES:
        (folder / "train" / name).mkdir(parents=True)
        Image.fromarray(np.full((200, 260, 3), 90, np.uint8)).save(folder / f"{name}.jpg")
        for i in range(per_class):
            os.link(folder / f"{name}.jpg", folder / "train" / name / f"{i:05}.jpg")
    arguments = [sys.executable, "-c", JOB, str(folder), str(2 * per_class)]
    done = subprocess.run(arguments, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout.rpartition("peak ")[2]) / 1000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path, root: Path) -> None:
    few, many = (peak(tmp_path / str(count), root, count) for count in (50, 800))
    stacked = 2 * (800 - 50) * 3 * 192**2 / 1e6
    assert stacked > 160
    assert many - few < stacked / 8, (few, many)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_decodes_nearly_what_a_processor_does(folder: Path) -> None:
    stream = opened(folder)
    on_gpu = Stream("x", stream.index, {"image": stream.image, "stream": entry(folder)["source"]}, 2, "cuda")
    assert on_gpu.late, "torchvision has no nvJPEG"
    difference = images_of(on_gpu, 0.3).cpu().int() - images_of(stream, 0.3).int()
    assert difference.abs().float().mean() < 2


def test_an_order_is_kept_over_epochs_of_another_size(folder: Path) -> None:
    """The size of batches moves no image to another place."""
    stream = opened(folder, 2)
    sizes = [images_of(stream, None, 1, size) for size in (1, 5, 24)]
    assert all(torch.equal(one, other) for one, other in pairwise(sizes))
