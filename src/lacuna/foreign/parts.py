"""Parts of a model that are the user's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from lacuna.foreign.answers import require_tensor
from lacuna.foreign.calls import calling
from lacuna.foreign.states import Snapshot


class Foreign(nn.Module):
    """A part of a model that the user brings; messages call it ``name``, and ``kind`` is what it is.

    ``brought`` is False where what could be the user's is this project's.
    """

    brought = True
    kind = ""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def answer(self, x: Tensor) -> Tensor:
        """What the part gives for images (B, C, H, W) in [0, 1]; it is checked."""
        raise NotImplementedError


class OwnNetwork(Foreign):
    """A network of the user's own, ``network``, whose logits (B, ``classes``) are checked.

    ``normalise`` comes before it, so that the network never holds the caller's images.
    """

    kind = "network"

    def __init__(self, name: str, normalise: nn.Module, network: nn.Module, classes: int) -> None:
        super().__init__(name)
        self.body = nn.Sequential(normalise, network)
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, ``classes``). Raises `LacunaError` where they are anything else."""
        with calling(self.name):
            logits = self.body(x)
        return require_tensor(self.name, logits, (len(x), self.classes), x)

    answer = forward


def own_parts(*models: nn.Module | None) -> list[Foreign]:
    """The parts of models that are the user's, inner ones first."""
    whole = [part for model in models if model is not None for part in model.modules()]
    return [part for part in whole[::-1] if isinstance(part, Foreign) and part.brought]


@contextmanager
def watched(*models: nn.Module | None) -> Iterator[None]:
    """Raises `LacunaError` at the end where a part of the user's own changed its state since the beginning."""
    before = [(part, Snapshot(part)) for part in own_parts(*models)]
    yield
    for part, snapshot in before:
        snapshot.refuse_change(part.name, part, "itself")
