"""Networks of the user's own: each that answers wrongly, changes or fails is refused in one sentence."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.foreign.parts import OwnNetwork, watched
from lacuna.models.networks import adopted_network, new_network, own_network

torch.set_num_threads(1)
IMAGE, CLASSES = (1, 6, 6), 5


class Good(nn.Module):
    """A linear network; those below do one thing wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(36, CLASSES)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Any:
        return self.last(x.flatten(1))


class Broken(Good):
    """Answers what ``answers`` makes of the logits."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Any:
        return ANSWERS[self.how](super().forward(x), x)


def some_nan(logits: Tensor, x: Tensor) -> Tensor:
    return logits.masked_fill((x[:, 0, 0, 0] > 0.5)[:, None], torch.nan)


def one_infinite(logits: Tensor, x: Tensor) -> Tensor:
    infinite = logits.clone()
    infinite[-1, 2] = -torch.inf
    return infinite


ANSWERS: dict[str, Any] = {
    "nan": some_nan,
    "infinite": one_infinite,
    "tuple": lambda logits, x: (logits, x),
    "dictionary": lambda logits, x: {"logits": logits},
    "nothing": lambda logits, x: None,
    "numpy": lambda logits, x: logits.detach().numpy(),
    "half": lambda logits, x: logits.half(),
    "double": lambda logits, x: logits.double(),
    "classes": lambda logits, x: logits.argmax(1),
    "one more class": lambda logits, x: torch.cat([logits, logits[:, :1]], 1),
    "transposed": lambda logits, x: logits.T,
    "fewer images": lambda logits, x: logits[1:],
    "complex": lambda logits, x: torch.complex(logits, logits),
    "sparse": lambda logits, x: logits.detach().to_sparse(),
    "error": lambda logits, x: logits @ logits,
}


def own(network: nn.Module) -> OwnNetwork:
    part = own_network("own-mine", nn.Sequential(nn.Identity(), network), CLASSES)
    part.eval()
    return part


def images(count: int) -> Tensor:
    """Images of which the odd ones are bright."""
    return torch.arange(count).remainder(2).view(-1, 1, 1, 1).expand(count, *IMAGE) * 0.9 + 0.01


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("nan", "not finite for 3 of 7 images"),
        ("infinite", "not finite for 1 of 7 images"),
        ("tuple", "a tuple of 2 for 7 images; allowed: a tensor (7, 5) of type float32"),
        ("dictionary", "a dict of 1 for 7 images"),
        ("nothing", "an object of type NoneType"),
        ("numpy", "an array of numpy for 7 images"),
        ("half", "numbers of type float16"),
        ("double", "numbers of type float64"),
        ("classes", "(7,) for images (7, 1, 6, 6)"),
        ("one more class", "(7, 6)"),
        ("transposed", "(5, 7)"),
        ("fewer images", "(6, 5)"),
        ("complex", "numbers of type complex64"),
        ("sparse", "numbers of type sparse_coo"),
        ("error", "raised RuntimeError at test_foreign_networks.py, line"),
    ],
)
def test_an_answer_that_is_no_batch_of_finite_logits_is_one_sentence(how: str, words: str) -> None:
    with pytest.raises(LacunaError, match="^own-mine .*" + re.escape(words)) as found:
        own(Broken(how))(images(7))
    assert "\n" not in str(found.value)


def test_a_good_network_answers_as_if_it_stood_alone_with_its_gradient() -> None:
    network, x = Good(), images(4).requires_grad_()
    logits = own(network)(x)
    assert torch.equal(logits, network(x))
    (slope,) = torch.autograd.grad(logits.sum(), x)
    torch.testing.assert_close(slope, network.last.weight.sum(0).view(IMAGE).expand_as(slope))


class Eraser(Good):
    def forward(self, x: Tensor) -> Tensor:
        logits = self.last(x.flatten(1))
        x.zero_()
        return logits


def test_a_network_that_overwrites_its_images_does_no_harm() -> None:
    x = images(4)
    part = OwnNetwork("own-mine", nn.Threshold(-1, 0), Eraser(), CLASSES)
    first = part(x)
    assert torch.equal(part(x), first)
    assert torch.equal(x, images(4))


class Restless(Good):
    """Changes one thing about itself with every answer."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: Tensor) -> Tensor:
        CHANGES[self.what](self)
        return self.last(x.flatten(1))


