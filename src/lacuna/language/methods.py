"""What an attack method says of itself: the parameters of its budgets, and what it needs. No torch here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

from lacuna.errors import LacunaError
from lacuna.language.declared import Declaration
from lacuna.language.models import LONGEST

CROSS_ENTROPY, MARGIN = "cross_entropy", "margin"  # losses that attacks follow
PIXEL_UNITS, L2 = "pixel units", "l2"  # units of distances between images


@dataclass(frozen=True)
class Value:
    """What a parameter may be: a JSON Schema, whose description is the sentence that a user reads.

    ``unit`` is that of a distance between images: `PIXEL_UNITS` for a text such as 16/255, `L2` for the length of all
    changes together. ``zero`` says that a text may be 0.
    """

    schema: Mapping[str, Any]
    unit: str = ""
    zero: bool = False

    @classmethod
    def number(cls, sentence: str, unit: str = "", **limits: float) -> "Value":
        """A number with the limits of JSON Schema: ``minimum``, ``exclusiveMinimum``, ``maximum``."""
        return cls({"type": "number", **limits, "description": sentence}, unit)

    @classmethod
    def integer(cls, minimum: int, maximum: int | None = None) -> "Value":
        """An integer of at least ``minimum`` and, if that is given, at most ``maximum``."""
        upper = {} if maximum is None else {"maximum": maximum}
        sentence = f"an integer of at least {minimum}" + (f" and at most {maximum}" if upper else "")
        return cls({"type": "integer", "minimum": minimum, **upper, "description": sentence})

    @classmethod
    def choice(cls, *words: str) -> "Value":
        """One of some words."""
        return cls({"enum": list(words)})

    @classmethod
    def text(cls, sentence: str, pattern: str = "", unit: str = "", zero: bool = False) -> "Value":
        """A text, which matches the whole of ``pattern`` if there is one."""
        return cls({"type": "string", "description": sentence} | ({"pattern": pattern} if pattern else {}), unit, zero)


FRACTION = r"^[0-9]+(\.[0-9]+)?(/[0-9]*[1-9][0-9]*)?$"
_QUOTES = "a fraction of the pixel range in quotes or with a slash"
PIXELS = Value.text(f"{_QUOTES}, above 0 and at most 1, such as 16/255", FRACTION, PIXEL_UNITS)
PIXELS_OR_ZERO = Value.text(f"{_QUOTES}, at most 1, such as 4/255", FRACTION, PIXEL_UNITS, zero=True)
LENGTH = Value.number("a number above 0", L2, exclusiveMinimum=0)
LENGTH_OR_ZERO = Value.number("an l2 length of at least 0", L2, minimum=0)
COUNT = Value.integer(1)
POSITIVE = Value.number("a number above 0", exclusiveMinimum=0)
NOT_NEGATIVE = Value.number("a number of at least 0", minimum=0)
SHARE = Value.number("a number in (0, 1]", exclusiveMinimum=0, maximum=1)
FLAG = Value({"type": "boolean", "description": "true or false"})


def parse_pixels(text: str, key: str) -> Fraction:
    """A distance in pixel units such as ``16/255``, exactly. Raises `LacunaError` outside [0, 1]."""
    if len(text) > LONGEST or not re.fullmatch(FRACTION, text):
        raise LacunaError(f"{key} is {text[:40]!r}; allowed: a fraction of the pixel range in [0, 1] such as 16/255")
    numerator, _, denominator = text.partition("/")
    value = Fraction(numerator) / Fraction(denominator or "1")
    if value > 1:
        raise LacunaError(f"{key} is {text!r}; allowed: a fraction of the pixel range in [0, 1] such as 16/255")
    return value


def format_pixels(value: Fraction) -> str:
    """A distance on the 0..255 scale as the printed tables write it: ``16``, ``2.55``."""
    levels = value * 255
    return str(levels.numerator) if levels.denominator == 1 else f"{float(levels):.6g}"


@dataclass(frozen=True)
class Parameter:
    """One key of a budget. ``letter`` stands before its value in the attack's code; None: the code does not show it."""

    name: str
    value: Value
    letter: str | None = None

    @property
    def hidden(self) -> "Parameter":
        """The same, but not shown in codes, as in the printed tables."""
        return replace(self, letter=None)


