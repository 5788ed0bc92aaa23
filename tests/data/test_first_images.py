"""The first images of a split, from all classes in turn; counts before the first job; files that keep JPEG's blocks."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from PIL import Image

from lacuna.attacks.core.grid import doubts_of_files
from lacuna.config.datasets import with_limits
from lacuna.data.own_files import first_of_classes, keeps_jpeg_blocks, own_files, refuse_counts
from lacuna.data.sources import load_splits, open_splits
from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_tensors
from lacuna.language.doubts import JPEG_BLOCKS
from lacuna.plan.plan import Plan
from lacuna.plan.presence import refuse_missing

if TYPE_CHECKING:
    from projects import Project

CLASSES = ["ant", "bee", "cow"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three classes with 4 training images each, and 2, 5 and 3 test images; the pixel says which image it is."""
    for split, counts in (("train", (4, 4, 4)), ("test", (2, 5, 3))):
        for label, count in enumerate(counts):
            for i in range(count):
                path = tmp_path / split / CLASSES[label] / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (8, 8), (10 * label + i, 0, 0)).save(path)
    return tmp_path


def entry(folder: Path, **change: Any) -> dict[str, Any]:
    source = {"kind": "folder", "path": str(folder), "train": "train", "test": "test", "resize": "exact"}
    whole = {"source": source, "image": [3, 8, 8], "classes": CLASSES, "train": 12, "test": 10} | change
    return dict(with_limits({"mine": whole})["mine"])


def reference(labels: list[int], count: int) -> list[int]:
    """Taken one by one: the next image of the class that has the fewest so far, the lower label first."""
    left = {label: [i for i, one in enumerate(labels) if one == label] for label in sorted(set(labels))}
    taken: dict[int, list[int]] = {label: [] for label in left}
    while left and sum(map(len, taken.values())) < count:
        label = min((label for label in left if left[label]), key=lambda x: (len(taken[x]), x), default=None)
        if label is None:
            break
        taken[label].append(left[label].pop(0))
    return sorted(place for places in taken.values() for place in places)


@pytest.mark.parametrize("seed", range(30))
def test_classes_are_taken_in_turn_and_order_stays(seed: int) -> None:
    draw = random.Random(seed)
    labels = [draw.randrange(draw.randint(1, 6)) for _ in range(draw.randint(1, 60))]
    count = draw.randint(1, 70)
    assert first_of_classes(labels, count) == reference(labels, count)
    assert first_of_classes(labels, None) == [*range(len(labels))]


