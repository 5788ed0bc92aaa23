"""Foreground models and folders of images that the user brings: what they give back, and that they stay as they are."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from lacuna.data.folder import unchanged
from lacuna.data.sources import open_splits
from lacuna.errors import LacunaError
from lacuna.foreground import find
from lacuna.foreground.deepgaze import DeepGaze, read_centre_bias
from lacuna.foreground.segmentation import Segmentation
from lacuna.foreign.parts import watched
from lacuna.foreign.probes import doubts_of
from lacuna.language.doubts import SALIENCY_DRAWS
from lacuna.numerics.images import as_pixels

torch.set_num_threads(1)
SIDE = 16


def even(x: Tensor, bias: Tensor) -> Tensor:
    """The log density that DeepGaze would give with its bias alone."""
    return bias[:, None].clone()


GAZES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "even": even,
    "density": lambda x, bias: even(x, bias).exp(),
    "nan": lambda x, bias: even(x, bias) * torch.where(torch.arange(len(x)) == 1, torch.nan, 1.0).view(-1, 1, 1, 1),
    "pair": lambda x, bias: (even(x, bias), None),
    "no channel": lambda x, bias: bias,
    "small": lambda x, bias: even(x, bias)[..., ::2, ::2],
    "half": lambda x, bias: even(x, bias).half(),
    "error": lambda x, bias: x["image"],
    "erase": lambda x, bias: even(x.zero_(), bias.zero_()),
    "random": lambda x, bias: torch.randn(len(x), SIDE**2).log_softmax(1).view(-1, 1, SIDE, SIDE),
}


class Gaze(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor, bias: Tensor) -> Any:
        return GAZES[self.how](x, bias)


def gaze(how: str) -> DeepGaze:
    return DeepGaze(Gaze(how), read_centre_bias("uniform", SIDE)).eval()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("density", "gave log densities whose exponentials sum to 257; allowed: 1"),
        ("nan", "not finite for 1 of 3 images"),
        ("pair", "a tuple of 2"),
        ("no channel", "(3, 16, 16) for images (3, 3, 16, 16); allowed: a tensor (3, 1, 16, 16)"),
        ("small", "(3, 1, 8, 8)"),
        ("half", "numbers of type float16"),
        ("error", "raised IndexError at test_foreign_foregrounds.py, line"),
        ("erase", "sum to 256"),
    ],
)
def test_what_a_saliency_network_gives_back_is_checked(how: str, words: str) -> None:
    model, x = gaze(how), torch.rand(3, 1, 8, 8)
    before = x.clone(), model.bias.clone()
    with pytest.raises(LacunaError, match="^DeepGaze IIE .*" + re.escape(words)):
        model(x)
    assert torch.equal(x, before[0])
    assert torch.equal(model.bias, before[1])


def test_a_saliency_network_that_draws_is_doubtful_and_one_that_changes_is_refused() -> None:
    x = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8)
    assert doubts_of(x, None, gaze("random")) == [SALIENCY_DRAWS]
    assert doubts_of(x, None, gaze("even")) == []
    model = gaze("even")
    with pytest.raises(LacunaError, match="DeepGaze IIE changed the tensor 'bias' of itself"), watched(None, model):
        model.bias.add_(0.1)


SCORES: dict[str, Callable[[Tensor], Any]] = {
    "bright": lambda x: {"out": torch.cat([torch.zeros_like(x[:, :1]), x[:, :1]], 1)},
    "tensor": lambda x: x[:, :2],
    "no out": lambda x: {"aux": x},
    "one class": lambda x: {"out": x[:, :1]},
    "flat": lambda x: {"out": x.flatten(1)},
    "infinite": lambda x: {"out": x[:, :2] / 0},
    "random": lambda x: {"out": torch.randn(len(x), 2, 8, 8)},
    "batch": lambda x: {"out": torch.cat([x[:, :1].mean(0, keepdim=True).expand_as(x[:, :1]), x[:, :1]], 1)},
}


class Segments(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Any:
        if self.how == "counts":
            self.get_buffer("calls").add_(1)
        return SCORES["bright" if self.how == "counts" else self.how](x)


def segmented(how: str) -> Tensor:
    model = Segmentation(Segments(how), [-1], "my network").eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8, generator=generator)
    images[:16] //= 2
    labels = torch.zeros(40, dtype=torch.int64)
    finder = find.Finder("my network", lambda part, of: model.foreground(as_pixels(part), of), model)
    return find._find_in_batches(finder, images, labels, "cpu", 40, lambda line: None, None)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("tensor", "my network gave an object of type Tensor; allowed: a dict with a tensor 'out'"),
        ("no out", "my network gave an object of type dict"),
        ("one class", "a tensor (40, 2, 520, 520)"),
        ("flat", "my network gave (40, 811200)"),
        ("infinite", "my network gave numbers that are not finite for 40 of 40 images"),
        ("random", "other pixels when it was asked again"),
        ("batch", "other pixels when it was asked again"),
        ("counts", "my network changed the tensor 'network.calls' of itself"),
    ],
)
def test_a_segmentation_that_is_none_or_does_not_last_is_refused(how: str, words: str) -> None:
    with pytest.raises(LacunaError, match=re.escape(words)):
        segmented(how)


def test_a_segmentation_that_lasts_is_taken() -> None:
    assert segmented("bright").shape == (40, 8, 8)


# Folders -------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Files train/a/0.png ... of two classes and two splits."""
    found = [tmp_path / split / name / f"{i}.png" for split in ("train", "test") for name in "ab" for i in range(2)]
    for i, path in enumerate(found):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 9 * i, np.uint8)).save(path)
    return found


def rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


@pytest.mark.parametrize("deed", [rewrite, replace, os.remove, os.utime])
def test_a_file_that_changes_while_a_job_uses_it_is_named(files: list[Path], deed: Callable[[Path], object]) -> None:
    with pytest.raises(LacunaError, match=re.escape(f"{files[3]} changed while a job used it")), unchanged(files):
        deed(files[3])
    with unchanged(files[:3]):
        files[0].read_bytes()


def test_a_dataset_that_changes_between_two_pieces_is_refused(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lacuna.data.sources.PIECE", 64)
    source = {"kind": "folder", "path": str(files[0].parents[2]), "train": "train", "test": "test", "resize": "exact"}
    entry = {"source": source, "image": [1, 8, 8], "classes": ["a", "b"], "train": 4, "test": 4}
    pieces = open_splits("mine", entry)["train"].pieces()
    assert int(next(pieces).max()) == 0
    os.utime(files[0])
    with pytest.raises(LacunaError, match=re.escape(str(files[0]))):
        list(pieces)
    assert len(list(open_splits("mine", entry)["train"].pieces())) == 4
