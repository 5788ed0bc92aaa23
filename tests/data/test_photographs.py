"""Photographs of installed packages: crops where they are said to be, labels that are a network's answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from lacuna.data import photographs
from lacuna.data.answers import answers
from lacuna.data.classes import answer_names, class_names, imagenet_names
from lacuna.data.photographs import CORNERS, CROP, PHOTOGRAPHS, SIDE, photograph_digests, read_photographs
from lacuna.data.sources import load_splits
from lacuna.errors import LacunaError

torch.set_num_threads(1)
ENTRY: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "config/datasets.yaml").read_text())["photographs"]
NETWORK = ENTRY["source"]["labels"]


@pytest.fixture(scope="module")
def splits() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    return load_splits("photographs", ENTRY)


def test_the_images_are_what_the_entry_says(splits: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
    for split, (images, labels) in splits.items():
        assert images.shape == (ENTRY[split], *ENTRY["image"])
        assert images.dtype == torch.uint8
        assert labels.shape == (ENTRY[split],)
    assert ENTRY["test"] == ENTRY["scene_images"] * len(PHOTOGRAPHS)


def test_they_are_photographs_in_colour(splits: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
    for images, _ in splits.values():
        spread = images.double().std(dim=1).mean(dim=(1, 2))  # between the channels of a pixel
        assert (spread > 1).all()


def test_the_crops_of_a_photograph_follow_each_other_and_share_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.arange(SIDE * SIDE, dtype=np.int64)
    square = np.stack([places % 251, places // 251 % 251, places % 7], axis=-1).reshape(SIDE, SIDE, 3).astype(np.uint8)
    monkeypatch.setattr(photographs, "_square", lambda name, side: square[:side, :side])
    monkeypatch.setattr(photographs, "answers", lambda network, images: torch.zeros(len(images), dtype=torch.int64))
    images, _ = read_photographs(NETWORK)["test"]
    for i, image in enumerate(images):
        top, left = CORNERS[i % len(CORNERS)]
        assert np.array_equal(image, square[top : top + CROP, left : left + CROP])
        inside = slice(SIDE - CROP - top, CROP - top), slice(SIDE - CROP - left, CROP - left)
        assert np.array_equal(image[inside], square[SIDE - CROP : CROP, SIDE - CROP : CROP])


def test_labels_are_the_networks_answers_whatever_else_is_asked(
    splits: dict[str, tuple[torch.Tensor, torch.Tensor]],
) -> None:
    images, labels = splits["test"]
    chosen = torch.randperm(len(images))[:5]
    assert torch.equal(answers(NETWORK, images[chosen]), labels[chosen])
    said = [imagenet_names()[label] for label in labels.tolist()]
    assert said[8:12] == ["espresso"] * 4  # the cup of coffee
    assert {"tabby", "tiger cat", "Egyptian cat"} >= set(said[4:8])  # the cat


def test_a_photograph_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(name: str) -> None:
        raise OSError("gone")

    monkeypatch.setitem(photographs.READERS, "scikit-learn", lost)
    with pytest.raises(LacunaError, match=r"photograph 'china' of scikit-learn cannot be read \(OSError\); reinstall"):
        read_photographs(NETWORK)


def test_each_photograph_has_a_digest_of_its_own() -> None:
    digests = photograph_digests()
    assert list(digests) == list(PHOTOGRAPHS)
    assert len(set(digests.values())) == len(PHOTOGRAPHS)


def test_names_are_imagenets_and_of_some_classes_the_others_follow() -> None:
    assert class_names(ENTRY) == answer_names(ENTRY) == imagenet_names()
    some = {"classes": ["golf", "tench"], "indices": [574, 0], "source": {"kind": "folder"}}
    assert class_names(some) == ["golf", "tench"]
    names = answer_names(some)
    assert len(names) == 1000
    assert names[2:] == [name for i, name in enumerate(imagenet_names()) if i not in (0, 574)]