CHANGES: dict[str, Any] = {
    "weight": lambda net: net.last.weight.data.mul_(0.9),
    "buffer": lambda net: net.seen.add_(1),
    "mode": lambda net: net.train(),
    "gradient": lambda net: net.last.bias.requires_grad_(False),
    "hook": lambda net: net.last.register_forward_hook(lambda *a: None),
    "parameter": lambda net: setattr(net.last, "bias", nn.Parameter(torch.zeros(CLASSES))),
}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("weight", "the tensor 'body.1.last.weight'"),
        ("buffer", "the tensor 'body.1.seen'"),
        ("mode", "the training mode of 'body.1'"),
        ("gradient", "whether 'body.1.last.bias' takes a gradient"),
        ("hook", "the hooks of 'body.1.last'"),
        ("parameter", "the tensor 'body.1.last.bias'"),
    ],
)
def test_a_network_that_changes_while_it_answers_is_refused_at_the_end(what: str, words: str) -> None:
    part = own(Restless(what))
    refused = pytest.raises(LacunaError, match=f"^own-mine changed {words} of itself; allowed")
    with torch.no_grad(), refused, watched(nn.Sequential(part)):
        part(images(3))


class Lazy(Good):
    """Keeps a table for the size of the images that it meets, as networks with positions do."""

    def forward(self, x: Tensor) -> Tensor:
        self.register_buffer("table", torch.linspace(0, 1, x.shape[-1]), persistent=False)
        return self.last(x.flatten(1))


def test_what_a_network_makes_at_its_first_answer_is_no_change() -> None:
    part = own(Lazy())
    with watched(part):
        part(images(3))


class Setter(Good):
    """Changes a setting of torch's, which others go by."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: Tensor) -> Tensor:
        {"type": torch.set_default_dtype, "gradients": torch.set_grad_enabled}[self.what](
            {"type": torch.float64, "gradients": False}[self.what]
        )
        return self.last(x.flatten(1))


@pytest.mark.parametrize(("what", "words"), [("type", "default type to torch.float64"), ("gradients", "False")])
def test_a_network_that_changes_torchs_settings_is_refused(what: str, words: str) -> None:
    try:
        with pytest.raises(LacunaError, match=f"own-mine set torch's .*{words}"):
            own(Setter(what))(images(2))
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


# Factories -----------------------------------------------------------------------------------------------------

KEPT = Good()


def the_same_each_time() -> nn.Module:
    return KEPT


def greedy(sizes: list[int]) -> nn.Module:
    sizes.clear()
    return Good()


def no_module() -> Any:
    return lambda x: x


def fails() -> nn.Module:
    raise KeyError("width")


class Stubborn(Good):
    """Trains whatever it is told."""

    def train(self, mode: bool = True) -> "Stubborn":
        return super().train(True)


class Doubtful(Good):
    def forward(self, x: Tensor) -> Any:
        return np.zeros((len(x), CLASSES))


def settings(factory: str, **arguments: Any) -> dict[str, Any]:
    named = {"model": "own-mine", "factory": f"test_foreign_networks:{factory}", "arguments": arguments}
    return named | {"image": list(IMAGE), "classes": CLASSES, "mean": [0.0], "std": [1.0]}


def built(factory: str, **arguments: Any) -> nn.Sequential:
    return new_network(settings(factory, **arguments), torch.zeros(1, 1, 1), torch.ones(1, 1, 1))


def test_a_factory_that_gives_one_network_each_time_gives_two_that_are_apart() -> None:
    first, second = built("the_same_each_time"), built("the_same_each_time")
    with torch.no_grad():
        first[1].last.weight.zero_()  # type: ignore[union-attr,operator]
    assert second[1].last.weight.abs().sum() > 0  # type: ignore[union-attr,operator]
    assert KEPT.last.weight.abs().sum() > 0


def test_a_factory_gets_a_copy_of_its_arguments() -> None:
    given = settings("greedy", sizes=[3, 4])
    new_network(given, torch.zeros(1), torch.ones(1))
    assert given["arguments"] == {"sizes": [3, 4]}


@pytest.mark.parametrize(
    ("factory", "words"),
    [("no_module", "gave an object of type function; allowed: a torch module"), ("fails", "raised KeyError")],
)
def test_a_factory_that_makes_no_network_is_one_sentence(factory: str, words: str) -> None:
    with pytest.raises(LacunaError, match=f"^test_foreign_networks:{factory} {words}"):
        built(factory)


@pytest.mark.parametrize(("factory", "words"), [("Stubborn", "trains after eval"), ("Doubtful", "an array of numpy")])
def test_a_network_that_cannot_be_used_is_not_adopted(factory: str, words: str, tmp_path: Path) -> None:
    weights = tmp_path / "mine.safetensors"
    save_file(Good().state_dict(), weights)
    with pytest.raises(LacunaError, match=words):
        adopted_network(settings(factory), weights)
    assert len(adopted_network(settings("Good"), weights)) == 2
