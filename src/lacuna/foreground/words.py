"""How a foreground is found, and by which saliency model attacks look unsuspicious, in words. No torch here."""

from collections.abc import Mapping
from typing import Any

from lacuna.foreground.published import network_file

MODELS = {
    "spectral_residual": "spectral residual",
    "centre_surround": "centre-surround contrast",
    "deepgaze": "DeepGaze IIE",
}


def foreground_sentence(masks: Mapping[str, Any], saliency: Mapping[str, Any] | None) -> str:
    """The source of the masks, and the model of the salience term, where an attack has the term.

    ``masks`` and ``saliency`` are those of a dataset's foreground. The two may be different models: the term needs a
    gradient.
    """
    term = f"; salience term: {MODELS[saliency['kind']]}" if saliency else ""
    return f"Masks: {_masks(masks)}{term}."


def _masks(masks: Mapping[str, Any]) -> str:
    kind = masks["kind"]
    if kind == "saliency":
        return f"{MODELS[masks['model']['kind']]} above the midrange of its {masks['threshold'].replace('_', ' ')}"
    if kind == "onnx":
        network = masks.get("network") or network_file(masks).name
        return f"ONNX network {network}, threshold {masks['threshold']:g}"
    others = {
        "nonzero": "pixels above 0",
        "grabcut": "GrabCut started by robust background detection",
        "segmentation": f"{masks.get('network')} of torchvision",
        "folder": f"files in {masks.get('path')}",
    }
    return others[kind]
