"""Small folders of photographs as people have them, and their entry in config/datasets.yaml."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ["ant", "bee"]
SIDE = 16
ROTATED = 6  # Exif's orientation of a picture that lies on its side


def picture(draw: np.random.Generator, height: int, width: int, bright: int = 0) -> Image.Image:
    """A smooth picture of red, green and blue, the brighter the higher ``bright``."""
    coarse = draw.integers(0, 120, (3 + height // 12, 3 + width // 12, 3)) + bright
    return Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def photographs(folder: Path, count: int = 12, seed: int = 0, splits: tuple[str, ...] = ("train", "test")) -> None:
    """``count`` photographs of random sizes in each class of each split; the second class is brighter."""
    draw = np.random.default_rng(seed)
    for split in splits:
        for label, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                height, width = draw.integers(SIDE, 4 * SIDE, 2)
                picture(draw, height, width, 120 * label).save(folder / split / name / f"{i:03}.JPEG", quality=90)


def oddities(folder: Path) -> None:
    """Writes over some of the training photographs: grey, for printing, on its side, flat, and a PNG in disguise."""
    draw, place = np.random.default_rng(1), folder / "train" / CLASSES[0]
    picture(draw, 40, 30).convert("L").save(place / "000.JPEG")
    picture(draw, 30, 40).convert("CMYK").save(place / "001.JPEG")
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    picture(draw, 20, 50).save(place / "002.JPEG", exif=exif)
    picture(draw, 10, 300).save(place / "003.JPEG")
    picture(draw, 25, 25).save(place / "004.JPEG", format="PNG")


def entry(folder: Path, count: int = 12, **source: Any) -> dict[str, Any]:
    """The entry of such a folder, streamed."""
    where = {"kind": "folder", "path": str(folder), "train": "train", "test": "test", "resize": "crop", "stream": True}
    counts = {"train": 2 * count, "test": 2 * count}
    known = {"kind": "channel", "mean": [0.5] * 3, "std": [0.25] * 3}
    return {"source": where | source, "image": [3, SIDE, SIDE], "classes": CLASSES, "normalisation": known, **counts}
