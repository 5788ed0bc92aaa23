"""Image quality: against scikit-image where it has the measure, argument order, file sizes, colours."""

import io
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyiqa
import pytest
import skimage.metrics
import torch
from PIL import Image
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.evaluation import quality
from lacuna.evaluation.quality import (
    QUALITY_MEASURES,
    centre_patch,
    contact_sheet,
    contact_sheet_sizes,
    count_colours,
    measure_quality,
    missing_reason,
)

torch.set_num_threads(1)
WEIGHTLESS = ["psnr", "ssim", "ms_ssim", "gmsd", "fsim", "vif"]


def photographs(channels: int, size: int, count: int = 5) -> Tensor:
    """Crops of photographs, uint8."""
    from skimage import data

    tops = [37 * i % (512 - size) for i in range(count)]
    pixels = np.stack([data.astronaut()[top : top + size, 100 : 100 + size] for top in tops])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return images[:, :channels].contiguous()


def noisy(images: Tensor, sigma: float, seed: int = 0) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return (images + sigma * noise).round().clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 64])
def test_psnr_is_scikit_images(channels: int, size: int) -> None:
    clean = photographs(channels, size, 40 if size == 28 else 5)
    made = noisy(clean, 8)
    psnr = measure_quality("psnr", clean, made)
    assert psnr.dtype == torch.float64
    for i, (a, b) in enumerate(zip(clean.numpy(), made.numpy(), strict=True)):
        assert psnr[i].item() == pytest.approx(skimage.metrics.peak_signal_noise_ratio(a, b), abs=0.01)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [11, 28, 65])
@pytest.mark.parametrize("kind", ["noisy", "negative", "equal", "flat"])
def test_ssim_is_pyiqas(channels: int, size: int, kind: str) -> None:
    clean = photographs(channels, size, 4)
    made = {"noisy": noisy(clean, 30), "negative": 255 - clean, "equal": clean, "flat": torch.full_like(clean, 90)}[
        kind
    ]
    pair = (images.expand(-1, 3, -1, -1) / 255 for images in (made, clean))
    wanted = pyiqa.create_metric("ssimc", device=torch.device("cpu"))(*pair)
    torch.testing.assert_close(measure_quality("ssim", clean, made), wanted, rtol=0, atol=1e-5)  # its window is float32


@pytest.mark.parametrize("name", WEIGHTLESS)
def test_equal_images_are_best_and_more_noise_is_worse(name: str) -> None:
    clean = photographs(3, 161, 3)
    values = torch.stack([measure_quality(name, clean, noisy(clean, sigma)) for sigma in (0, 4, 12, 40)])
    best = {"psnr": 80, "gmsd": 0}.get(name, 1)
    torch.testing.assert_close(values[0], torch.full((3,), best, dtype=torch.float64), rtol=1e-4, atol=1e-4)
    falls = values.diff(dim=0) < 0
    assert (~falls if name == "gmsd" else falls).all()
    if name != "psnr":
        assert values.min() >= 0
        assert values.max() <= 1.001


def test_the_clean_image_is_the_reference() -> None:
    clean = (photographs(1, 64) * 0.6 + 40).to(torch.uint8)
    sharper = ((clean.float() - 116) * 1.2 + 116).clamp(0, 255).to(torch.uint8)
    assert (measure_quality("vif", clean, sharper) > 1).all()
    assert (measure_quality("vif", sharper, clean) < 1).all()
    for name in ("png_bytes", "jpeg_bytes", "colours"):
        assert torch.equal(measure_quality(name, clean, sharper), measure_quality(name, sharper, sharper))
    assert torch.equal(measure_quality("colours_clean", clean, sharper), measure_quality("colours", clean, clean))


