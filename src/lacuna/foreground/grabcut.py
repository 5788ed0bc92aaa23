"""Foregrounds without weights: GrabCut, started by what differs from the background. A stand-in for photographs.

Rother, Kolmogorov, Blake, "GrabCut", SIGGRAPH 2004, as OpenCV has it. The start is robust background detection
(`lacuna.foreground.background`) above Otsu's threshold. benchmarks/foregrounds.py compares it with others.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.filters import threshold_otsu
from torch import Tensor

from lacuna.foreground.background import background_contrast

LABEL = "GrabCut started by robust background detection, a stand-in that needs no weights"
ROUNDS = 1  # of colour models and cuts; more were no better (docs/datasets.md)
MARGIN = 0.02  # of each side: pixels there are background, so that GrabCut knows some
WHOLE = (0, 0, 1, 1)  # a rectangle that OpenCV wants, and does not use where marks are given
COLOURS = 5  # components of OpenCV's colour models; each needs a pixel
Pixels = NDArray[np.bool_]


def cut_objects(images: Tensor) -> Tensor:
    """The foreground bool (N, H, W), on the CPU, of images uint8 (N, 1 or 3, H, W)."""
    cv2.setNumThreads(1)
    channels_last = images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).cpu().numpy()
    return torch.from_numpy(np.stack([_cut_object(np.ascontiguousarray(image)) for image in channels_last]))


def _cut_object(image: NDArray[np.uint8]) -> Pixels:
    contrast = background_contrast(image)
    return grabcut(image, contrast > threshold_otsu(contrast))


def grabcut(image: NDArray[np.uint8], start: Pixels) -> Pixels:
    """The foreground (H, W) of an image (H, W, 3), cut along its colours from the pixels of ``start``.

    A start that leaves too few pixels on either side for a model of colours is returned as it is, without the margin.
    """
    begun = start & _inside(start.shape)
    if min(begun.sum(), begun.size - begun.sum()) < COLOURS:
        return begun
    marks = np.where(begun, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[~_inside(start.shape)] = cv2.GC_BGD
    background, objects = np.zeros((1, 13 * COLOURS)), np.zeros((1, 13 * COLOURS))
    cv2.setRNGSeed(0)  # of the clusters with which the models begin
    mirrored = np.ascontiguousarray(image[..., ::-1])  # blue first
    cv2.grabCut(mirrored, marks, WHOLE, background, objects, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)


def _inside(size: tuple[int, ...]) -> Pixels:
    """Pixels (H, W) off the margin."""
    inside = np.zeros(size, bool)
    rows, columns = (max(1, round(MARGIN * side)) for side in size)
    inside[rows:-rows, columns:-columns] = True
    return inside
