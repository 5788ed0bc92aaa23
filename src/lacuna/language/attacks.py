"""Attacks as the configuration states them: methods, parameters, and codes as in the printed tables. No torch here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lacuna.errors import LacunaError
from lacuna.language.models import LONGEST


def parse_pixels(text: str, key: str) -> Fraction:
    """A distance in pixel units such as ``16/255``, exactly. Raises `LacunaError` outside [0, 1]."""
    if len(text) > LONGEST or not re.fullmatch(r"[0-9]+(\.[0-9]+)?(/[0-9]*[1-9][0-9]*)?", text):
        raise LacunaError(f"{key} is {text[:40]!r}; allowed: a fraction of the pixel range in [0, 1] such as 16/255")
    numerator, _, denominator = text.partition("/")
    value = Fraction(numerator) / Fraction(denominator or "1")
    if value > 1:
        raise LacunaError(f"{key} is {text!r}; allowed: a fraction of the pixel range in [0, 1] such as 16/255")
    return value


def plain(value: Fraction) -> str:
    """A distance on the 0..255 scale as the printed tables write it: ``16``, ``2.55``."""
    scaled = value * 255
    return str(scaled.numerator) if scaled.denominator == 1 else f"{float(scaled):.6g}"


CROSS_ENTROPY, MARGIN = "cross_entropy", "margin"  # losses that attacks follow


@dataclass(frozen=True)
class Method:
    """What the budgets of an attack method hold: required and optional parameters, and exactly one of ``one_of``.

    ``uncoded`` ones do not show in the attack's code, as in the printed tables; ``network`` is False where the
    adversarial set is made without a source network; ``foreground`` is True where it needs the foreground's masks,
    ``l2`` where epsilons are lengths in l2, numbers. ``loss`` is what it follows the gradient of: `CROSS_ENTROPY`,
    `MARGIN` (of logits, which no softmax flattens), or empty for attacks that see scores or decisions only.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    uncoded: frozenset[str] = frozenset()
    network: bool = True
    foreground: bool = False
    l2: bool = False
    loss: str = CROSS_ENTROPY

    @property
    def parameters(self) -> tuple[str, ...]:
        """All that a budget may hold, in the order of codes."""
        return self.required + self.one_of + self.optional


_REGIONS = ("epsilon_foreground", "epsilon_background", "weight", "steps")
_SEARCH = ("restarts", "step_scale", "noise", "samples")
METHODS: dict[str, Method] = {
    "fgsm": Method(("epsilon",)),
    "pgd": Method(("epsilon", "step", "steps"), ("random_start", "restarts")),
    "mifgsm": Method(("epsilon", "step", "steps"), ("decay",)),
    "cw": Method(
        ("steps", "binary_search_steps", "learning_rate", "initial_const"),
        one_of=("kappa", "kappa_rel"),
        uncoded=frozenset({"steps"}),
        loss=MARGIN,
    ),
    "apgd_ce": Method(("epsilon", "steps"), ("restarts",)),
    "apgd_t": Method(("epsilon", "steps"), ("targets", "restarts"), loss=MARGIN),
    "boundary": Method(
        ("steps", "spherical_step", "source_step", "step_adaptation"), uncoded=frozenset({"steps"}), loss=""
    ),
    "square": Method(("epsilon", "queries"), loss=""),
    "lspga": Method(("epsilon", "steps", "logit_step")),
    "dual": Method(_REGIONS, ("swapped", *_SEARCH), foreground=True),
    "dual_l2": Method(_REGIONS, ("swapped", *_SEARCH, "reference"), foreground=True, l2=True),
    "pgd_l2": Method(("epsilon_l2", "steps"), (*_SEARCH, "reference"), l2=True),
    "jsma": Method(("gamma",), ("theta",), loss=MARGIN),
    "advdrop": Method(("variant", "bound", "steps"), ("table_step", "rounding", "success", "targeted")),
    "gaussian": Method(("sigma",), network=False, loss=""),
    "shuffle": Method(("k",), ("pad",), network=False, loss=""),
    "stylised": Method(network=False, loss=""),
    "folder": Method(("name", "path", "resize"), network=False, loss=""),
}
# Numbers of an adversarial image against its clean one, whatever a target says (lacuna.evaluation.quality).
MEASURES = (
    *("psnr", "ssim", "ms_ssim", "gmsd", "fsim", "vif", "lpips"),
    *("png_bytes", "jpeg_bytes", "png_ratio", "jpeg_ratio"),
    *("sheet_png_ratio", "sheet_jpeg_ratio", "colours", "colours_clean"),
    *("foreground_score", "foreground_score_unseen"),
)
PIXELS = {"epsilon", "step", "sigma", "epsilon_foreground", "epsilon_background"}  # parameters in pixel units
# What an attack may say of each image besides it: the class sought (-1: any wrong one), and the source's prediction on
# the relaxed and on the hard-quantised image. Columns of outcomes, -1 where an attack says nothing.
EXTRAS = ("wanted", "relaxed", "hard")
LETTERS = {  # parameters that codes show, and what stands before their values
    "variant": "",
    "bound": "q",
    "table_step": "a",
    "rounding": "",
    "success": "",
    "targeted": "targeted",
    "epsilon": "e",
    "step": "a",
    "steps": "t",
    "decay": "d",
    "random_start": "rs",
    "restarts": "x",
    "targets": "y",
    "kappa": "k",
    "kappa_rel": "r",
    "queries": "n",
    "sigma": "s",
    "k": "k",
    "epsilon_foreground": "f",
    "epsilon_background": "b",
    "epsilon_l2": "e",
    "weight": "l",
    "step_scale": "c",
    "noise": "s",
    "samples": "n",
    "swapped": "sw",
    "gamma": "g",
    "theta": "h",
}


def pixel_parameters(method: str) -> set[str]:
    """The parameters of a method that are distances in pixel units, written as texts."""
    l2 = METHODS.get(method, Method()).l2
    return PIXELS - {"epsilon_foreground", "epsilon_background"} if l2 else PIXELS


def attack_code(method: str, budget: Mapping[str, Any]) -> str:
    """Code of one attack as in the printed tables, on the 0..255 scale: ``fgsm_e16``, ``pgd_e16_a1_t20``, ``cw_k40``.

    Further parts show only what is set: ``_rs`` for a random start, ``_x5`` for restarts. AdvDrop's bound is in units
    of its tables: ``advdrop_paper_q20_t50``, ``advdrop_released_code_q20_t500_targeted``. Images from a folder have the
    name that their budget gives them. An attack of the user's own, ``module:name``, has its name, epsilon and
    arguments: ``own_deepfool_e16_steps50``.
    """
    if method == "folder":
        return str(budget["name"])
    known = METHODS.get(method, Method(optional=("epsilon",)))
    shown = [key for key in known.parameters if key in LETTERS.keys() - known.uncoded and budget.get(key) is not None]
    pixels = pixel_parameters(method)
    values = [f"{LETTERS[key]}{_coded(key, budget[key], key in pixels)}" for key in shown if budget[key] is not False]
    values += [f"matched{budget['match']}"] if "match" in budget else []
    own = [f"{key}{value}" for key, value in sorted(budget.get("arguments", {}).items())]
    name = method if method in METHODS else f"own_{method.rpartition(':')[2].lower()}"
    return "_".join([name, *values, *(re.sub("[^a-z0-9.]", "", part.lower()) for part in own)])


def _coded(key: str, value: Any, pixels: bool) -> str:
    if pixels:
        return plain(parse_pixels(value, key))
    return "" if value is True else f"{value:.6g}" if isinstance(value, float) else str(value)
