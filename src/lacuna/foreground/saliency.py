"""Saliency models by their settings: DeepGaze IIE, and two stand-ins that need no weights."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from lacuna.foreground.deepgaze import DeepGaze
from lacuna.foreground.standins import CentreSurround, SpectralResidual


def saliency_model(settings: Mapping[str, Any]) -> nn.Module:
    """The saliency model that ``settings``, the key ``saliency`` or ``unseen`` of a dataset, describes.

    The model maps images float (B, C, H, W) in [0, 1] to a density (B, H, W). The density is above zero, sums to 1 for
    each image, and is differentiable in the images. The model's attribute ``label`` names it, and says of a stand-in
    that it is one. ``kind`` is spectral_residual, centre_surround, or deepgaze with ``centre_bias`` and ``pixels``.
    The model is in evaluation mode. Raises `LacunaError` where weights are missing.
    """
    if settings["kind"] == "deepgaze":
        return DeepGaze.pretrained(settings["centre_bias"], settings["pixels"]).eval()
    return {"spectral_residual": SpectralResidual, "centre_surround": CentreSurround}[settings["kind"]]().eval()
