"""Foregrounds of every kind, empty and full ones included, and mistakes in files and settings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image
from torch import Tensor, nn

from lacuna.data.folder import read_image
from lacuna.data.own_files import own_files
from lacuna.errors import LacunaError
from lacuna.foreground.find import FoundPixels, above_midrange, find_foreground
from lacuna.foreground.saliency import saliency_model
from lacuna.foreground.segmentation import MEAN, SIDE, STD, Segmentation

torch.set_num_threads(1)
CLASSES = ["cat", "dog", "deer"]


def examples(count: int = 7, channels: int = 3, size: int = 10, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, channels, size, size), generator=generator, dtype=torch.uint8)
    return images * (torch.rand(count, 1, size, size, generator=generator) < 0.6), torch.arange(count) % 3


def made(settings: dict[str, Any], images: Tensor, labels: Tensor, **how: Any) -> FoundPixels:
    standard = {"split": "test", "classes": CLASSES, "source": {"kind": "torchvision"}, "device": "cpu", "batch": 3}
    return find_foreground(settings, images, labels, **standard | {"say": lambda _: None} | how)


def test_pixels_above_zero_in_any_channel() -> None:
    images, labels = examples()
    images[0], images[1] = 0, 200
    images[2] = 0
    images[2, 1, 4, 5] = 1
    found = made({"kind": "nonzero"}, images, labels)
    expected = np.array([[[image[:, r, c].any() for c in range(10)] for r in range(10)] for image in images.numpy()])
    assert np.array_equal(found.pixels.numpy(), expected)
    assert found.pixels[2].sum() == 1
    assert found.facts["empty"] == 1
    assert found.facts["full"] == 1
    assert found.facts["images"] == 7
    torch.testing.assert_close(found.fraction, torch.from_numpy(expected).float().mean((1, 2)))
    assert found.fraction.dtype == torch.float32
    assert found.facts["mean_fraction"] == pytest.approx(expected.mean(), abs=1e-6)


@pytest.mark.parametrize("threshold", ["density", "log_density"])
def test_saliency_above_its_midrange(threshold: str) -> None:
    images, labels = examples()
    images[3] = 77  # plain
    found = made({"kind": "saliency", "model": {"kind": "centre_surround"}, "threshold": threshold}, images, labels)
    density = saliency_model({"kind": "centre_surround"})(images / 255).numpy().astype(np.float64)
    for i in range(len(images)):
        values = np.log(density[i]) if threshold == "log_density" else density[i]
        middle = 0.5 * (values.min() + values.max())
        clear = abs(values - middle) > 1e-4 * abs(middle)  # float32 rounds the others
        assert np.array_equal(found.pixels[i].numpy()[clear], (values > middle)[clear])
    assert "stand-in" in found.label
    assert threshold.replace("_", " ") in found.label
    assert torch.equal(
        made(
            {"kind": "saliency", "model": {"kind": "centre_surround"}, "threshold": threshold},
            images,
            labels,
            batch=100,
        ).pixels,
        found.pixels,
    )


def test_the_log_densitys_midrange_is_lower_and_a_uniform_density_has_no_foreground() -> None:
    peak = torch.exp(-(torch.linspace(-5, 5, 21) ** 2))
    density = (peak[:, None] * peak[None]) / peak.sum() ** 2
    small, large = (above_midrange(density[None], kind) for kind in ("density", "log_density"))
    assert small.sum() < 0.1 * large.sum()
    assert 0.2 < large.double().mean() < 0.8
    assert not above_midrange(torch.full((1, 4, 4), 1 / 16), "density").any()


# Segmentation ---------------------------------------------------------------------------------------------------------


class Stub(nn.Module):
    """Called as torchvision's segmentation networks are: class 1 where red is high, class 2 where green is."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.x = x
        pixels = x * x.new_tensor(STD).view(1, 3, 1, 1) + x.new_tensor(MEAN).view(1, 3, 1, 1)
        red, green = pixels[:, 0], pixels[:, 1]
        return {"out": torch.stack([torch.full_like(red, 0.5), red, green], 1), "aux": x}


def test_segmentation_takes_the_object_of_the_images_class() -> None:
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images[:, 0, :4], images[:, 1, :, :4] = 255, 200
    network = Segmentation(Stub(), [1, 2, -1])
    foregrounds = network.foreground(images / 255, torch.tensor([0, 1, 2, 1]))
    seen = network.network.x
    assert seen.shape == (4, 3, SIDE, SIDE)
    lowest, highest = -torch.tensor(MEAN) / torch.tensor(STD), (1 - torch.tensor(MEAN)) / torch.tensor(STD)
    torch.testing.assert_close(seen.amin((0, 2, 3)), lowest)
    torch.testing.assert_close(seen.amax((0, 2, 3))[0], highest[0])
    inner = torch.ones(8, 8, dtype=torch.bool)
    inner[3:5], inner[:, 3:5] = False, False  # away from edges that resizing softens
    red, green = torch.zeros(8, 8, dtype=torch.bool), torch.zeros(8, 8, dtype=torch.bool)
    red[:4], green[4:, :4] = True, True
    for foreground, expected in zip(foregrounds, (red, green, red | green, green), strict=True):
        assert torch.equal(foreground & inner, expected & inner)
    assert not network.foreground(torch.zeros(1, 1, 8, 8), torch.tensor([0])).any()  # grey, and nothing found


