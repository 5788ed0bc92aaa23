"""Image folders, and downloads against the registry."""

import csv
import gzip
import hashlib
import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from lacuna.data import downloads
from lacuna.data.sources import load_splits
from lacuna.errors import LacunaError

if TYPE_CHECKING:
    from projects import Project

CLASSES = ["ant", "bee"]


def entry(path: Path, **change: Any) -> dict[str, Any]:
    """The entry of a folder of 3 training and 2 test images per class, 3 x 8 x 8."""
    source = {"kind": "folder", "path": str(path), "train": "train", "test": "val", "resize": "exact"}
    whole = {"source": source, "image": [3, 8, 8], "classes": CLASSES, "train": 6, "test": 4}
    source.update({key: value for key, value in change.items() if key in source})
    return whole | {key: value for key, value in change.items() if key not in source}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of one colour each, so that order and channels show: train/ant/0.png is (0, 100, 0) and so on."""
    for split, count in (("train", 3), ("val", 2)):
        for label, name in enumerate(CLASSES):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (8, 8), (i, 100 + label, 0)).save(tmp_path / split / name / f"{i}.png")
    return tmp_path


def refused(settings: dict[str, Any]) -> str:
    with pytest.raises(LacunaError) as error:
        load_splits("mine", settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_folder_is_read_by_class_and_name(folder: Path) -> None:
    images, labels = load_splits("mine", entry(folder))["train"]
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images[:, 0, 0, 0].tolist() == [0, 1, 2, 0, 1, 2]
    assert images[:, 1, 4, 4].tolist() == [100, 100, 100, 101, 101, 101]


def test_classes_are_in_the_order_of_the_entry(folder: Path) -> None:
    images, labels = load_splits("mine", entry(folder, classes=CLASSES[::-1]))["train"]
    assert images[labels == 0][:, 1, 0, 0].unique().tolist() == [101]


def test_classes_that_are_only_counted_are_in_the_order_of_their_folders_names(folder: Path) -> None:
    counted, named = (load_splits("mine", entry(folder, classes=classes)) for classes in (2, CLASSES))
    for split in ("train", "test"):
        assert all(torch.equal(a, b) for a, b in zip(counted[split], named[split], strict=True))


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_class_folders_is_one_sentence(folder: Path, count: int) -> None:
    assert f"{folder}/train has 2 class folders, not {count}" in refused(entry(folder, classes=count))


def test_a_class_that_only_the_training_images_have_is_one_sentence(folder: Path) -> None:
    (folder / "val/bee").rename(folder / "val/cow")
    assert f"{folder}/val/bee is not a folder" in refused(entry(folder, classes=2))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_kind_of_picture_gets_the_wanted_channels(folder: Path, mode: str, channels: int) -> None:
    ending = "jpg" if mode == "CMYK" else "png"
    (folder / "train/ant/1.png").unlink()
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(folder / f"train/ant/1.{ending}")
    images, _ = load_splits("mine", entry(folder, image=[channels, 8, 8]))["train"]
    assert images.shape == (6, channels, 8, 8)
    assert images[1].float().mean() > 250


@pytest.mark.parametrize(("resize", "middle"), [("stretch", 127), ("crop", 127)])
def test_another_size_is_resized_as_asked(folder: Path, resize: str, middle: int) -> None:
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 16:] = 255
    Image.fromarray(wide).save(folder / "val/bee/0.png")
    images, _ = load_splits("mine", entry(folder, resize=resize))["test"]
    row = images[2, 0, 4].tolist()
    assert row[0] < middle < row[-1]
    assert row == sorted(row)
    assert "32 x 16" in refused(entry(folder))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "train/ant/1.png").write_bytes(b""), ["train/ant/1.png", "image"]),
        (lambda f: (f / "train/ant/1.png").write_bytes(b"<html>"), ["train/ant/1.png", "image"]),
        (lambda f: (f / "train/ant/1.png").write_bytes((f / "train/ant/1.png").read_bytes()[:40]), ["train/ant/1.png"]),
        (lambda f: (f / "train/ant/notes.txt").write_text("x"), ["notes.txt", ".png"]),
        (lambda f: (f / "val/bee").rename(f / "val/wasp"), ["val/bee", "not a folder"]),
        (lambda f: [p.unlink() for p in (f / "val/bee").iterdir()], ["val/bee", "no images"]),
        (lambda f: (f / "train/ant/2.png").unlink(), ["key mine.train: there are 5 images; stated: 6"]),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, spoil: Any, words: list[str]) -> None:
    spoil(folder)
    message = refused(entry(folder))
    assert all(word in message for word in words), message


def test_hidden_files_are_passed_over(folder: Path) -> None:
    (folder / "train/ant/.DS_Store").write_text("x")
    assert len(load_splits("mine", entry(folder))["train"][0]) == 6


# Downloads ---------------------------------------------------------------------------------------------------


def idx(array: np.ndarray) -> bytes:
    """The IDX format of MNIST."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A tiny MNIST with its own registry, not yet placed; fetching is impossible."""
    from torchvision import datasets

    draw = np.random.default_rng(0)
    contents = {}
    for split, count in (("train", 6), ("t10k", 4)):
        contents[f"{split}-images-idx3-ubyte"] = idx(draw.integers(0, 256, (count, 4, 4)).astype(np.uint8))
        contents[f"{split}-labels-idx1-ubyte"] = idx(draw.integers(0, 2, count).astype(np.uint8))
    registry = tmp_path / "registry.csv"
    with registry.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["dataset", "file", "bytes", "sha256", "licence", "source"])
        for name, content in contents.items():
            digest = hashlib.sha256(content).hexdigest()
            table.writerow(["MNIST", f"MNIST/raw/{name}", len(content), digest, "none", "http://example.org"])
    monkeypatch.setattr(downloads, "REGISTRY", registry)
    monkeypatch.setattr(downloads, "DOWNLOADS", tmp_path / "downloads")

    def no_network(*_: Any, **__: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(datasets.MNIST, "download", no_network)
    return contents


def place(contents: dict[str, bytes], compressed: bool = True) -> Path:
    """Puts the files where the documentation says; returns the folder."""
    folder = downloads.DOWNLOADS / "MNIST/raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / (name + ".gz" * compressed)).write_bytes(gzip.compress(content) if compressed else content)
    return folder


MNIST = {
    "source": {"kind": "torchvision", "name": "MNIST"},
    "image": [1, 4, 4],
    "classes": CLASSES,
    "train": 6,
    "test": 4,
}


@pytest.mark.parametrize("compressed", [True, False])
def test_files_placed_by_hand_are_found_and_verified(
    mnist: dict[str, bytes], compressed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import datasets

    place(mnist, compressed)
    monkeypatch.setattr(datasets.MNIST, "download", lambda _: None)
    images, _ = load_splits("mnist", MNIST)["test"]
    assert images.numpy().tobytes() == mnist["t10k-images-idx3-ubyte"][16:]


def test_missing_files_are_named_with_the_place_and_the_source(mnist: dict[str, bytes]) -> None:
    message = refused(MNIST)
    assert all(name in message for name in mnist)
    assert "http://example.org" in message


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda c: b"<html>not found</html>", ["bytes", "web page"]),
        (lambda c: c[:-1], ["bytes"]),
        (lambda c: c[:-1] + bytes([c[-1] ^ 1]), ["sha256"]),
    ],
)
def test_a_wrong_file_is_named_and_nothing_is_built(mnist: dict[str, bytes], spoil: Any, words: list[str]) -> None:
    name = "train-labels-idx1-ubyte"
    place(mnist | {name: spoil(mnist[name])}, compressed=False)
    message = refused(MNIST)
    assert all(word in message for word in [name, *words]), message


