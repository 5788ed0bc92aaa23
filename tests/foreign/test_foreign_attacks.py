"""Attacks and defenses of the user's own: copies, state, and what they give back."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from victims import images, small

from lacuna.attacks.core.own import own_attack
from lacuna.errors import LacunaError
from lacuna.evaluation.defenses import DefendedNetwork, defend
from lacuna.evaluation.predictions import predict
from lacuna.foreign.parts import watched
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)
EPSILON = 8 / 255


def zero_weights(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.data.zero_()


# What an attack does wrong: with the network, and with the images.
DEEDS: dict[str, Any] = {
    "zero": zero_weights,
    "scale one bias": lambda model: model[3].bias.data.add_(1e-3),
    "train": lambda model: model.train(),
    "hook": lambda model: model[0].register_forward_hook(lambda m, x, y: y * 0),
    "patch": lambda model: setattr(model[0], "forward", lambda x: x),
    "gradients on": lambda model: model[0].weight.requires_grad_(True),
}
GIVEN: dict[str, Any] = {
    "far": lambda x: (x + 2 * EPSILON).clamp(0, 1),
    "one pixel far": lambda x: torch.where(torch.arange(8) == 3, x.roll(1, 0), x),
    "above 1": lambda x: x + EPSILON,
    "bytes": lambda x: (x * 255).round().to(torch.uint8),
    "0 to 255": lambda x: x * 255,
    "nan": lambda x: torch.where(torch.arange(len(x)).view(-1, 1, 1, 1) == 2, torch.nan, x),
    "numpy": lambda x: x.numpy(),
    "pair": lambda x: (x, True),
    "single": lambda x: x.float(),
    "channels last": lambda x: x.permute(0, 2, 3, 1),
    "one image": lambda x: x[0],
    "none": lambda x: None,
}


def does(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, what: str) -> Tensor:
    DEEDS[what](model)
    return x


def gives(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, what: str) -> Any:
    return GIVEN[what](x)


def overwrites(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float, sizes: list[int]) -> Tensor:
    labels.fill_(-1)
    sizes.clear()
    return x.sub_(epsilon).clamp_(0, 1)


def divides(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    return x / (1 // int(epsilon))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("zero", "the tensor '0.weight'"),
        ("scale one bias", "the tensor '3.bias'"),
        ("train", "the training mode of ''"),
        ("hook", "the hooks of '0'"),
        ("patch", "the forward function of '0'"),
        ("gradients on", "whether '0.weight' takes a gradient"),
    ],
)
def test_an_attack_that_changes_the_network_is_refused(what: str, words: str) -> None:
    sentence = f"test_foreign_attacks:does changed {words} of the network that it attacks; allowed"
    with pytest.raises(LacunaError, match=re.escape(sentence)):
        own_attack("test_foreign_attacks:does")(small(0), images(0), torch.zeros(6), epsilon=EPSILON, what=what)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("far", "changed pixels by 0.06275; allowed: its epsilon, 0.03137"),
        ("one pixel far", "changed pixels by"),
        ("above 1", "gave pixels in [0.0314, 1.03]; allowed: [0, 1]"),
        ("bytes", "numbers of type uint8"),
        ("0 to 255", "gave pixels in [0, 255]"),
        ("nan", "not finite for 1 of 6 images"),
        ("numpy", "an array of numpy"),
        ("pair", "a tuple of 2"),
        ("single", "numbers of type float32"),
        ("channels last", "(6, 8, 8, 2) for images (6, 2, 8, 8)"),
        ("one image", "(2, 8, 8) for images"),
        ("none", "an object of type NoneType"),
    ],
)
def test_what_an_attack_gives_back_is_checked(what: str, words: str) -> None:
    with pytest.raises(LacunaError, match="^test_foreign_attacks:gives .*" + re.escape(words)):
        own_attack("test_foreign_attacks:gives")(small(0), images(0), torch.zeros(6), epsilon=EPSILON, what=what)


def test_an_attack_gets_copies_of_images_labels_and_arguments() -> None:
    x, labels, sizes = images(0), torch.arange(6), [1, 2]
    made = own_attack("test_foreign_attacks:overwrites")(small(0), x, labels, epsilon=EPSILON, sizes=sizes)
    assert torch.equal(x, images(0))
    assert labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert sizes == [1, 2]
    assert torch.equal(made, (x - EPSILON).clamp(0, 1))


def test_an_error_in_an_attack_is_one_sentence_with_its_place() -> None:
    words = r"^test_foreign_attacks:divides raised ZeroDivisionError at test_foreign_attacks.py, line \d+: "
    with pytest.raises(LacunaError, match=words):
        own_attack("test_foreign_attacks:divides")(small(0), images(0), torch.zeros(6), epsilon=EPSILON)


@pytest.mark.parametrize(
    "name", ["LinfPGD", "L2PGD", "L2FastGradientAttack", "L2DeepFoolAttack", "L1FastGradientAttack"]
)
def test_attacks_of_foolbox_stay_within_the_budget_of_their_norm(name: str) -> None:
    x = images(2).float()
    made = own_attack(f"foolbox.attacks:{name}")(small(0).float(), x, torch.arange(6) % 4, epsilon=0.2)
    order = {"Linf": torch.inf, "L2": 2, "L1": 1}[name[: 4 if name.startswith("Linf") else 2]]
    length = torch.linalg.vector_norm((made - x).flatten(1), ord=order, dim=1)
    assert 0 < length.max() <= 0.2 * (1 + 1e-4)


# Defenses ------------------------------------------------------------------------------------------------------

CLEANED: dict[str, Any] = {
    "nan": lambda x: x / (x > 0.2),
    "0 to 255": lambda x: (x > 0.5) * 255.0,
    "negative": lambda x: (x > 0.5).float() - 0.5,
    "double": lambda x: x.double(),
    "numpy": lambda x: x.numpy(),
    "list": lambda x: list(x),
    "grey": lambda x: x.mean(1, keepdim=True),
    "larger": lambda x: x.repeat(1, 1, 2, 2),
    "fewer": lambda x: x[:-1],
}


def cleans(x: Tensor, what: str) -> Any:
    return CLEANED[what](x)


def wipes(x: Tensor, levels: list[int]) -> Tensor:
    return x.mul_(levels.pop())


def rounds_off(x: Tensor) -> Tensor:
    return x + 2e-5


def fails(x: Tensor) -> Tensor:
    raise TypeError("too\nmany")


class Denoiser(nn.Module):
    """A defense that is a network itself, in training mode as its author left it."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(x) if self.training else x / 2