def test_torchvisions_weights_are_asked_for_and_missed_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torchvision.models

    images, labels = examples()
    settings = {"kind": "segmentation", "network": "fcn_resnet50", "class_of": {"cat": "cat", "dog": "dog"}}

    def missing(name: str, weights: Any) -> nn.Module:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.models, "get_model", missing)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(LacunaError, match=rf"put fcn_resnet50_coco-.*\.pth of torchvision in {tmp_path}/checkpoints"):
        made(settings, images, labels)
    for wrong, says in (({"bee": "cat"}, "'bee' is not a class; allowed: cat, dog, deer"), ({"cat": "bee"}, "'bee'")):
        with pytest.raises(LacunaError, match=says):
            made(settings | {"class_of": wrong}, images, labels)
    asked = []

    def present(name: str, weights: Any) -> nn.Module:
        asked.append((name, weights))
        return Stub()

    monkeypatch.setattr(torchvision.models, "get_model", present)
    found = made(settings, images, labels)
    assert asked[0][0] == "fcn_resnet50"
    assert asked[0][1] is not None
    assert found.label == "fcn_resnet50 of torchvision"
    assert found.facts["empty"] > 0, "the stub knows neither cats nor dogs"
    assert found.pixels[labels == 2].any(), "deer stand for whatever is not background"


# Folders --------------------------------------------------------------------------------------------------------------


def folder(root: Path, foregrounds: Tensor, labels: Tensor, names: list[str]) -> dict[str, Any]:
    for foreground, label, name in zip(foregrounds, labels.tolist(), names, strict=True):
        path = root / "test" / CLASSES[label] / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(foreground.numpy().astype(np.uint8) * 3).save(path)
    return {"kind": "folder", "path": str(root)}


def test_foregrounds_from_files_are_in_the_images_order(tmp_path: Path) -> None:
    images, labels = examples(6)
    labels = labels.sort().values
    foregrounds = torch.rand(6, 10, 10, generator=torch.Generator().manual_seed(4)) < 0.5
    settings = folder(tmp_path / "masks", foregrounds, labels, list("abcdef"))
    found = made(settings, images, labels)
    assert torch.equal(found.pixels, foregrounds)
    source = {"kind": "folder", "path": str(tmp_path / "images"), "train": "val", "test": "val"}
    folder(tmp_path / "images", foregrounds, labels, list("abcdef"))
    (tmp_path / "images/test").rename(tmp_path / "images/val")
    assert torch.equal(made(settings, images, labels, source=source).pixels, foregrounds)
    (tmp_path / "images/val/dog/c.png").rename(tmp_path / "images/val/dog/z.png")
    with pytest.raises(LacunaError, match="masks/test has no image named dog/z; allowed endings"):
        made(settings, images, labels, source=source)


@pytest.mark.parametrize("resize", ["stretch", "crop"])
@pytest.mark.parametrize("seed", range(4))
def test_a_mask_of_its_photographs_size_is_resized_as_the_photograph_is(tmp_path: Path, resize: str, seed: int) -> None:
    """The photograph is white where its foreground is, so both end alike. Every other photograph lies on its side."""
    random = np.random.default_rng(seed)
    sizes = random.integers(11, 40, (6, 2))
    turned = np.arange(6) % 2 == 1
    for place, (height, width), sideways in zip(range(6), sizes, turned, strict=True):
        pixels = np.kron(random.random((4, 4)) < 0.5, np.ones((10, 10), bool))[:height, :width]
        upright = Image.fromarray(pixels.astype(np.uint8) * 255)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6 if sideways else 1
        for kind, picture, said in (
            ("images/test", upright.rotate(90, expand=True) if sideways else upright, exif),
            ("masks/test", Image.fromarray(pixels.astype(np.uint8) * 3), None),
        ):
            path = tmp_path / kind / CLASSES[place // 2] / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, **({"exif": said} if said else {}))
    source = {"kind": "folder", "path": str(tmp_path / "images"), "train": "test", "test": "test", "resize": resize}
    labels = torch.arange(6) // 2
    files = [file.path for file in own_files(source, list(CLASSES), "test")]
    images = torch.stack([torch.from_numpy(read_image(path, [1, 10, 12], resize).copy()) for path in files])[:, None]
    found = made({"kind": "folder", "path": str(tmp_path / "masks")}, images, labels, source=source)
    assert torch.equal(found.pixels, images[:, 0] >= 128)
    other = tmp_path / "masks/test" / CLASSES[0] / "0.png"
    Image.new("L", (9, 9)).save(other)
    height, width = sizes[0]
    with pytest.raises(LacunaError, match=f"0.png is 9 x 9; allowed: 12 x 10 or {width} x {height}, the size of its"):
        made({"kind": "folder", "path": str(tmp_path / "masks")}, images, labels, source=source)


def test_missing_files_and_other_sizes_are_refused(tmp_path: Path) -> None:
    images, labels = examples(6)
    labels = labels.sort().values
    foregrounds = torch.ones(6, 10, 10, dtype=torch.bool)
    settings = folder(tmp_path, foregrounds, labels, list("abcdef"))
    with pytest.raises(LacunaError, match="10 x 10; allowed: 12 x 12, the size of its image"):
        made(settings, torch.zeros(6, 3, 12, 12, dtype=torch.uint8), labels)
    (tmp_path / "test/deer/e.png").unlink()
    with pytest.raises(LacunaError, match=r"\[2, 2, 1\] files per class"):
        made(settings, images, labels)
    (tmp_path / "test/deer/f.png").unlink()
    (tmp_path / "test/deer").rmdir()
    with pytest.raises(LacunaError, match="is not a folder"):
        made(settings, images, labels)
