"""Attacks as the configuration states them: methods, parameters, and codes as in the printed tables. No torch here."""

import re
from collections.abc import Mapping
from typing import Any

from lacuna.language.declared import read_declarations
from lacuna.language.methods import (
    PIXEL_UNITS,
    PIXELS,
    Method,
    Parameter,
    Value,
    format_pixels,
    parse_pixels,
    refuse_invisible,
)

METHODS = read_declarations("lacuna.attacks.methods", "METHOD", Method)
# A method of the user's own, module:name: it is given the arguments of its budget.
_ARGUMENTS = {
    "description": "names with plain values",
    "type": "object",
    "additionalProperties": {
        "type": ["number", "string", "boolean", "null"],
        "description": "a number, a text, true, false or null",
    },
}
OWN_METHOD = Method(
    function="lacuna.attacks.core.own:own_attack",
    modules=("attacks/core/own", "attacks/core/foolbox_model", "attacks/core/victim"),
    optional=(Parameter("epsilon", PIXELS, "e"), Parameter("arguments", Value(_ARGUMENTS))),
    refuse=refuse_invisible("epsilon"),
)


def method_of(name: str) -> Method:
    """A method by its name, or what all of the user's own are, ``module:name``."""
    return METHODS.get(name, OWN_METHOD)


def pixel_values(given: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """A budget as its function takes it: distances in pixel units as numbers, all else as it is written."""
    pixels = {key for key in given if key in parameters and parameters[key].value.unit == PIXEL_UNITS}
    return {key: float(parse_pixels(value, key)) if key in pixels else value for key, value in given.items()}


MARGIN = "margin"  # by how much the source's logit of the label is above its highest other one
# Numbers of an adversarial image, whatever a target says: against its clean one (lacuna.evaluation.quality), and the
# source's margin.
MEASURES = (
    *("psnr", "ssim", "ms_ssim", "gmsd", "fsim", "vif", "lpips"),
    *("png_bytes", "jpeg_bytes", "png_ratio", "jpeg_ratio"),
    *("sheet_png_ratio", "sheet_jpeg_ratio", "colours", "colours_clean"),
    MARGIN,
    *("foreground_score", "foreground_score_unseen"),
)
# What may be said of each image besides it: the source's prediction on the attack's float image, before the rounding to
# 8 bit; the class sought (-1: any wrong one); the source's prediction on AdvDrop's relaxed and on its hard-quantised
# image. Columns of outcomes, -1 where nothing is said.
UNROUNDED = "unrounded"
EXTRAS = (UNROUNDED, "wanted", "relaxed", "hard")


def attack_code(method: str, budget: Mapping[str, Any]) -> str:
    """Code of one attack as in the printed tables, on the 0..255 scale: ``fgsm_e16``, ``pgd_e16_a1_t20``, ``cw_k40``.

    Further parts show only what is set: ``_rs`` for a random start, ``_x5`` for restarts. AdvDrop's bound is in units
    of its tables: ``advdrop_paper_q20_t50``, ``advdrop_released_code_q20_t500_targeted``. Images from a folder have the
    name that their budget gives them. An attack of the user's own, ``module:name``, has its name, epsilon and
    arguments: ``own_deepfool_e16_steps50``.
    """
    known = method_of(method)
    if known.named_by:
        return str(budget[known.named_by])
    values = [_coded(parameter, budget[key]) for key, parameter in known.parameters.items() if key in budget]
    values += [f"matched{budget['match']}"] if "match" in budget else []
    own = [f"{key}{value}" for key, value in sorted(budget.get("arguments", {}).items())]
    name = method if method in METHODS else f"own_{method.rpartition(':')[2].lower()}"
    return "_".join([name, *filter(None, values), *(re.sub("[^a-z0-9.]", "", part.lower()) for part in own)])


def loss_of(code: str) -> str:
    """What the attack behind a code follows the gradient of, as its method says; empty for code ``none``."""
    if code.startswith("own_"):
        return OWN_METHOD.loss
    names = [name for name in METHODS if code == name or code.startswith(f"{name}_")]
    return METHODS[max(names, key=len)].loss if names else ""


def _coded(parameter: Parameter, value: Any) -> str:
    """A parameter as a code shows it; empty where it does not."""
    if parameter.letter is None or value is None or value is False:
        return ""
    if parameter.value.unit == PIXEL_UNITS:
        return parameter.letter + format_pixels(parse_pixels(value, parameter.name))
    return parameter.letter + ("" if value is True else f"{value:.6g}" if isinstance(value, float) else str(value))