DENOISER = Denoiser()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nan", "not finite for"),
        ("0 to 255", "gave pixels in [0, 255]; allowed: [0, 1]"),
        ("negative", "gave pixels in [-0.5, 0.5]"),
        ("double", "numbers of type float64"),
        ("numpy", "an array of numpy"),
        ("list", "a list of 5"),
        ("grey", "(5, 1, 8, 8) for images (5, 2, 8, 8)"),
        ("larger", "(5, 2, 16, 16)"),
        ("fewer", "(4, 2, 8, 8)"),
    ],
)
def test_what_a_defense_gives_back_is_checked(what: str, words: str) -> None:
    settings = {"function": "test_foreign_attacks:cleans", "arguments": {"what": what}}
    with pytest.raises(LacunaError, match="^test_foreign_attacks:cleans .*" + re.escape(words)):
        DefendedNetwork(settings, small(0).float())(images(1, 5).float())


def test_a_defense_gets_copies_and_may_round() -> None:
    x, network = images(1, 5).float(), small(0).float()
    settings = {"function": "test_foreign_attacks:wipes", "arguments": {"levels": [0.5]}}
    defended = DefendedNetwork(settings, network)
    for _ in range(2):
        assert torch.equal(defended(x), network(x / 2))
    assert torch.equal(x, images(1, 5).float())
    DefendedNetwork({"function": "test_foreign_attacks:rounds_off"}, network)(x)


def test_an_error_in_a_defense_is_one_sentence() -> None:
    with pytest.raises(LacunaError, match=r"^test_foreign_attacks:fails raised TypeError at .*: too many$"):
        DefendedNetwork({"function": "test_foreign_attacks:fails"}, small(0))(images(1))


def test_a_defense_that_is_a_network_is_used_in_evaluation_mode_and_stays_the_users() -> None:
    x, network = images(1, 5).float(), small(0).float()
    defended = DefendedNetwork({"function": "test_foreign_attacks:DENOISER"}, network)
    assert torch.equal(defended(x), network(x / 2))
    assert DENOISER.training
    assert np.isfinite(defended(x).detach().numpy()).all()


class Shift(nn.Module):
    """Moves all pixels, each time a little further."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.bias.add_(0.01)
        return (x + self.bias).clamp(0, 1)


SHIFT = Shift()


def test_a_defense_is_watched_and_one_that_stays_as_it_is_passes() -> None:
    x, network = to_bytes(images(1, 5)), small(0).float()
    still = defend({"function": "test_foreign_attacks:DENOISER"}, network, 0)
    with watched(still):
        predict(still, x, 2)
    moving = defend({"function": "test_foreign_attacks:SHIFT"}, network, 0)
    words = "test_foreign_attacks:SHIFT changed the tensor 'function.bias' of itself"
    with pytest.raises(LacunaError, match=words), watched(moving):
        predict(moving, x, 2)