Budget = Mapping[str, Any]
Refusal = tuple[str, str] | None  # the parameter that cannot be as it is, and what is allowed
Check = Callable[[Budget], Refusal]
HALF_A_LEVEL = Fraction(1, 510)  # images are saved with 8 bits: a smaller change is rounded away


@dataclass(frozen=True)
class Images:
    """Square images as a budget may have to fit them."""

    channels: int
    side: int
    classes: int

    @property
    def values(self) -> int:
        """Numbers that an image consists of."""
        return self.channels * self.side**2


def first_of(*checks: Check) -> Check:
    """What the first of several checks refuses."""
    return lambda budget: next(filter(None, (check(budget) for check in checks)), None)


def refuse_invisible(name: str, reach: int = 1, least: Fraction = HALF_A_LEVEL) -> Check:
    """Refuses a distance in pixel units that no saved image shows; a pixel changes by ``reach`` times it at most."""

    def check(budget: Budget) -> Refusal:
        if name in budget and reach * parse_pixels(budget[name], name) < least:
            return name, f"at least {at_least(least / reach)}; less changes no image that is saved with 8 bits"
        return None

    return check


def at_least(value: Fraction) -> str:
    """A distance in pixel units as the configuration writes it, ``2.5/255``, rounded up to four decimals."""
    return f"{ceil(value * 255 * 10_000) / 10_000:.8g}/255"


def at_most(value: Fraction) -> str:
    """The same, rounded down."""
    return f"{floor(value * 255 * 10_000) / 10_000:.8g}/255"


@dataclass(frozen=True, kw_only=True)
class Signature(Declaration):
    """A function and what a budget for it holds: all of ``required``, one of ``one_of``, perhaps ``optional``.

    ``refuse`` says what is wrong with a budget whose values, one by one, are allowed; ``refuse_images`` what is wrong
    with it for some images.
    """

    required: tuple[Parameter, ...] = ()
    one_of: tuple[Parameter, ...] = ()
    optional: tuple[Parameter, ...] = ()
    refuse: Check = field(default=lambda budget: None)
    refuse_images: Callable[[Budget, Images], Refusal] = field(default=lambda budget, images: None)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All that a budget may hold, by name, in the order of codes."""
        return {parameter.name: parameter for parameter in self.required + self.one_of + self.optional}


@dataclass(frozen=True, kw_only=True)
class Method(Signature):
    """An attack method: (model, images, labels, **budget) -> Tensor or AttackResult, and how the loop calls it.

    ``loss`` is what it follows the gradient of: `CROSS_ENTROPY`, `MARGIN` (of logits, which no softmax flattens), or
    empty for attacks that see scores or decisions only. ``pixels`` is False where it is the gradient at something else
    than pixels. What the function takes besides its budget: ``draws``, its random numbers; ``foreground``, the images'
    foreground and a saliency model; ``files``, the names of the images' files. ``network`` is False where the set is
    made without a source network. ``jpeg_blocks`` says that it works on blocks of 8 x 8 pixels, as JPEG does.
    ``resumable`` attacks are slow: each batch is kept until the set is complete. ``group`` is the number of images per
    call where that decides results. ``named_by`` is the parameter that is the attack's code. ``decisive`` gives what of
    a budget decides the set: budgets that agree in it are attacked once. ``fast`` says that its gradients are those of
    `lacuna.attacks.core.victim.input_gradient`, which ``fast: true`` of config/config.yaml replays. ``training`` is
    what adversarial training calls on the images of each step.
    """

    loss: str = CROSS_ENTROPY
    pixels: bool = True
    draws: bool = False
    foreground: bool = False
    files: bool = False
    network: bool = True
    jpeg_blocks: bool = False
    resumable: bool = False
    group: int | None = None
    named_by: str = ""
    decisive: Callable[[Budget], Budget] = dict
    fast: bool = False
    training: Signature | None = None
