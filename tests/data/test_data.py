"""Datasets: the embedded file, torchvision's, and normalisation."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from lacuna.data import downloads
from lacuna.data.normalisation import normalisation
from lacuna.data.sources import load_splits
from lacuna.errors import LacunaError

ROOT = Path(__file__).parents[2]
DATASETS: dict[str, Any] = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())
EMBEDDED = "fashion-mnist-subset"


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    """The embedded dataset's entry, its file a copy that a test may spoil."""
    settings = copy.deepcopy(DATASETS[EMBEDDED])
    file = tmp_path / "copy.npz"
    file.write_bytes((ROOT / settings["source"]["file"]).read_bytes())
    settings["source"]["file"] = str(file)
    return settings


def refused(name: str, settings: dict[str, Any]) -> str:
    """The one sentence with which a dataset is refused."""
    with pytest.raises(LacunaError) as error:
        load_splits(name, settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_embedded_dataset_is_what_its_entry_says(entry: dict[str, Any]) -> None:
    splits = load_splits(EMBEDDED, entry)
    for split, per_class in (("train", 1000), ("test", 200)):
        images, labels = splits[split]
        assert images.shape == (10 * per_class, 1, 28, 28)
        assert images.dtype == torch.uint8
        assert labels.dtype == torch.int64
        assert labels.bincount(minlength=10).tolist() == [per_class] * 10
        assert images.is_contiguous()
        assert images.float().mean((1, 2, 3)).min() > 0  # no image is blank
    train, test = (set(map(bytes, splits[s][0].flatten(1).numpy())) for s in ("train", "test"))
    assert len(train) > 9990
    assert len(train & test) < 10


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_an_embedded_file_with_a_changed_byte_is_refused(entry: dict[str, Any], place: int) -> None:
    file = Path(entry["source"]["file"])
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    assert entry["source"]["file"] in refused(EMBEDDED, entry)


def test_a_missing_embedded_file_is_one_sentence_that_names_it(entry: dict[str, Any]) -> None:
    Path(entry["source"]["file"]).unlink()
    assert entry["source"]["file"] in refused(EMBEDDED, entry)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train": 9999}, [".train: there are 10000 images; stated: 9999"]),
        ({"test": 1}, [".test: there are 2000 images; stated: 1"]),
        ({"image": [3, 32, 32]}, [".train: images are uint8 (1, 28, 28); stated: uint8 (3, 32, 32)"]),
        ({"classes": ["a", "b", "c"]}, [".train: labels do not fit its 3 classes"]),
    ],
)
def test_images_or_labels_that_are_not_the_entrys_are_named(
    entry: dict[str, Any], change: dict[str, Any], words: list[str]
) -> None:
    message = refused(EMBEDDED, entry | change)
    assert all(word in message for word in ["config/datasets.yaml", EMBEDDED, *words])


class Fake:
    """A dataset class as torchvision has them: 8-bit data, and targets."""

    def __init__(self, data: Any, targets: Any) -> None:
        self.data, self.targets, self.calls = data, targets, list[dict[str, Any]]()
        self.__name__ = "Fake"

    def __call__(self, root: Any, **how: Any) -> "Fake":
        self.calls.append({"root": str(root), **how})
        return self


def fake_entry(name: str, image: list[int], count: int) -> dict[str, Any]:
    settings = copy.deepcopy(DATASETS[name])
    return settings | {"image": image, "train": count, "test": count}


@pytest.fixture
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file to verify: for tests on stand-ins of torchvision's classes."""
    monkeypatch.setattr(downloads, "registry_lines", lambda _: [])


@pytest.mark.usefixtures("unregistered")
@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_torchvisions_images_get_their_channels_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    draws = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3)).astype(np.uint8)
    labels = [0, 9, 3, 1, 2, 2]
    fake = Fake(draws, labels) if name == "cifar10" else Fake(torch.tensor(draws[..., 0]), torch.tensor(labels))
    monkeypatch.setattr(datasets, name.upper(), fake)
    splits = load_splits(name, fake_entry(name, [3, 4, 4] if name == "cifar10" else [1, 4, 4], 6))
    for images, read in splits.values():
        assert read.tolist() == labels
        assert images.is_contiguous()
        for n, c, y, x in np.ndindex(*images.shape):
            assert images[n, c, y, x] == draws[n, y, x, c]
    assert [call["train"] for call in fake.calls] == [True, False]
    assert {call["root"] for call in fake.calls} == {"results/downloads"}


@pytest.mark.usefixtures("unregistered")
@pytest.mark.parametrize("labels", [[0, 1, 10], [0, -1, 2], [0, 1]])
def test_labels_that_do_not_fit_are_one_sentence(labels: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    monkeypatch.setattr(datasets, "MNIST", Fake(torch.zeros(3, 4, 4, dtype=torch.uint8), labels))
    message = refused("mnist", fake_entry("mnist", [1, 4, 4], 3))
    assert all(word in message for word in ("config/datasets.yaml", "key mnist.train: labels", "10 classes"))


@pytest.mark.parametrize("error", [OSError("no route"), RuntimeError("not found\nor corrupted"), ConnectionError()])
@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_a_failed_download_is_one_sentence_that_says_where_to_put_the_files(
    name: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import datasets

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, name.upper(), fail)
    message = refused(name, DATASETS[name])
    assert "results/downloads" in message
    assert all(line["file"] in message for line in downloads.registry_lines(DATASETS[name]["source"]["name"]))
    assert DATASETS[name]["source"]["name"] in message


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_normalisation_per_channel_is_the_mean_and_deviation_of_the_pixels(seed: int, channels: int) -> None:
    images = np.random.default_rng(seed).integers(0, 200 + seed, (50, channels, 6, 5)).astype(np.uint8)
    images[:, -1] //= 3
    mean, std = normalisation({"kind": "channel"}, torch.from_numpy(images))
    assert mean.shape == std.shape == (channels, 1, 1)
    assert mean.dtype == std.dtype == torch.float32
    pixels = images.astype(np.float64) / 255
    np.testing.assert_allclose(mean.flatten(), pixels.mean((0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(std.flatten(), pixels.std((0, 2, 3)), rtol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixel_mean_subtracts_the_mean_image_only(channels: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (50, channels, 6, 5)).astype(np.uint8)
    mean, std = normalisation({"kind": "pixel_mean"}, torch.from_numpy(images))
    np.testing.assert_allclose(mean, images.mean(0) / 255, rtol=1e-6)
    assert torch.equal(std, torch.ones(channels, 1, 1))
    normalised = (torch.from_numpy(images) / 255 - mean) / std
    assert normalised.mean(0).abs().max() < 1e-6


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_stated_constants_are_used_as_they_are(name: str) -> None:
    settings = DATASETS[name]
    mean, std = normalisation(settings["normalisation"], torch.zeros(2, *settings["image"], dtype=torch.uint8))
    assert mean.shape == std.shape == (settings["image"][0], 1, 1)
    assert mean.flatten().tolist() == pytest.approx(settings["normalisation"]["mean"])
    assert std.flatten().tolist() == pytest.approx(settings["normalisation"]["std"])


def test_the_papers_mean_image_is_used_even_where_constants_stand() -> None:
    images = torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8)
    stated = {"kind": "pixel_mean", "mean": [0.5], "std": [0.5]}
    assert torch.equal(normalisation(stated, images)[0], normalisation({"kind": "pixel_mean"}, images)[0])