@pytest.mark.parametrize(
    ("count", "pixels"),
    [(3, [0, 10, 20]), (5, [0, 1, 10, 11, 20]), (7, [0, 1, 10, 11, 12, 20, 21]), (10, None)],
)
def test_the_first_test_images_are_read_and_the_training_is_whole(
    folder: Path, count: int, pixels: list[int] | None
) -> None:
    splits, whole = load_splits("mine", entry(folder, test=f"first {count}")), load_splits("mine", entry(folder))
    images, labels = splits["test"]
    assert len(images) == count
    assert pixels is None or images[:, 0, 0, 0].tolist() == pixels
    assert labels.tolist() == [int(image[0, 0, 0]) // 10 for image in images]
    assert torch.equal(splits["train"][0], whole["train"][0])


def test_more_first_images_than_there_are_is_refused(folder: Path) -> None:
    with pytest.raises(LacunaError, match=r"key mine\.test: there are 10 images; stated: 11$"):
        load_splits("mine", entry(folder, test="first 11"))


def test_an_embedded_file_gives_its_first_images_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    embedded = yaml.safe_load((root / "config/datasets.yaml").read_text())["fashion-mnist-subset"]
    limited = dict(with_limits({"mine": embedded | {"test": "first 30"}})["mine"])
    images, labels = load_splits("mine", limited)["test"]
    whole, all_labels = load_splits("mine", embedded)["test"]
    assert labels.bincount().tolist() == [3] * 10
    for label in range(10):
        assert torch.equal(images[labels == label], whole[all_labels == label][:3])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"train": 13}, "key mine.train: there are 12 images; stated: 13"),
        ({"train": 11}, "key mine.train: there are 12 images; stated: 11"),
        ({"train": 20, "train_at_least": 13}, "key mine.train: there are 12 images; stated: 13 to 20"),
        ({"test": 9}, "key mine.test: there are 10 images; stated: 9"),
        ({"classes": [*CLASSES, "dog"]}, "dog is not a folder"),
    ],
)
def test_the_plan_counts_before_the_first_job(
    project: Project, folder: Path, change: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    normal = {"title": "Mine", "normalisation": {"kind": "channel"}}
    source = entry(folder)["source"]
    mine = {"source": source, "image": [3, 8, 8], "classes": CLASSES, "train": 12, "test": 10} | normal
    jobs = [("dataset", {"dataset": "mine"})]
    project.edit("config/datasets.yaml", lambda content: content.update(mine=mine))
    refuse_missing(Plan(project.load()), jobs)
    project.edit("config/datasets.yaml", lambda content: content["mine"].update(change))
    with pytest.raises(LacunaError, match=says):
        refuse_missing(Plan(project.load()), jobs)


def test_a_class_without_images_in_a_split_is_refused_before_a_job(folder: Path) -> None:
    mine = entry(folder, test=5)
    for path in (folder / "test/bee").iterdir():
        path.unlink()
    with pytest.raises(LacunaError, match="has no images"):
        open_splits("mine", mine)
    with pytest.raises(LacunaError, match=r"key mine\.test: no image is of class 'bee'; allowed: classes with images"):
        refuse_counts("key mine", {"test": [0, 2, 2, 0, 0]}, mine)


def saved(path: Path, size: tuple[int, int], kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(data, kind)
    path.write_bytes(data.getvalue())


@pytest.mark.parametrize(
    ("kinds", "size", "kept"),
    [
        (["JPEG"] * 5, (16, 16), True),
        (["JPEG"] * 3 + ["PNG"] * 2, (16, 16), True),
        (["JPEG"] * 2 + ["PNG"] * 3, (16, 16), False),
        (["PNG"] * 5, (16, 16), False),
        (["JPEG"] * 5, (32, 32), False),  # which are scaled
        (["JPEG"] * 4, (16, 24), False),
    ],
)
def test_jpeg_blocks_stay_where_most_images_are_read_as_they_are(
    tmp_path: Path, kinds: list[str], size: tuple[int, int], kept: bool
) -> None:
    for split in ("train", "test"):
        for label in CLASSES:
            for i, kind in enumerate(kinds):
                saved(tmp_path / split / label / f"{i}.{'jpg' if kind == 'JPEG' else 'png'}", size, kind)
    whole = entry(tmp_path, image=[3, 16, 16], train=3 * len(kinds), test=3 * len(kinds))
    whole["source"]["resize"] = "crop"
    assert open_splits("mine", whole)["test"].jpeg_blocks is kept
    assert ("jpeg_blocks" in open_splits("mine", whole)["test"].facts()) is kept
    assert keeps_jpeg_blocks(own_files(whole["source"], CLASSES, "test"), [3, 16, 16]) is kept


@pytest.mark.parametrize(("method", "blocks", "doubted"), [("advdrop", True, True), ("pgd", True, False)])
def test_an_attack_on_the_same_blocks_is_a_doubt(tmp_path: Path, method: str, blocks: bool, doubted: bool) -> None:
    path = str(tmp_path / "test.safetensors")
    record = Record("dataset", "{}", facts={"jpeg_blocks": True} if blocks else {})
    write_tensors(path, {"images": torch.zeros(1, dtype=torch.uint8)}, record)
    assert doubts_of_files(method, path) == ([JPEG_BLOCKS] if doubted else [])
    assert doubts_of_files("mine:attack", path) == []
    write_tensors(path, {"images": torch.zeros(1, dtype=torch.uint8)}, Record("dataset", "{}"))
    assert doubts_of_files(method, path) == []
