"""An image folder of the user's own: <path>/<split>/<class>/<image>."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from lacuna.errors import LacunaError

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm"})


def read_folder(
    source: dict[str, Any], image: list[int], classes: list[str] | int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images uint8 (N, H, W) or (N, H, W, 3) and labels of the splits train and test, ordered by class and name.

    ``source`` has path, train, test and resize; ``classes`` are the names of the class folders, or
    how many there are, in the order of their names. Raises `LacunaError` naming the folder or file that does not fit.
    """
    root = Path(source["path"])
    names = _class_names(root / source["train"], classes) if isinstance(classes, int) else classes
    return {split: _read_split(root / source[split], source["resize"], image, names) for split in ("train", "test")}


def _class_names(folder: Path, count: int) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if len(names) != count:
        raise LacunaError(f"{folder} has {len(names)} class folders, not {count} as config/datasets.yaml says")
    return names


def _read_split(folder: Path, resize: str, image: list[int], classes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    files = [(path, label) for label, name in enumerate(classes) for path in image_files(folder / name)]
    pixels = np.stack([read_image(path, image, resize) for path, _ in files])
    return pixels, np.array([label for _, label in files])


def image_files(folder: Path) -> list[Path]:
    """The images of one class by name; hidden files are passed over, anything else is refused."""
    if not folder.is_dir():
        raise LacunaError(f"{folder} is not a folder; there must be one per class, named as in config/datasets.yaml")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    for path in paths:
        if path.suffix.lower() not in ENDINGS:
            raise LacunaError(f"{path} is not an image; allowed endings: {', '.join(sorted(ENDINGS))}")
    if not paths:
        raise LacunaError(f"{folder} has no images")
    return paths


def read_image(path: Path, image: list[int], resize: str) -> np.ndarray:
    """One image uint8 (H, W) or (H, W, 3) in the wanted size and channels.

    ``resize`` is exact (another size is refused), stretch (bilinear, aspect not kept), or crop (scaled to cover,
    then cropped at the centre).
    """
    channels, height, width = image
    try:
        with Image.open(path) as file:
            picture = ImageOps.exif_transpose(file).convert("L" if channels == 1 else "RGB")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        raise LacunaError(f"{path} cannot be read as an image; remove or replace it") from None
    if picture.size != (width, height):
        if resize == "exact":
            found = f"{picture.size[0]} x {picture.size[1]}"
            raise LacunaError(f"{path} is {found}, not {width} x {height}; allowed: resize: stretch or crop")
        fit = ImageOps.fit if resize == "crop" else Image.Image.resize
        picture = fit(picture, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture)