@pytest.mark.parametrize("name", sorted(set(QUALITY_MEASURES) - {"lpips", "sheet_png_ratio", "sheet_jpeg_ratio"}))
def test_each_image_is_measured_by_itself_in_any_batch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = photographs(3, 161 if name == "ms_ssim" else 40)
    made = noisy(clean, 10)
    whole = measure_quality(name, clean, made)
    assert whole.isfinite().all()
    assert whole.shape == (5,)
    assert len(measure_quality(name, clean[:0], made[:0])) == 0
    monkeypatch.setattr(quality, "BATCH", 2)
    torch.testing.assert_close(measure_quality(name, clean, made), whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(measure_quality(name, clean[3:4], made[3:4]), whole[3:4], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "size"), [("ms_ssim", 160), ("vif", 32), ("ssim", 10)])
def test_a_measure_that_images_are_too_small_for_is_empty_and_says_why(name: str, size: int) -> None:
    clean = photographs(3, size, 2)
    assert measure_quality(name, clean, clean).isnan().tolist() == [True, True]
    assert missing_reason(name, (size, size)) == (
        f"{name} needs images of at least {size + 1} x {size + 1}, these are {size} x {size}"
    )
    larger = photographs(3, size + 1, 2)
    assert measure_quality(name, larger, larger).isfinite().all()
    assert missing_reason(name, (size + 1, size + 1)) is None


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A working directory of its own, in which every job begins without a metric in memory."""
    monkeypatch.chdir(tmp_path)
    quality._metric.cache_clear()
    yield tmp_path
    quality._metric.cache_clear()


def test_without_weights_lpips_is_empty_says_why_and_is_not_tried_by_every_job(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyiqa

    tried = []

    def unreachable(*asked: Any, **__: Any) -> None:
        tried.append(asked)
        raise OSError("no\nroute to host")

    monkeypatch.setattr(pyiqa, "create_metric", unreachable)
    clean, said = photographs(3, 64, 2), "lpips cannot be had: pyiqa gave OSError (no route to host)"
    assert measure_quality("lpips", clean, clean).isnan().all()
    assert missing_reason("lpips", (64, 64)) == said
    note = elsewhere / "results/downloads/lpips.failed"
    for _ in range(3):
        quality._metric.cache_clear()  # the next job
        again = "it is tried again after an hour, or once results/downloads/lpips.failed is deleted"
        assert missing_reason("lpips", (64, 64)) == f"{said}; {again}"
    assert len(tried) == 1
    os.utime(note, (time.time() - 3700,) * 2)
    quality._metric.cache_clear()
    assert missing_reason("lpips", (64, 64)) == said
    note.unlink()
    quality._metric.cache_clear()
    assert missing_reason("lpips", (64, 64)) == said
    assert len(tried) == 3


def test_other_measures_are_created_whatever_was_noted(elsewhere: Path) -> None:
    (elsewhere / "results/downloads").mkdir(parents=True)
    (elsewhere / "results/downloads/psnr.failed").write_text("no")
    assert missing_reason("psnr", (8, 8)) is None


def test_lpips_is_asked_of_pyiqa_the_right_way_round(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyiqa

    asked: list[tuple[str, Tensor, Tensor]] = []

    def create(name: str, device: torch.device) -> Any:
        return lambda distorted, reference: asked.append((name, distorted, reference)) or torch.ones(len(distorted), 1)

    monkeypatch.setattr(pyiqa, "create_metric", create)
    clean = photographs(1, 64, 2)
    made = noisy(clean, 9)
    assert measure_quality("lpips", clean, made).tolist() == [1, 1]
    name, distorted, reference = asked[0]
    assert name == "lpips"
    for seen, images in ((distorted, made), (reference, clean)):
        torch.testing.assert_close(seen, (images.float() / 255).expand(-1, 3, -1, -1))


def test_shapes_and_channels_that_do_not_fit_are_refused() -> None:
    x = torch.zeros(2, 2, 40, 40, dtype=torch.uint8)
    with pytest.raises(LacunaError, match="2 channels; allowed: 1 or 3"):
        measure_quality("psnr", x, x)
    with pytest.raises(ValueError, match="do not go with"):
        measure_quality("psnr", x[:, :1], x[:1, :1])


@pytest.mark.parametrize("channels", [1, 3])
def test_file_sizes_are_those_of_files(channels: int) -> None:
    clean = photographs(channels, 48)
    made = noisy(clean, 12)
    sizes: dict[str, list[int]] = {"PNG": [], "JPEG": []}
    for image in made.permute(0, 2, 3, 1).numpy():
        for kind, numbers in sizes.items():
            file = io.BytesIO()
            Image.fromarray(image[..., 0] if channels == 1 else image).save(
                file, kind, **{"quality": 75} if kind == "JPEG" else {}
            )
            numbers.append(len(file.getvalue()))
    assert measure_quality("png_bytes", clean, made).tolist() == sizes["PNG"]
    assert measure_quality("jpeg_bytes", clean, made).tolist() == sizes["JPEG"]
    for kind in ("png", "jpeg"):
        ratio = measure_quality(f"{kind}_bytes", clean, made) / measure_quality(f"{kind}_bytes", clean, clean)
        assert torch.equal(measure_quality(f"{kind}_ratio", clean, made), ratio)
        assert (ratio > 1).all()  # noise costs bytes


@pytest.mark.parametrize(("count", "columns", "size"), [(64, 8, 28), (70, 9, 16), (65, 10, 20)])
def test_a_contact_sheet_has_every_image_in_its_place(count: int, columns: int, size: int) -> None:
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    sheet, tile = contact_sheet(images, columns), -(-size // 8) * 8
    assert sheet.shape == (3, -(-count // columns) * tile, columns * tile)
    for i in range(count):
        top, left = i // columns * tile, i % columns * tile
        seen = sheet[:, top : top + tile, left : left + tile]
        assert torch.equal(seen[:, :size, :size], images[i])
        assert (seen[:, size:, :size] == images[i][:, -1:]).all()
        assert (seen[:, :size, size:] == images[i][:, :, -1:]).all()
    last = sheet[:, -tile:, (count - 1) % columns * tile + tile :]
    assert (last == 0).all()
    sizes = contact_sheet_sizes(images, columns)
    file = io.BytesIO()
    Image.fromarray(sheet.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=75)
    assert sizes["jpeg"] == len(file.getvalue())
    assert sizes["png"] > count * 3 * size * size  # noise does not compress


def test_fewer_than_64_images_make_no_sheet() -> None:
    images = photographs(1, 28, 40)
    with pytest.raises(ValueError, match="at least 64"):
        contact_sheet_sizes(images, 8)
    assert measure_quality("sheet_jpeg_ratio", images, images).isnan().all()
    clean = torch.cat([images, images])
    made = noisy(clean, 10)
    ratio = contact_sheet_sizes(made, 9)["jpeg"] / contact_sheet_sizes(clean, 9)["jpeg"]
    assert measure_quality("sheet_jpeg_ratio", clean, made).tolist() == [ratio] * 80
    assert ratio > 1
    assert not math.isclose(ratio, measure_quality("sheet_png_ratio", clean, made)[0].item())


@pytest.mark.parametrize(("size", "place"), [((28, 28), 6), ((64, 64), 24), ((17, 17), 0), ((16, 16), 0)])
def test_the_patch_is_in_the_middle(size: tuple[int, int], place: int) -> None:
    assert centre_patch(size) == (slice(place, place + 16), slice(place, place + 16))
    assert centre_patch((9, 40)) == (slice(0, 9), slice(12, 28))


def test_colours_are_distinct_triples_in_the_patch() -> None:
    images = torch.zeros(4, 3, 20, 20, dtype=torch.uint8)
    images[1] = torch.arange(400).remainder(256).view(20, 20)  # grey levels
    images[2, 0, 2:4, 2:18], images[2, 1, 3:5, 2:18] = 9, 7  # three colours and black
    images[3, :, :2] = 200  # outside the patch
    expected = [len({tuple(p) for p in image[:, 2:18, 2:18].flatten(1).T.tolist()}) for image in images]
    assert count_colours(images).tolist() == expected
    assert expected[2:] == [4, 1]
    one = photographs(1, 40)
    patches = one[:, 0, 12:28, 12:28].flatten(1)
    assert count_colours(one).tolist() == [len(set(patch.tolist())) for patch in patches]