def test_a_web_page_named_gz_is_named(mnist: dict[str, bytes]) -> None:
    folder = place(mnist)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<!DOCTYPE html>")
    message = refused(MNIST)
    assert "t10k-labels-idx1-ubyte.gz" in message
    assert "web page" in message


def test_a_failed_download_leaves_nothing(mnist: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def half(*_: Any, **__: Any) -> None:
        place({"train-images-idx3-ubyte": mnist["train-images-idx3-ubyte"][:10]})
        raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(datasets.MNIST, "download", half)
    refused(MNIST)
    assert not [path for path in downloads.DOWNLOADS.rglob("*") if path.is_file()]


def test_the_archive_of_stl10_is_unpacked_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the archive's layout: images column by column, channels first, labels from 1."""
    from torchvision import datasets

    draw, md5 = np.random.default_rng(0), {}
    images = draw.integers(0, 256, (3, 3, 96, 96)).astype(np.uint8)  # image, channel, column, row
    contents = {"X": images.tobytes(), "y": bytes([1, 2, 1])}
    with tarfile.open(tmp_path / "stl10_binary.tar.gz", "w:gz") as archive:
        for name in ("train_X", "train_y", "unlabeled_X", "test_X", "test_y"):
            content = contents[name[-1]]
            md5[name] = [f"{name}.bin", hashlib.md5(content).hexdigest()]
            info = tarfile.TarInfo(f"stl10_binary/{name}.bin")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    packed = (tmp_path / "stl10_binary.tar.gz").read_bytes()
    line = ["STL10", "stl10_binary.tar.gz", len(packed), hashlib.sha256(packed).hexdigest(), "none", "http://a.org"]
    header = "dataset,file,bytes,sha256,licence,source"
    (tmp_path / "registry.csv").write_text("\n".join([header, ",".join(map(str, line))]))
    monkeypatch.setattr(downloads, "REGISTRY", tmp_path / "registry.csv")
    monkeypatch.setattr(downloads, "DOWNLOADS", tmp_path)
    monkeypatch.setattr(datasets.STL10, "tgz_md5", hashlib.md5(packed).hexdigest())
    monkeypatch.setattr(datasets.STL10, "train_list", [md5["train_X"], md5["train_y"], md5["unlabeled_X"]])
    monkeypatch.setattr(datasets.STL10, "test_list", [md5["test_X"], md5["test_y"]])
    settings = {"source": {"kind": "torchvision", "name": "STL10"}, "image": [3, 96, 96], "classes": CLASSES}
    splits = load_splits("stl10", settings | {"train": 3, "test": 3})
    assert splits["train"][1].tolist() == [0, 1, 0]
    assert splits["test"][0].numpy().tobytes() == images.transpose(0, 1, 3, 2).tobytes()


def test_the_registry_names_every_dataset_that_the_configuration_can() -> None:
    for name in ("CIFAR10", "MNIST", "FashionMNIST", "STL10"):
        lines = downloads.registry_lines(name)
        assert lines
        assert all(len(line["sha256"]) == 64 and int(line["bytes"]) > 0 for line in lines)
        assert all(line["licence"] and line["source"].startswith("http") for line in lines)


def test_the_mean_image_goes_without_stated_constants(project: "Project") -> None:
    project.edit("config/datasets.yaml", lambda content: content["cifar10"]["normalisation"].update(kind="pixel_mean"))
    with pytest.raises(LacunaError, match=r"config/datasets.yaml, key cifar10.normalisation.*pixel_mean alone"):
        project.load()
