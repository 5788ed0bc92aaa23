"""What of an image is its foreground, and how salient it is: masks, saliency models, the foreground score."""

from lacuna.foreground.masks import Foreground, foreground_masks
from lacuna.foreground.saliency import saliency_model
from lacuna.foreground.score import foreground_score

__all__ = ["Foreground", "foreground_masks", "foreground_score", "saliency_model"]
