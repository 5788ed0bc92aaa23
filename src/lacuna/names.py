"""Names that parse back to what they name: models and attacks. No torch here: the workflow imports this."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lacuna.errors import LacunaError

ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "densenet121", "senet18", "vgg19", "wrn32")
REGULARISED = ("resnet18", "wrn32")  # have places for spatial dropout and DropBlock
PRETRAINED = ("resnet34", "resnet50")  # may start from weights of torchvision
FLOAT32 = "float32"  # the precision that is the reference
STANDARD = "standard"  # training on clean images with plain cross-entropy; others are defined in a paper's file
OWN = "own"  # training of a network that the user brings; its name is own-<name>
ENSEMBLE = "ensemble-"  # how the names of ensembles begin
SELF = "self"  # source of a column: each row's own network, the white box
LONGEST = 120  # characters of a model's name: file names with it and an attack's code stay below 255
GRAMMAR = "<arch>[x2][-<bottom|nostem|top|dc|sm><p>]*-<training>-s<seed>[m<maskseed>]"

_MODEL = re.compile(
    r"(?P<arch>[a-z]+[0-9]+)(?P<wide>x2)?"
    r"(?P<parts>(?:-(?:bottom|nostem|top|dc|sm)[0-9.]+)*)"
    r"-(?P<training>[a-z][a-z0-9]*)-s(?P<seed>[0-9]+)(?:m(?P<mask_seed>[0-9]+))?"
)
_OWN = re.compile(r"own-[a-z0-9.]+(-[a-z0-9.]+)*")
_PART = re.compile(r"-(bottom|nostem|top|dc|sm)([0-9.]+)")
_DECIMAL = re.compile(r"0\.[0-9]*[1-9]|1")


@dataclass(frozen=True)
class ModelSpec:
    """One trained network; ``str(spec)`` is its name and `parse_model` the inverse.

    ``keep`` holds (place, keep probability) pairs, the probability as the decimal that was written.
    ``seed`` is the replica of the initialisation and of the data order, ``mask_seed`` that of the masks.
    """

    arch: str
    training: str
    seed: int
    keep: tuple[tuple[str, str], ...] = ()
    wide: bool = False
    mask_seed: int | None = None

    def __str__(self) -> str:
        if self.training == OWN:
            return self.arch
        parts = "".join(f"-{place}{keep}" for place, keep in self.keep)
        masks = "" if self.mask_seed is None else f"m{self.mask_seed}"
        return f"{self.arch}{'x2' if self.wide else ''}{parts}-{self.training}-s{self.seed}{masks}"

    @property
    def masked(self) -> bool:
        """Whether the network has neuron masks (thin networks, ``dc``, have none)."""
        return any(place != "dc" for place, _ in self.keep)

    @property
    def keep_prob(self) -> str:
        """Keep probabilities as the printed tables code them: ``0.5``, ``0.7+0.3``, empty without masks."""
        return "+".join(keep for _, keep in self.keep)

    @property
    def variant(self) -> str:
        """Variant code of the printed tables: standard, bottom, top, bottom+top, bottom_dc, ..."""
        if self.training == OWN:
            return OWN
        codes = {"dc": "bottom_dc", "sm": "bottom_sm", "nostem": "bottom_nostem"}
        base = "+".join(codes.get(place, place) for place, _ in self.keep) or "standard"
        return f"{base}_x2" if self.wide else base


def parse_model(name: str, trainings: Collection[str] | None = None) -> ModelSpec:
    """The specification behind a model's name. Raises `LacunaError` naming the part that is not allowed.

    ``trainings`` are the names of trainings that exist; without it any word of the grammar is taken.
    """
    if len(name) > LONGEST:
        raise LacunaError(f"model {name[:40] + '...'!r} has {len(name)} characters; allowed: at most {LONGEST}")
    if _OWN.fullmatch(name):
        return ModelSpec(arch=name, training=OWN, seed=0)
    match = _MODEL.fullmatch(name)
    if match is None:
        raise LacunaError(f"model {name!r} does not read as {GRAMMAR}, for example resnet18-bottom0.5-standard-s1m1")
    spec = ModelSpec(
        arch=match["arch"],
        training=match["training"],
        seed=int(match["seed"]),
        keep=tuple(_PART.findall(match["parts"])),
        wide=match["wide"] is not None,
        mask_seed=None if match["mask_seed"] is None else int(match["mask_seed"]),
    )
    _check(name, spec, trainings)
    return spec


def _check(name: str, spec: ModelSpec, trainings: Collection[str] | None) -> None:
    places = [place for place, _ in spec.keep]
    problem = None
    if spec.arch not in ARCHITECTURES:
        problem = f"unknown architecture '{spec.arch}'; allowed: {', '.join(ARCHITECTURES)}"
    elif spec.training == OWN:
        problem = f"training '{OWN}' is that of networks named own-<name>; allowed: any other word"
    elif trainings is not None and spec.training not in trainings:
        problem = f"unknown training '{spec.training}'; allowed: {', '.join(trainings)}"
    elif bad := [keep for _, keep in spec.keep if not _DECIMAL.fullmatch(keep)]:
        problem = f"keep probability '{bad[0]}' must be a decimal in (0, 1] without trailing zeros"
    elif tuple(places) not in {(), ("bottom",), ("top",), ("bottom", "top"), ("nostem",), ("dc",), ("sm",)}:
        problem = (
            f"places '{'+'.join(places)}' cannot be combined; allowed: bottom, top, bottom with top, nostem, dc, sm"
        )
    elif spec.arch != "resnet18" and (spec.wide or "dc" in places):
        problem = "x2 and dc exist for resnet18 only"
    elif spec.wide and places not in ([], ["bottom"]):
        problem = "x2 goes with bottom masks only"
    elif spec.masked != (spec.mask_seed is not None):
        problem = "a mask seed (m<number>) is required" if spec.masked else "a mask seed needs neuron masks"
    elif str(spec) != name:
        problem = f"write it as '{spec}'"
    if problem:
        raise LacunaError(f"model {name!r}: {problem}")


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
# Numbers of an adversarial image against its clean one, whatever a target says (lacuna.quality, lacuna.foreground).
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
