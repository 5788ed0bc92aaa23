"""What an architecture is built from."""

from dataclasses import dataclass
from fractions import Fraction

from torch import nn

from lacuna.language.architectures import WHOLE
from lacuna.language.models import ModelSpec
from lacuna.models.layers import Shape, Site

MINIMUM_WIDTH = 4  # channels of a layer, however narrow the network


@dataclass(frozen=True)
class Blueprint:
    """The network that is asked for: its specification, places for masks, input and output, and width.

    ``image`` is (C, H, W) of what comes in, ``width`` multiplies every channel count (1 is the paper's). ``stem`` is
    one of `lacuna.language.architectures.STEMS`.
    """

    spec: ModelSpec
    site: Site
    image: Shape
    classes: int
    width: Fraction
    stem: str = WHOLE

    @classmethod
    def plain(cls, spec: ModelSpec, image: Shape, classes: int) -> "Blueprint":
        """A network of full width without masks."""
        return cls(spec, lambda block, kind, shape: nn.Identity(), image, classes, Fraction(1))

    def channels(self, *counts: int | Fraction) -> list[int]:
        """Channel counts of this width, at least `MINIMUM_WIDTH`."""
        return [max(MINIMUM_WIDTH, round(count * self.width)) for count in counts]
