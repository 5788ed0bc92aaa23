"""The set of photographs: disjoint parts for training and test, crops where they are said to be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lacuna.data import photographs
from lacuna.data.photographs import CROP, PHOTOGRAPHS, SIDE, crop_corners, read_photographs
from lacuna.data.sources import load_splits, source_digests
from lacuna.errors import LacunaError

ENTRY: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "config/datasets.yaml").read_text())["photographs"]


def test_the_set_is_what_its_entry_says_and_the_same_each_time() -> None:
    splits = load_splits("photographs", ENTRY)
    for split, per_class in (("train", 300), ("test", 100)):
        images, labels = splits[split]
        assert images.shape == (10 * per_class, 3, 64, 64)
        assert labels.bincount().tolist() == [per_class] * 10
        assert torch.equal(images, load_splits("photographs", ENTRY)[split][0])
        grey = (images[:, 0] == images[:, 1]).flatten(1).all(1) & (images[:, 1] == images[:, 2]).flatten(1).all(1)
        assert set(labels[grey].tolist()) == {PHOTOGRAPHS.index(name) for name in ("camera", "clock", "coins")}
    assert [name.replace("_", " ") for name in PHOTOGRAPHS] == ENTRY["classes"]
    assert source_digests(ENTRY["source"]).keys() == set(PHOTOGRAPHS)
    assert len(set(source_digests(ENTRY["source"]).values())) == 10


def test_no_pixel_is_in_both_splits() -> None:
    covered = {split: np.zeros((SIDE, SIDE), bool) for split in ("train", "test")}
    for split, mask in covered.items():
        for top, left in crop_corners(split):
            assert min(top, left) >= 0
            assert max(top, left) + CROP <= SIDE
            mask[top : top + CROP, left : left + CROP] = True
    assert not (covered["train"] & covered["test"]).any()
    assert covered["train"].sum() == 3 * covered["test"].sum()
    assert (covered["train"] | covered["test"]).all()
    cells = {(top // 75, left // 75) for top, left in crop_corners("test")}
    assert [sorted(cell[axis] for cell in cells) for axis in (0, 1)] == [[0, 1, 2, 3]] * 2
    assert len(set(crop_corners("train"))) == 300
    assert len(set(crop_corners("test"))) == 100


def test_pixels_of_training_crops_do_not_come_back_in_test_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    place = np.arange(SIDE * SIDE, dtype=np.uint32).reshape(SIDE, SIDE)
    numbered = np.stack([place % 256, place // 256 % 256, place // 65536], -1).astype(np.uint8)
    monkeypatch.setattr(photographs, "_square", lambda name: numbered)
    seen = {split: set(map(bytes, images.reshape(-1, 3))) for split, (images, _) in read_photographs().items()}
    assert not seen["train"] & seen["test"]
    assert len(seen["train"] | seen["test"]) == SIDE * SIDE


def test_crops_are_of_the_middle_of_the_photograph() -> None:
    from skimage import data

    images, labels = read_photographs()["train"]
    coffee = Image.fromarray(data.coffee()).crop((100, 0, 500, 400)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    expected = np.asarray(coffee)
    top, left = crop_corners("train")[77]
    np.testing.assert_array_equal(
        images[labels == PHOTOGRAPHS.index("coffee")][77], expected[top : top + CROP, left : left + CROP]
    )


def test_a_photograph_that_cannot_be_read_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from skimage import data

    def missing() -> None:
        raise FileNotFoundError

    monkeypatch.setattr(data, "retina", missing)
    with pytest.raises(LacunaError, match="photograph 'retina' of scikit-image cannot be read"):
        read_photographs()
