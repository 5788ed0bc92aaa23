"""Codes of networks as in the printed tables (data/printed/): target, variant, source."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lacuna.language.models import ARCHITECTURES, BEHIND, DEFENDED, OWN, SELF, ModelSpec, parse_model

NO_SOURCE = "none"  # source of sets that are made without a network
_TRAININGS = {"at": "adversarial_training", "th16": "thermometer_16", "th32": "thermometer_32"}

# Measures of clean images' loss gradients (lacuna.evaluation.gradients): no attack, no source, but foreground masks.
GRADIENT_METRICS = ("gradient_in_foreground", "foreground_area", "gradient_roughness", "gradient_sparseness")
EVALUATE, MEASURE, GRADIENT = "evaluate", "measure", "gradient"  # stages whose lines cells count
LOSS = "loss"  # what gradients are of
PERCENT, SCORE = "percent", "score"  # units: of shares of images, of numbers without one

Ensembles = Mapping[str, Sequence[str]]  # name of an ensemble -> models


def arch_code(arch: str) -> str:
    """Code of an architecture: its name, or what the paper calls it, such as ``wrn32_4``."""
    return ARCHITECTURES[arch].code or arch if arch in ARCHITECTURES else arch


def network_of(model: str, ensembles: Ensembles) -> ModelSpec:
    """Specification of a network, or of the first member of an ensemble."""
    return parse_model(ensembles[model][0] if model in ensembles else model)


def variant_code(model: str, source: str, ensembles: Ensembles) -> str:
    """Code of a target's variant: ``standard_sd``, ``thermometer_16``, ``bottom_x2_ensemble``, ...

    ``bottom_dif`` is a masked target whose masks are not those of its masked source (Table 8).
    """
    spec = network_of(model, ensembles)
    if spec.training in ("standard", OWN):
        code = spec.variant
    else:
        whole = _TRAININGS.get(spec.training)
        code = whole if whole and spec.variant == "standard" else f"{spec.variant}_{whole or spec.training}"
    if model in ensembles:
        return f"{code}_ensemble"
    return f"{code}_dif" if _masks_differ(spec, source, ensembles) else code


def _masks_differ(spec: ModelSpec, source: str, ensembles: Ensembles) -> bool:
    source = source.partition(BEHIND)[0]
    if source in ("", NO_SOURCE) or source in ensembles or not spec.masked:
        return False
    made_on = parse_model(source)
    return made_on.masked and made_on.mask_seed != spec.mask_seed


def white_box(cell: Mapping[str, Any]) -> str:
    """How a cell's source is called where it is the cell's target: `SELF`, or `DEFENDED` with the defense; else empty.

    ``cell`` has model, target and source.
    """
    return {cell["target"]: DEFENDED, cell["model"]: SELF}.get(cell["source"], "")


def source_code(source: str, ensembles: Ensembles | None = None) -> str:
    """Code of a source: the architecture, ``bottom_0.5`` for a masked one; empty without a network.

    An ensemble named ensemble-except-vgg19 is ``ensemble_except_vgg19``.
    """
    if source in ("", NO_SOURCE):
        return ""
    if source in (ensembles or {}):
        return source.replace("-", "_")
    spec = parse_model(source)
    return arch_code(spec.arch) if not spec.keep else f"{spec.variant}_{spec.keep_prob}"


def is_own(metric: str) -> bool:
    """Whether a metric, or a plot, is a function of the user's own: ``module:name``."""
    return ":" in metric


def metric_code(cell: Mapping[str, Any]) -> str:
    """Code of a cell's metric: its name, and after one of the user's own its arguments, ``mine:kept(least=0.5)``."""
    arguments = cell.get("arguments") or {}
    said = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted(arguments.items()))
    return f"{cell['metric']}({said})" if said else str(cell["metric"])


class Origin(NamedTuple):
    """Where the lines that a cell counts come from: a stage, and below it a group and a name.

    They are a suite and a target of the stage evaluate, an attack and a source of measure, `LOSS` and a target of
    gradient.
    """

    stage: str
    group: str
    name: str

    @property
    def measures(self) -> bool:
        """Whether the lines are measures of images, not outcomes."""
        return self.stage != EVALUATE


def origin_of(cell: Mapping[str, Any]) -> Origin:
    """The origin of what a cell counts, from the cell's settings."""
    if cell.get("measured"):
        return Origin(MEASURE, cell["measured"], cell["source"])
    if cell["metric"] in GRADIENT_METRICS:
        return Origin(GRADIENT, LOSS, cell["target"])
    return Origin(EVALUATE, cell["suite"], cell["target"])
