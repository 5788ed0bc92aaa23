"""An image folder of the user's own: <path>/<split>/<class>/<image>."""

import struct
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from lacuna.errors import LacunaError

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm"})
# Pillow's names. A file never decides which other program reads it.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV"})  # at most 8 bits
UPRIGHT, SIDEWAYS = 1, (5, 6, 7, 8)  # values of Exif's orientation
PHOTOGRAPH = "MPO"  # Pillow's name of CIPA DC-007: a JPEG with further pictures behind it


@dataclass(frozen=True)
class ImageFile:
    """An image file of the user's: its label, and its path below the folder of its split, without ending."""

    path: Path
    label: int
    name: str


def folder_files(source: Mapping[str, Any], classes: list[str] | int, split: str) -> list[ImageFile]:
    """The files of a split, train or test, ordered by class and name: <path>/<split>/<class>/<image>.

    ``source`` may name the class folders under ``folders``. Else ``classes`` has their names, in the order of the
    labels, or their number; a number means all folders, in the order of their names. Other folders than those named are
    passed over. Raises `LacunaError`, which names the folder or file that does not fit.
    """
    root = Path(source["path"])
    names = source.get("folders") or (
        _class_names(root / source["train"], classes) if isinstance(classes, int) else classes
    )
    return [
        ImageFile(path, label, f"{name}/{path.stem}")
        for label, name in enumerate(names)
        for path in image_files(_class_folder(root / source[split], name))
    ]


def _class_names(folder: Path, count: int) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    names = [name for name in names if not name.startswith(".")]
    if len(names) != count:
        raise LacunaError(f"{folder} has {len(names)} class folders, not {count} as config/datasets.yaml says")
    return names


def _class_folder(folder: Path, name: str) -> Path:
    """The folder of a class. Its accents may have another Unicode form, as on macOS."""
    if (folder / name).is_dir() or not folder.is_dir():
        return folder / name
    same = [path for path in folder.iterdir() if path.is_dir() and _plain(path.name) == _plain(name)]
    return same[0] if len(same) == 1 else folder / name


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def image_files(folder: Path) -> list[Path]:
    """The images in a folder, by name. Hidden files are passed over.

    Raises `LacunaError` for any other file, for two images of one name, and for a folder that is empty or missing.
    """
    if not folder.is_dir():
        raise LacunaError(f"{folder} is not a folder; there must be one per class, named as in config/datasets.yaml")
    paths, met = sorted(path for path in folder.iterdir() if not path.name.startswith(".")), dict[str, Path]()
    for path in paths:
        if path.suffix.lower() not in IMAGE_ENDINGS:
            raise LacunaError(f"{path} is not an image; allowed endings: {', '.join(sorted(IMAGE_ENDINGS))}")
        if (other := met.setdefault(_plain(path.stem).casefold(), path)) != path:
            raise LacunaError(f"{path} has the name of {other.name} but for ending or case; rename or remove one")
    if not paths:
        raise LacunaError(f"{folder} has no images")
    return paths


def find_images(folder: Path, names: Iterable[str]) -> list[Path]:
    """The image below a folder for each name, with any image ending; names are those of `ImageFile`.

    Raises `LacunaError`, which names the first image that is missing.
    """
    known: dict[str, dict[str, Path]] = {}
    found = []
    for name in names:
        parent, _, stem = name.rpartition("/")
        if parent not in known:
            place = _class_folder(folder, parent) if parent else folder
            known[parent] = {_plain(path.stem): path for path in image_files(place)}
        if _plain(stem) not in known[parent]:
            endings = ", ".join(sorted(IMAGE_ENDINGS))
            raise LacunaError(f"{folder} has no image named {name}; allowed endings: {endings}")
        found.append(known[parent][_plain(stem)])
    return found


@contextmanager
def unchanged(files: Iterable[Path]) -> Iterator[None]:
    """Raises `LacunaError` at the end where one of the user's files was written or removed since the beginning.

    A file that is not there at the beginning is left to `read_image`.
    """
    before = {path: _stamp(path) for path in files}
    yield
    for path, stamp in before.items():
        if stamp != _stamp(path):
            raise LacunaError(f"{path} changed while a job used it; run again when nothing writes to its folder")


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells one content of a file from another; nothing where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_size, found.st_mtime_ns, found.st_ino


