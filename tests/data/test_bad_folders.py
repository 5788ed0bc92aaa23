"""Image folders as people have them: each oddity is read rightly or refused in one sentence, never passed over."""

import struct
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from stages import Stages

from lacuna.data.normalisation import normalisation
from lacuna.data.sources import load_splits
from lacuna.errors import LacunaError

CLASSES = ["ant", "bee"]


def entry(path: Path, **change: Any) -> dict[str, Any]:
    """The entry of a folder of 3 training and 3 test images per class, 3 x 8 x 8."""
    source = {"kind": "folder", "path": str(path), "train": "train", "test": "test", "resize": "exact"}
    return {"source": source, "image": [3, 8, 8], "classes": CLASSES, "train": 6, "test": 6} | change


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for label, name in enumerate(CLASSES):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (8, 8), (i, 100 + label, 7)).save(tmp_path / split / name / f"{i}.png")
    return tmp_path


def refused(settings: dict[str, Any]) -> str:
    with pytest.raises(LacunaError) as error:
        load_splits("mine", settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def huge(path: Path) -> None:
    """A valid PNG of a few bytes that claims 60000 x 60000 pixels."""
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


def saved(image: Image.Image, **how: Any) -> Callable[[Path], None]:
    return lambda path: image.save(path, **how)


def half_clear() -> Image.Image:
    alpha = np.full((8, 8, 4), 255, np.uint8)
    alpha[0, 0, 3] = 254
    return Image.fromarray(alpha)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[45] ^= 255  # in the compressed pixels
    path.write_bytes(content)


def folder_in_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.png")


GREY = Image.new("L", (8, 8), 9)
IMAGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: path.write_bytes(b""), "cannot be read as an image; remove or replace it"),
    (lambda path: path.write_bytes(path.read_bytes()[:50]), "cannot be read as an image; remove or replace it"),
    (lambda path: path.write_bytes(b"\x80\x04\x95"), "cannot be read as an image; remove or replace it"),
    (flipped, "cannot be read as an image; remove or replace it"),
    (folder_in_place, "cannot be read as an image; remove or replace it"),
    (dangling, "cannot be read as an image; remove or replace it"),
    (huge, "claims more than 178956970 pixels; remove or shrink it"),
    (saved(Image.new("RGB", (9, 8))), "is 9 x 8, not 8 x 8; allowed: resize: stretch or crop"),
    (saved(half_clear()), "is transparent in parts; save it on a background"),
    (saved(GREY.convert("P"), transparency=9), "is transparent in parts; save it on a background"),
    (saved(Image.fromarray(np.full((8, 8), 9000, np.uint16))), "has more than 8 bits per channel (mode I;16)"),
    (saved(GREY, save_all=True, append_images=[Image.new("L", (8, 8), 5)]), "has 2 frames; save one of them"),
]


@pytest.mark.parametrize(("spoil", "words"), IMAGES)
def test_an_image_that_cannot_be_used_is_named(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(folder / "train/bee/1.png")
    message = refused(entry(folder))
    assert str(folder / "train/bee/1.png") in message
    assert words in message


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda f: (f / "train/ant/1.jpg").write_bytes((f / "train/ant/1.png").read_bytes()),
            "1.png has the name of 1.jpg",
        ),
        (
            lambda f: (f / "train/ant/a.PNG").write_bytes(b"") or (f / "train/ant/A.png").write_bytes(b""),
            "has the name of",
        ),
        (
            lambda f: (f / "test/ant/extra.png").write_bytes((f / "test/ant/1.png").read_bytes()),
            "mine.test: there are 7 images; stated: 6",
        ),
        (lambda f: (f / "test/ant/1.gif").write_bytes(b""), "1.gif is not an image; allowed endings: "),
        (lambda f: (f / "test/ant/deeper").mkdir(), "deeper is not an image; allowed endings: "),
        (lambda f: (f / "test/ant").rename(f / "test/.ant"), "test/ant is not a folder; there must be one per class"),
        (lambda f: (f / "test").rename(f / "else"), "test/ant is not a folder; there must be one per class"),
    ],
)
def test_a_folder_that_does_not_fit_is_named(folder: Path, spoil: Callable[[Path], object], words: str) -> None:
    spoil(folder)
    assert words in refused(entry(folder))


def test_images_of_one_class_only_are_refused(folder: Path) -> None:
    assert "train/bee has no images" in _without_bees(folder)
    same = entry(folder, classes=["ant", "bee"])
    for path in (folder / "train/bee").iterdir():
        path.unlink()
    (folder / "train/bee").rmdir()
    assert "train/bee is not a folder" in refused(same)
    assert "has 1 class folders, not 2" in refused(entry(folder, classes=2))


