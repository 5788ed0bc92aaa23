"""The index of a streamed split: it names every image with its sha256, and refuses what a stacked split refuses."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from photographed import CLASSES, SIDE, entry, oddities, photographs, picture
from PIL import Image, ImageOps
from torch import Tensor

from lacuna.data.index import packed, path_of
from lacuna.data.sources import open_splits
from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_tensors
from lacuna.files.contents import read_dataset, read_index

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photographs(tmp_path)
    oddities(tmp_path)
    return tmp_path


def indexed(settings: dict[str, Any]) -> dict[str, Tensor]:
    entries = open_splits("mine", settings)["train"].entries
    assert entries
    return packed(entries())


def test_the_index_names_every_file_with_its_label_its_bytes_and_its_upright_size(folder: Path) -> None:
    index, named = indexed(entry(folder)), []
    for i in range(len(index["labels"])):
        path = folder / path_of(index, i)
        content = path.read_bytes()
        assert path.parts[-3:-1] == ("train", CLASSES[index["labels"][i]])
        assert len(content) == index["lengths"][i]
        assert hashlib.sha256(content).digest() == bytes(index["sha256"][i].tolist())
        with Image.open(path) as image:
            assert tuple(index["sizes"][i].tolist()) == ImageOps.exif_transpose(image).size[::-1]
        named.append(path)
    assert named == sorted((folder / "train").rglob("*.JPEG"))
    odd = {named[i].name for i in range(12) if not index["plain"][i]}
    assert odd == {"001.JPEG", "002.JPEG", "004.JPEG"}, "of more colours, on its side, no JPEG"
    assert index["plain"][12:].all()


def test_only_the_training_images_of_a_streamed_dataset_are_indexed(folder: Path) -> None:
    streamed, stacked = (open_splits("mine", entry(folder, stream=one)) for one in (True, False))
    assert streamed["train"].facts() == stacked["train"].facts() | {"streamed": True}
    assert streamed["test"].facts() == stacked["test"].facts()
    assert {name: part.entries is None for name, part in stacked.items()} == {"train": True, "test": True}
    assert streamed["test"].entries is None


@pytest.mark.parametrize("name", ["ä ö.JPEG", "two\nlines.JPEG", "\udcff.JPEG", "a" * 200 + ".jpg"])
def test_any_name_of_a_file_is_kept(folder: Path, name: str) -> None:
    (folder / "train/bee/011.JPEG").rename(folder / "train/bee" / name)
    index = indexed(entry(folder))
    assert name in {path_of(index, i).name for i in range(len(index["labels"]))}


# What is refused ----------------------------------------------------------------------------------------------------


def deep(path: Path) -> None:
    Image.new("I;16", (20, 20)).save(path, format="PNG")


def moving(path: Path) -> None:
    frames = [Image.new("L", (20, 20), value) for value in (0, 200)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(lambda path: path.write_bytes(b""), "cannot be read as an image"),
     (lambda path: path.write_text("no image"), "cannot be read as an image"),
     (deep, "more than 8 bits"),
     (moving, "has 2 frames"),
     (lambda path: Image.new("RGBA", (20, 20), (1, 2, 3, 4)).save(path, format="PNG"), "transparent in parts")],
)  # fmt: skip
def test_a_file_that_loses_something_is_refused_before_any_training(
    folder: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(folder / "train/bee/003.JPEG")
    with pytest.raises(LacunaError, match=rf"^{folder}/train/bee/003.JPEG .*{said}"):
        indexed(entry(folder))


def test_an_image_of_another_size_is_refused_where_the_size_must_be_exact(tmp_path: Path) -> None:
    photographs(tmp_path, 2)
    draw = np.random.default_rng(0)
    for path in tmp_path.rglob("*.JPEG"):
        picture(draw, SIDE, SIDE).save(path)
    settings = entry(tmp_path, 2, resize="exact")
    assert len(indexed(settings)["labels"]) == 4
    picture(draw, SIDE, SIDE + 1).save(tmp_path / "train/ant/001.JPEG")
    with pytest.raises(LacunaError, match=r"001\.JPEG is 17 x 16, not 16 x 16; allowed: resize: stretch or crop"):
        indexed(settings)


# Reading it ---------------------------------------------------------------------------------------------------------

NETWORK = {"classes": 2}


def written(folder: Path, change: Callable[[dict[str, Tensor]], object] = lambda index: None) -> str:
    index = indexed(entry(folder))
    change(index)
    path = str(folder / "train.safetensors")
    write_tensors(path, index, Record("dataset", "{}"))
    return path


def test_the_index_is_read_as_it_was_written(folder: Path) -> None:
    read, made = read_index(written(folder), NETWORK), indexed(entry(folder))
    assert read.keys() == made.keys()
    assert all(torch.equal(read[name], made[name]) for name in made)


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda index: index.pop("sha256"), "has no tensor 'sha256'"),
     (lambda index: index.update(sha256=index["sha256"][:, :31].clone()), r"'sha256' is uint8 \(24, 31\)"),
     (lambda index: index.update(sizes=index["sizes"][:-1]), r"'sizes' is int64 \(23, 2\)"),
     (lambda index: index.update(plain=index["plain"].int()), "'plain' is int32"),
     (lambda index: index.update(paths=index["paths"][:-1]), "'paths' has not the bytes"),
     (lambda index: index["labels"].fill_(2), "labels are 2 to 2")],
)  # fmt: skip
def test_another_index_is_refused(folder: Path, change: Callable[[dict[str, Tensor]], object], said: str) -> None:
    with pytest.raises(LacunaError, match=said):
        read_index(written(folder, change), NETWORK)


def test_a_stage_that_needs_the_images_themselves_says_that_they_are_streamed(folder: Path) -> None:
    with pytest.raises(LacunaError, match="is the index of a streamed split, of which only trainings see images"):
        read_dataset(written(folder))


# Configuration ------------------------------------------------------------------------------------------------------


def streamed(name: str, **change: Any) -> Callable[[Any], None]:
    def edit(content: Any) -> None:
        content[name]["source"]["stream"] = True
        content[name].update(change)

    return edit


@pytest.mark.parametrize(
    ("change", "said"),
    [(streamed("imagenet10", normalisation={"kind": "channel"}), r"imagenet10\.normalisation.*allowed: .*mean and std"),
     (streamed("imagenet10", normalisation={"kind": "pixel_mean"}), "kind: pixel_mean without mean and std"),
     (streamed("imagenet10"), "attack.method dual_l2 needs the foregrounds of all training images"),
     (streamed("segment6"), "segment6"),
     (streamed("cifar10"), "cifar10"),
     (lambda content: content["imagenet"]["source"].update(stream="yes"), "stream.*true or false")],
)  # fmt: skip
def test_what_cannot_be_streamed_is_refused(project: "Project", change: Callable[[Any], None], said: str) -> None:
    project.edit("config/datasets.yaml", change)
    with pytest.raises(LacunaError, match=said):
        project.load(scale="paper")
