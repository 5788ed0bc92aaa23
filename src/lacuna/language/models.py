"""Names of models, which parse back to what they name. No torch here: the workflow imports this."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from lacuna.errors import LacunaError
from lacuna.language.architectures import Architecture
from lacuna.language.declared import read_declarations
from lacuna.language.packages import Package

ARCHITECTURES = read_declarations("lacuna.models.architectures", "ARCHITECTURE", Architecture)
_PACKAGES = read_declarations("lacuna.models.packages", "NETWORK", Package)
PACKAGED = {name.replace("_", "-"): package for name, package in _PACKAGES.items()}  # networks that are installed
KNOWN_NETWORKS = tuple(sorted((*ARCHITECTURES, *PACKAGED)))
# Those with places for spatial dropout and DropBlock, and those of which torchvision publishes weights.
DROPOUT_NETWORKS = tuple(name for name, architecture in ARCHITECTURES.items() if architecture.dropout)
PUBLISHED_NETWORKS = tuple(name for name, architecture in ARCHITECTURES.items() if architecture.published)
STARTED_NETWORKS = (*PUBLISHED_NETWORKS, *PACKAGED)  # whose training may start from published weights
FLOAT32 = "float32"  # the precision that is the reference
STANDARD = "standard"  # training on clean images with plain cross-entropy; others are defined in a paper's file
OWN = "own"  # training of a network that the user brings; its name is own-<name>
ENSEMBLE = "ensemble-"  # how the names of ensembles begin
SELF = "self"  # source of a column: each row's own network, the white box
DEFENDED = "defended"  # the same, behind the row's defense, which the attack then sees and follows
BEHIND = "--"  # between a network and its defense, in the name of a target and of a source that is `DEFENDED`
LONGEST = 120  # characters of a model's name: file names with it and an attack's code stay below 255
GRAMMAR = "<arch>[x2][-<bottom|nostem|top|dc|sm><p>]*-<training>-s<seed>[m<maskseed>]"

_MODEL = re.compile(
    r"(?P<arch>(?:[a-z]+-)?[a-z]+[0-9]+)(?P<wide>x2)?"
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
    return _parse(name, None if trainings is None else tuple(trainings))


@cache  # a plan asks for each name dozens of times
def _parse(name: str, trainings: tuple[str, ...] | None) -> ModelSpec:
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


def _check(name: str, spec: ModelSpec, trainings: tuple[str, ...] | None) -> None:
    places = [place for place, _ in spec.keep]
    problem = None
    if spec.arch not in KNOWN_NETWORKS:
        problem = f"unknown architecture '{spec.arch}'; allowed: {', '.join(KNOWN_NETWORKS)}"
    elif spec.arch in PACKAGED and (spec.keep or spec.wide):
        problem = f"{spec.arch} comes as a package, which has no place for masks and one width; allowed: no parts"
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
    elif spec.arch in ARCHITECTURES and not ARCHITECTURES[spec.arch].widths and (spec.wide or "dc" in places):
        varied = [name for name, architecture in ARCHITECTURES.items() if architecture.widths]
        problem = f"x2 and dc exist for {', '.join(varied)} only"
    elif spec.wide and places not in ([], ["bottom"]):
        problem = "x2 goes with bottom masks only"
    elif spec.masked != (spec.mask_seed is not None):
        problem = "a mask seed (m<number>) is required" if spec.masked else "a mask seed needs neuron masks"
    elif str(spec) != name:
        problem = f"write it as '{spec}'"
    if problem:
        raise LacunaError(f"model {name!r}: {problem}")
