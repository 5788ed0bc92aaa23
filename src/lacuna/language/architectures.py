"""What an architecture says of itself: what builds it, where masks stand, how large it is. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass

from lacuna.language.declared import Declaration

MASK_PLACES = RELEASED_CODE, PAPER = "released_code", "paper"  # the values of the configuration's mask_place
STEMS = WHOLE, QUARTER = "whole", "quarter"  # the values of a dataset's stem: what of an image's side reaches block 1
QUARTER_STRIDE = 4  # pixels of a side behind a quarter stem, and behind that of torchvision's networks


@dataclass(frozen=True, kw_only=True)
class Architecture(Declaration):
    """A network, which ``function`` builds from a `lacuna.models.blueprint.Blueprint`.

    ``masks`` are, for each value of mask_place, the kinds of places that carry masks, and ``bottom`` the blocks that
    count as bottom. ``parameters`` is their number at full width, for images of 3 x 32 x 32 and ten classes.
    ``stem`` says that a layer before the first block may reduce the image; VGG-19 has none and pools between blocks.
    ``dropout`` says that the network has places for spatial dropout and DropBlock, ``widths`` that it has the variants
    x2 and dc. ``published`` is what torchvision calls the weights of the architecture; empty without any. ``code``
    stands for the architecture in the printed tables; empty where its name does.
    """

    masks: Mapping[str, frozenset[str]]
    parameters: int
    bottom: frozenset[int] = frozenset({0, 1, 2})
    stem: bool = True
    dropout: bool = False
    widths: bool = False
    published: str = ""
    code: str = ""