def read_image(path: Path, image: list[int], resize: str, content: bytes | None = None) -> np.ndarray:
    """One image uint8, (H, W) or (H, W, 3), of the size and channels in ``image``, which is (C, H, W).

    ``resize`` is exact (another size is refused), stretch (bilinear, the aspect changes), or crop (scaled until it
    covers the size, then cropped at the centre). ``content`` are the file's bytes where they were read already. Raises
    the errors of `read_picture`.
    """
    picture, (height, width) = read_picture(path, image[0], content), image[1:]
    if picture.size != (width, height):
        if resize == "exact":
            found = f"{picture.size[0]} x {picture.size[1]}"
            raise LacunaError(f"{path} is {found}, not {width} x {height}; allowed: resize: stretch or crop")
        picture = fitted(picture, (height, width), resize)
    return np.asarray(picture)


def fitted(picture: Image.Image, size: tuple[int, int], resize: str) -> Image.Image:
    """A picture of another ``size``, (H, W), by ``resize`` stretch or crop (`read_image`)."""
    fit = ImageOps.fit if resize == "crop" else Image.Image.resize
    return fit(picture, size[::-1], Image.Resampling.BILINEAR)


def read_picture(path: Path, channels: int, content: bytes | None = None) -> Image.Image:
    """The whole picture of a file, upright, with 1 or 3 channels of 8 bits.

    Raises `LacunaError` for a file that cannot be read, and for an image that would lose something: transparent parts,
    more than 8 bits, several frames. Of a photograph in several pictures (MPO, which phones write as .jpg) the first is
    read: the others are previews, other views, depth or brightness.
    """
    with _opened(path, content) as file:
        _refuse_loss(path, file)
        return ImageOps.exif_transpose(file).convert("L" if channels == 1 else "RGB")


def inspect_image(path: Path, content: bytes) -> tuple[tuple[int, int], bool]:
    """Height and width of a file's upright picture, and whether it is a plain JPEG: L or RGB, upright as it is.

    ``content`` are the file's bytes, of whose pixels none is decoded. Raises the errors of `read_picture`, but for
    damage among the pixels.
    """
    with _opened(path, content) as file:
        _refuse_loss(path, file)
        turn = file.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
        size = file.size if turn in SIDEWAYS else file.size[::-1]
        return size, file.format == "JPEG" and file.mode in ("L", "RGB") and turn == UPRIGHT


@contextmanager
def _opened(path: Path, content: bytes | None) -> Iterator[Image.Image]:
    """The image of a file, open; what Pillow raises while it is read becomes a `LacunaError`."""
    try:
        if content is None and not path.is_file():
            raise OSError  # a pipe would be waited for
        with Image.open(path if content is None else BytesIO(content), formats=FORMATS) as file:
            yield file
    except Image.DecompressionBombError:
        raise LacunaError(
            f"{path} claims more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels; remove or shrink it"
        ) from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, IndexError, KeyError, TypeError, struct.error):
        allowed = f"allowed: a file of {', '.join(FORMATS)}"
        raise LacunaError(f"{path} cannot be read as an image; remove or replace it; {allowed}") from None


def has_jpeg_blocks(path: Path, image: Sequence[int]) -> bool:
    """Whether a file is a JPEG of the size (H, W) in ``image``, (C, H, W): reading it scales and cuts nothing."""
    try:
        if not path.is_file():
            return False
        with Image.open(path, formats=("JPEG",)) as file:
            turned = sorted(file.size) == sorted(image[1:])
            return bool(turned)
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, IndexError, KeyError, TypeError, struct.error):
        return False  # which `read_image` reports
    except Image.DecompressionBombError:
        return False


def _refuse_loss(path: Path, file: Image.Image) -> None:
    if file.mode not in EIGHT_BIT_MODES or _cuts_bits(file):
        raise LacunaError(f"{path} has more than 8 bits per channel (mode {file.mode}); save it with 8")
    if file.format != PHOTOGRAPH and getattr(file, "n_frames", 1) > 1:
        raise LacunaError(f"{path} has {getattr(file, 'n_frames', 1)} frames; save one of them as an image")
    if file.has_transparency_data and file.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise LacunaError(f"{path} is transparent in parts; save it on a background")


def _cuts_bits(file: Image.Image) -> bool:
    """Whether Pillow would cut the channels of an open image to 8 bits, as it does with coloured PNG, PPM and TIFF."""
    for tile in getattr(file, "tile", ()):
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if ";16" in str(args[0]) or (tile.codec_name.startswith("ppm") and args[-1] != args[0] and args[-1] > 255):
            return True
    return False
