"""What a network that comes as an installed package says of itself: its weights, its images. No torch here."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lacuna.errors import LacunaError
from lacuna.language.declared import Declaration

PACKAGE = "package"  # the value of a training's key pretrained that takes the weights of the package


@dataclass(frozen=True, kw_only=True)
class Package(Declaration):
    """A network with ImageNet's weights, which ``function`` builds from a `lacuna.models.blueprint.Blueprint`.

    ``weights`` is the file below site-packages, whose first part is the module's name; data/registry.csv has its sha256
    under the name of the network. ``distribution`` is what an installer calls the package. ``parameters`` is their
    number for ten classes. ``side`` is the height and width in pixels of the images that the weights were trained on,
    ``mean`` and ``std`` are their normalisation, for pixels in [0, 1]. ``smallest`` is the smallest side that the
    network takes. Such a network has one width, and no places for masks.
    """

    distribution: str
    weights: str
    parameters: int
    side: int
    mean: float
    std: float
    smallest: int = 32

    def path(self) -> Path:
        """Where the weights lie. Raises `LacunaError` where the package is not installed, or lacks them."""
        module, _, rest = self.weights.partition("/")
        found = find_spec(module)
        places = [Path(place) / rest for place in (found.submodule_search_locations or ())] if found else []
        for place in places:
            if place.is_file():
                return place
        missing = f"lacks {rest}" if found else "is not installed"
        raise LacunaError(f"the package {self.distribution} {missing}; `make install` brings it")
