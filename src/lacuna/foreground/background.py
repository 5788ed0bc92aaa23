"""Robust background detection: how much each region of an image differs from what is connected to the border.

Zhu, Liang, Wei, Sun, Saliency optimization from robust background detection, CVPR 2014. Regions are superpixels; the
parameters are the paper's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import shortest_path
from skimage.color import rgb2lab
from skimage.segmentation import slic

Floats = NDArray[np.float64]
REGIONS, SMALLEST, COMPACTNESS = 200, 16, 20  # superpixels of an image, pixels of each, and how square they are
COLOUR, PLACE = 10, 0.25  # scales of distances: of colours in Lab, and of places as shares of the image's side
CONNECTED = 1  # scale of the boundary connectivity: the length of a region's border over the root of its area
SMOOTHNESS = 0.1  # how alike neighbours are at least
CLOSEST = 1e-6  # of two neighbours' colours: a path of length 0 would be no path


@dataclass(frozen=True)
class Regions:
    """The superpixels of an image: ``labels`` int (H, W); colours in Lab (N, 3), and places (N, 2) in [0, 1]."""

    labels: NDArray[np.intp]
    colours: Floats
    places: Floats

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> "Regions":
        """Of an image (H, W, 3)."""
        height, width = image.shape[:2]
        count = max(1, min(REGIONS, height * width // SMALLEST))
        labels = slic(image, count, COMPACTNESS, start_label=0).astype(np.intp)
        rows, columns = np.indices((height, width))
        places = np.stack([rows / height, columns / width], 2)
        return cls(labels, _means(labels, rgb2lab(image)), _means(labels, places))

    @property
    def border(self) -> NDArray[np.bool_]:
        """Which regions (N,) touch the border of the image."""
        edges = (self.labels[0], self.labels[-1], self.labels[:, 0], self.labels[:, -1])
        return np.isin(np.arange(len(self.colours)), np.concatenate(edges))

    @property
    def neighbours(self) -> NDArray[np.bool_]:
        """Which regions (N, N) touch each other; those at the border are all neighbours."""
        touching = np.logical_and.outer(self.border, self.border)
        for one, other in ((self.labels[:, 1:], self.labels[:, :-1]), (self.labels[1:], self.labels[:-1])):
            touching[one.ravel(), other.ravel()] = touching[other.ravel(), one.ravel()] = True
        np.fill_diagonal(touching, False)
        return touching


def background_contrast(image: NDArray[np.uint8]) -> Floats:
    """The saliency (H, W), about 0 to 1, of an image (H, W, 3)."""
    regions = Regions.of(image)
    apart = _distances(regions.colours)
    background = _background(regions, apart)
    contrast = (apart * _bell(_distances(regions.places), PLACE)) @ background
    optimal = _optimised(regions.neighbours, apart, background, contrast / max(contrast.max(), CLOSEST))
    return optimal[regions.labels]


def _background(regions: Regions, apart: Floats) -> Floats:
    """How likely (N,) regions are background: their share of the border is large for their area.

    Area and border of a region are spread over the paths of like colours.
    """
    lengths = np.where(regions.neighbours, np.maximum(apart, CLOSEST), 0)
    alike = _bell(shortest_path(csr_matrix(lengths), directed=False), COLOUR)
    connectivity = alike @ regions.border / np.sqrt(alike.sum(1))
    return 1 - _bell(connectivity, CONNECTED)


def _optimised(neighbours: NDArray[np.bool_], apart: Floats, background: Floats, contrast: Floats) -> Floats:
    """The saliency (N,) that is least for background, largest where contrast is, and alike for like neighbours."""
    alike = np.where(neighbours, _bell(apart, COLOUR) + SMOOTHNESS, 0)
    weights = np.diag(alike.sum(1) + background + contrast) - alike
    solved: Any = torch.linalg.solve(torch.from_numpy(weights), torch.from_numpy(contrast))  # on the job's one thread
    return np.asarray(solved.numpy(), np.float64)


def _bell(distances: Floats, scale: float) -> Floats:
    return np.asarray(np.exp(-(distances**2) / (2 * scale**2)))


def _distances(points: Floats) -> Floats:
    """Euclidean distances (N, N) of points (N, K)."""
    return np.asarray(np.sqrt(((points[:, None] - points[None]) ** 2).sum(2)))


def _means(labels: NDArray[np.intp], values: Floats) -> Floats:
    """Means (N, K) of values (H, W, K) over the regions."""
    areas = np.bincount(labels.ravel())
    sums = [np.bincount(labels.ravel(), channel.ravel()) for channel in np.moveaxis(values, 2, 0)]
    return np.stack(sums, 1) / areas[:, None]