def _without_bees(folder: Path) -> str:
    for path in (folder / "train/bee").iterdir():
        path.unlink()
    return refused(entry(folder))


def test_labels_that_are_all_one_class_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Stages(tmp_path).begin()
    with np.load("tiny.npz") as arrays:
        np.savez("tiny.npz", **{**arrays, "train_labels": np.zeros(24, int)})
    assert "mine.train: images are all of one class; allowed: at least two" in refused(Stages(tmp_path).dataset()[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a | {"train_images": a["train_images"] / 255}, "mine.train: images are float64 (1, 8, 8); stated"),
        (
            lambda a: a | {"train_images": a["train_images"][0]},
            "mine.train: images are uint8 (8,); stated: uint8 (1, 8, 8)",
        ),
        (lambda a: a | {"train_images": a["train_images"].astype(object)}, "is not an .npz file of the arrays"),
        (
            lambda a: a | {"train_images": a["train_images"].astype(str)},
            "mine.train: images are <U3 (1, 8, 8); stated: uint8",
        ),
        (lambda a: a | {"test_labels": a["test_labels"] + 0.5}, "mine.test: labels do not fit its 3 classes"),
        (lambda a: a | {"test_labels": a["test_labels"][None]}, "mine.test: labels do not fit its 3 classes"),
        (lambda a: {key: a[key] for key in a if key != "test_labels"}, "is not an .npz file of the arrays"),
    ],
)
def test_arrays_with_the_stated_sha256_but_wrong_content_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any], Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Stages(tmp_path).begin()
    with np.load("tiny.npz") as arrays:
        changed = change(dict(arrays))
    np.savez("tiny.npz", **changed)
    assert words in refused(Stages(tmp_path).dataset()[0])


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"\x80\x04\x95", b"\x93NUMPY"])
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.npz").write_bytes(content)
    assert "tiny.npz is not an .npz file of the arrays" in refused(Stages(tmp_path).dataset()[0])


def test_a_channel_without_variation_asks_for_constants(folder: Path) -> None:
    images, _ = load_splits("mine", entry(folder))["train"]
    with pytest.raises(LacunaError, match="channel 2 of the training images has one value everywhere; state mean and"):
        normalisation({"kind": "channel"}, images)


ODD = ["Schöne Blüte", "日本", "😀", "-rf", "a;b$(c)", "it's", 'q"q', "e\u0301", "new\nline"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_of_classes_and_images_are_read(folder: Path, name: str) -> None:
    for split in ("train", "test"):
        (folder / split / "bee").rename(folder / split / name)
        (folder / split / name / "1.png").rename(folder / split / name / f"{name}.png")
    images, labels = load_splits("mine", entry(folder, classes=["ant", name]))["train"]
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert sorted(images[labels == 1][:, 0, 0, 0].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
def test_an_accent_may_be_written_in_either_form(folder: Path, forms: tuple[str, str]) -> None:
    written, stored = (unicodedata.normalize(form, "Käfer") for form in forms)
    for split in ("train", "test"):
        (folder / split / "bee").rename(folder / split / stored)
    assert len(load_splits("mine", entry(folder, classes=["ant", written]))["train"][0]) == 6


def test_two_forms_of_one_image_name_are_refused(folder: Path) -> None:
    for form in ("NFC", "NFD"):
        Image.new("RGB", (8, 8)).save(folder / "train/ant" / f"{unicodedata.normalize(form, 'Käfer')}.png")
    assert "has the name of" in refused(entry(folder, train=8))


def test_a_name_that_is_no_text_is_one_sentence_in_terminal_and_log(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "train/ant" / b"\xff.png".decode("utf-8", "surrogateescape")).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    stages = Stages(tmp_path)
    monkeypatch.setattr(
        Stages, "dataset", lambda _: (entry(folder) | {"train": 7}, {"source": []}, {"train": "a", "test": "b"})
    )
    with pytest.raises(SystemExit):
        stages.run("dataset")
    assert capfd.readouterr().err.count("\n") == 1
    assert "\\udcff.png cannot be read as an image" in Path("logs/dataset.log").read_text()


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1"])
def test_opaque_pictures_of_any_mode_are_read(folder: Path, mode: str) -> None:
    picture = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    (folder / "train/bee/1.png").unlink()
    picture.save(folder / f"train/bee/1.{'jpg' if mode == 'CMYK' else 'png'}")
    images, _ = load_splits("mine", entry(folder))["train"]
    assert torch.equal(images[4], torch.full((3, 8, 8), 255, dtype=torch.uint8))
