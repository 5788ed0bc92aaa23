"""Files with several pictures: of a photograph the first is read, an animation or a stack of pages is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from lacuna.data.folder import read_image
from lacuna.errors import LacunaError

HEIGHT, WIDTH = 20, 12


def picture(seed: int, mode: str = "RGB", size: tuple[int, int] = (HEIGHT, WIDTH)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BOX).convert(mode)


def saved(path: Path, first: Image.Image, *others: Image.Image, kind: str, **how: Any) -> Path:
    first.save(path, kind, save_all=bool(others), append_images=list(others), **how)
    return path


def read(path: Path, channels: int = 3, size: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    return read_image(path, [channels, *size], "exact")


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "png"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("others", [1, 2, 5])
def test_of_a_photograph_the_first_picture_is_read(tmp_path: Path, ending: str, mode: str, others: int) -> None:
    """The further ones may have another size, as depth maps and previews do."""
    further = [picture(9 + i, mode, (HEIGHT + i, WIDTH - i)) for i in range(others)]
    photograph = saved(tmp_path / f"a.{ending}", picture(1, mode), *further, kind="MPO", quality=90)
    with Image.open(photograph) as file:
        assert (file.format, file.n_frames) == ("MPO", 1 + others)
    alone = saved(tmp_path / "b.jpg", picture(1, mode), kind="JPEG", quality=90)
    for channels in (1, 3):
        np.testing.assert_array_equal(read(photograph, channels), read(alone, channels))


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photograph_is_turned_as_the_camera_says(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    photograph = saved(tmp_path / "a.jpg", picture(2), picture(3), kind="MPO", exif=exif, quality=95)
    alone = saved(tmp_path / "b.jpg", picture(2), kind="JPEG", exif=exif, quality=95)
    turned = ImageOps.exif_transpose(Image.open(alone))
    np.testing.assert_array_equal(read(photograph, size=(turned.height, turned.width)), np.asarray(turned))


def test_a_photograph_without_the_end_of_its_second_picture_is_read(tmp_path: Path) -> None:
    """A copy that broke off behind the first picture has all of it."""
    photograph = saved(tmp_path / "a.jpg", picture(4), picture(5), kind="MPO")
    whole, content = read(photograph), photograph.read_bytes()
    photograph.write_bytes(content[:-50])
    np.testing.assert_array_equal(read(photograph), whole)


def test_a_photograph_whose_first_picture_is_broken_is_refused(tmp_path: Path) -> None:
    photograph = saved(tmp_path / "a.jpg", picture(4), picture(5), kind="MPO")
    photograph.write_bytes(photograph.read_bytes()[:400])
    with pytest.raises(LacunaError, match=r"a.jpg cannot be read as an image"):
        read(photograph)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
@pytest.mark.parametrize("others", [1, 3])
def test_animations_and_pages_are_refused_whatever_their_name(
    tmp_path: Path, kind: str, ending: str, others: int
) -> None:
    path = saved(tmp_path / f"a.{ending}", picture(1), *(picture(7 + i) for i in range(others)), kind=kind)
    with pytest.raises(LacunaError, match=rf"a.{ending} has {1 + others} frames; save one of them as an image"):
        read(path)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_one_frame_is_an_image(tmp_path: Path, kind: str) -> None:
    assert read(saved(tmp_path / "a.png", picture(1), kind=kind)).shape == (HEIGHT, WIDTH, 3)
