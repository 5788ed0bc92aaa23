"""How well foregrounds that need no weights agree with masks: the table of docs/datasets.md.

    python benchmarks/foregrounds.py IMAGES MASKS [--side 224] [--processes 2] [--csv table.csv]

MASKS holds one file for each image that counts, in any folders; above 0 is foreground. The image lies below IMAGES
under the same name, with any image ending. Images are cut to their middle square, and with --side scaled.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from skimage.color import rgb2lab
from skimage.filters import sobel, threshold_otsu
from skimage.graph import MCP_Geometric

from lacuna.data.folder import IMAGE_ENDINGS
from lacuna.foreground.background import background_contrast
from lacuna.foreground.find import above_midrange
from lacuna.foreground.grabcut import grabcut
from lacuna.foreground.saliency import saliency_model

Pixels = NDArray[np.bool_]
Picture = NDArray[np.uint8]
AREAS = tuple(round(0.1 * k, 1) for k in range(1, 10))  # of centre discs, shares of the image
MARGIN = 0.1  # of the rectangle that GrabCut starts with


def pairs(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Every mask with its image."""
    found = []
    for mask in sorted(path for path in masks.rglob("*") if path.suffix.lower() in IMAGE_ENDINGS):
        folder = images / mask.relative_to(masks).parent
        fits = [path for path in folder.glob(f"{mask.stem}.*") if path.suffix.lower() in IMAGE_ENDINGS]
        found += [(path, mask) for path in fits if images != masks or path != mask]
    return found


def square(path: Path, mode: str, side: int | None) -> Picture:
    """The middle square of an image file, scaled where a side is asked for."""
    with Image.open(path) as file:
        image = file.convert(mode)
    least = side or min(image.size)
    return np.asarray(ImageOps.fit(image, (least, least), Image.Resampling.BOX if mode == "L" else 1))


def by_model(kind: str, threshold: str) -> Callable[[Picture], Pixels]:
    """A saliency model of the product above a threshold: the midrange as masks of kind saliency, or the mean."""
    model = saliency_model({"kind": kind})

    def find(image: Picture) -> Pixels:
        density = model(torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 255)
        above = density > density.mean() if threshold == "mean" else above_midrange(density, threshold)
        return above[0].numpy()

    return find


def otsu(values: NDArray[np.float64]) -> Pixels:
    return values > threshold_otsu(values)


def geodesic(image: Picture) -> Pixels:
    """Distance to the border along paths that cross few edges (after Wei et al. 2012), above Otsu's threshold."""
    lab = rgb2lab(cv2.GaussianBlur(image, (0, 0), 2))
    edges = np.sqrt(sum(sobel(lab[..., k]) ** 2 for k in range(3)))
    border = np.ones(edges.shape, bool)
    border[1:-1, 1:-1] = False
    return otsu(MCP_Geometric(edges + 1e-6).find_costs(np.argwhere(border))[0])


def rectangle(size: tuple[int, int]) -> Pixels:
    inside = np.zeros(size, bool)
    rows, columns = (round(MARGIN * side) for side in size)
    inside[rows:-rows, columns:-columns] = True
    return inside


def disc(size: tuple[int, int], area: float) -> Pixels:
    """The disc around the middle that has this share of the image's pixels, where it fits."""
    rows, columns = np.indices(size)
    distance = (rows - (size[0] - 1) / 2) ** 2 + (columns - (size[1] - 1) / 2) ** 2
    return distance <= area * size[0] * size[1] / np.pi


def candidates(image: Picture, truth: Pixels, seed: int) -> Iterator[tuple[str, Pixels]]:
    """Every foreground that is compared."""
    for kind, name in (("spectral_residual", "spectral residual"), ("centre_surround", "centre-surround contrast")):
        for threshold, words in (("log_density", "midrange of the log"), ("mean", "mean")):
            yield f"{name}, {words}", by_model(kind, threshold)(image)
    yield "geodesic distance to the border, Otsu", geodesic(image)
    contrast = background_contrast(image)
    yield "robust background detection, Otsu", otsu(contrast)
    yield f"GrabCut, rectangle with margins of {MARGIN:.0%}", grabcut(image, rectangle(truth.shape))
    yield "GrabCut, robust background detection", grabcut(image, otsu(contrast))
    for area in AREAS:
        yield f"disc {area}", disc(truth.shape, area)
    yield "random pixels, equal area", np.random.default_rng(seed).permutation(truth.ravel()).reshape(truth.shape)


def overlap(found: Pixels, truth: Pixels) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def compare(job: tuple[int, tuple[Path, Path]], side: int | None) -> list[dict[str, object]]:
    """The overlap of each candidate with one image's mask; none for an empty mask, with which nothing overlaps."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    seed, (path, mask) = job
    image, truth = square(path, "RGB", side), square(mask, "L", side) > 127
    if not truth.any():
        return []
    made = candidates(image, truth, seed)
    return [{"masks": name, "overlap": overlap(one, truth), "area": one.mean()} for name, one in made]


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Mean overlap with the half width of its 95 % interval over images, and mean area; of all discs the best."""
    groups = found.groupby("masks", sort=False)
    whole = groups.agg(overlap=("overlap", "mean"), error=("overlap", "sem"), area=("area", "mean"))
    discs = whole[whole.index.str.startswith("disc ")]
    best = discs["overlap"].idxmax()
    whole = whole.drop(discs.index.drop(best)).rename({best: "centre disc of the best fixed area"})
    return whole.assign(error=1.96 * whole["error"]).sort_values("overlap", ascending=False)


def main() -> None:
    """Prints the table as Markdown."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("images", type=Path)
    asked.add_argument("masks", type=Path)
    asked.add_argument("--side", type=int)
    asked.add_argument("--processes", type=int, default=1)
    asked.add_argument("--first", type=int, help="only so many images")
    asked.add_argument("--csv", type=Path)
    given = asked.parse_args()
    jobs = list(enumerate(pairs(given.images, given.masks)))[: given.first]
    with Pool(given.processes) as pool:
        parts = pool.map(partial(compare, side=given.side), jobs, chunksize=10)
    table = summary(pd.DataFrame([line for part in parts for line in part]))
    print(f"{len(jobs)} images, {sum(not part for part in parts)} of them with an empty mask, which do not count\n")
    print("| masks | intersection over union | mean area |\n|---|---|---|")
    for name, line in table.iterrows():
        print(f"| {name} | {line['overlap']:.3f} +- {line['error']:.3f} | {line['area']:.2f} |")
    if given.csv:
        table.round(4).to_csv(given.csv)


if __name__ == "__main__":
    main()
