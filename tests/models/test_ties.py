"""Networks of the user's own in which tensors share memory: adopted, kept, and read back as they were."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_tensors
from lacuna.models.layers import Normalise
from lacuna.models.networks import adopted_network, trained_network
from lacuna.models.ties import copy_network

torch.set_num_threads(1)
PIXELS, CLASSES = 16, 16  # as many, so that the first and the last layer can be tied


class Tied(nn.Module):
    """Layers of one size that share weights in one of several ways."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.second, self.last = (nn.Linear(PIXELS, CLASSES) for _ in range(3))
        self.maps = nn.ModuleList(nn.Conv2d(1, 1, 3, padding=1) for _ in range(2))
        self.register_buffer("scale", torch.rand(CLASSES))
        self.register_buffer("offset", torch.rand(CLASSES))
        getattr(self, how)()

    def pair(self) -> None:
        self.last.weight = self.first.weight

    def three_way(self) -> None:
        self.last.weight = self.second.weight = self.first.weight
        self.last.bias = self.second.bias = self.first.bias

    def one_layer_twice(self) -> None:
        self.last = self.first

    def maps_alike(self) -> None:
        self.maps[1].weight = self.maps[0].weight

    def turned(self) -> None:
        self.last.weight = nn.Parameter(self.first.weight.T)

    def buffers(self) -> None:
        self.offset = self.scale

    def view_of_rows(self) -> None:
        self.register_buffer("part", self.first.weight.detach()[: CLASSES // 2])

    def view_of_columns(self) -> None:
        self.register_buffer("part", self.first.weight.detach()[:, ::2])

    def views_of_one(self) -> None:
        whole = torch.randn(3 * CLASSES * PIXELS)
        for i, layer in enumerate((self.first, self.second, self.last)):
            layer.weight = nn.Parameter(whole[i * CLASSES * PIXELS // 2 :][: CLASSES * PIXELS].view(CLASSES, PIXELS))

    def forward(self, x: Tensor) -> Tensor:
        flat = self.maps[1](self.maps[0](x)).flatten(1)
        return self.last(self.second(self.first(flat).tanh()).tanh()) * self.scale + self.offset


WAYS = [name for name, part in vars(Tied).items() if callable(part) and name not in ("__init__", "forward")]
SETTINGS: dict[str, Any] = {"model": "own-tied", "image": [1, 4, 4], "classes": CLASSES, "mean": [0.5], "std": [0.2]}
NORMALISE = Normalise(torch.tensor(0.5), torch.tensor(0.2))
X = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def tied(how: str, seed: int = 1) -> Tied:
    torch.manual_seed(seed)
    return Tied(how)


def settings(how: str) -> dict[str, Any]:
    return SETTINGS | {"factory": f"{__name__}:Tied", "arguments": {"how": how}}


def kept(network: nn.Module, path: Path) -> str:
    write_tensors(str(path), network.state_dict(), Record("adopt", json.dumps({})))
    return str(path)


def answers(network: nn.Module) -> Tensor:
    with torch.no_grad():
        return network.eval()(X)


SAVED = [(how, "pt") for how in WAYS]
SAVED += [(how, "safetensors") for how in WAYS if how not in ("turned", "views_of_one")]  # which save_model cannot save


@pytest.mark.parametrize(("how", "ending"), SAVED)
def test_it_answers_after_adoption_and_reading_as_before(tmp_path: Path, how: str, ending: str) -> None:
    """A .pt holds each name; safetensors' save_model leaves out what another tensor's memory covers."""
    mine, weights = tied(how), tmp_path / f"mine.{ending}"
    torch.save(mine.state_dict(), weights) if ending == "pt" else save_model(mine, str(weights))
    adopted = adopted_network(settings(how), weights)
    again = trained_network(settings(how), [kept(adopted, tmp_path / "kept.safetensors")], "cpu")
    for network in (adopted, again):
        torch.testing.assert_close(answers(network), answers(nn.Sequential(NORMALISE, mine)), rtol=1e-6, atol=1e-6)
    (read,) = (module for module in again.modules() if isinstance(module, Tied))
    for name, tensor in mine.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor), name


@pytest.mark.parametrize("how", ["pair", "three_way", "one_layer_twice", "maps_alike"])
def test_parameters_are_tied_after_reading_as_before(tmp_path: Path, how: str) -> None:
    torch.save(tied(how).state_dict(), tmp_path / "mine.pt")
    adopted = adopted_network(settings(how), tmp_path / "mine.pt")
    again = trained_network(settings(how), [kept(adopted, tmp_path / "kept.safetensors")], "cpu")
    assert len(list(again.parameters())) == len(list(tied(how).parameters())) < 10


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ("pair", ["first.weight", "last.weight"]),
        ("three_way", ["first.bias", "second.bias"]),
        ("maps_alike", ["maps.0.weight", "maps.1.weight"]),
        ("buffers", ["offset", "scale"]),
        ("view_of_rows", ["first.weight", "part"]),
        ("view_of_columns", ["first.weight", "part"]),
    ],
)
def test_a_checkpoint_that_says_two_things_of_one_tensor_is_refused(tmp_path: Path, how: str, names: list[str]) -> None:
    for changed in names:
        tensors = {name: tensor.clone() for name, tensor in tied(how).state_dict().items()}
        tensors[changed] += 1
        torch.save(tensors, tmp_path / "torn.pt")
        with pytest.raises(LacunaError, match=r"torn.pt: tensor '.*' has other values than one that it shares"):
            adopted_network(settings(how), tmp_path / "torn.pt")


@pytest.mark.parametrize("missing", ["first.bias", "second.weight", "part", "scale"])
def test_only_what_another_tensor_covers_may_be_missing(tmp_path: Path, missing: str) -> None:
    tensors = {name: tensor.clone() for name, tensor in tied("view_of_rows").state_dict().items()}
    del tensors[missing]
    save_file(tensors, tmp_path / "mine.safetensors")
    if missing == "part":
        assert adopted_network(settings("view_of_rows"), tmp_path / "mine.safetensors")
        return
    with pytest.raises(LacunaError, match=f"tensor '{missing}' does not fit"):
        adopted_network(settings("view_of_rows"), tmp_path / "mine.safetensors")


def test_a_view_without_the_tensor_that_it_is_of_is_not_enough(tmp_path: Path) -> None:
    tensors = {name: tensor.clone() for name, tensor in tied("view_of_rows").state_dict().items()}
    del tensors["first.weight"]
    save_file(tensors, tmp_path / "mine.safetensors")
    with pytest.raises(LacunaError, match=r"tensor 'first.weight' does not fit"):
        adopted_network(settings("view_of_rows"), tmp_path / "mine.safetensors")


class Expanded(Tied):
    """One number stands for many values, so that nothing can be copied into them."""

    def pair(self) -> None:
        self.register_buffer("same", torch.tensor(0.5).expand(3, 1, 1))


def test_a_tensor_without_memory_of_its_own_is_one_sentence(tmp_path: Path) -> None:
    torch.save(Expanded("pair").state_dict(), tmp_path / "mine.pt")
    given = settings("pair") | {"factory": f"{__name__}:Expanded"}
    with pytest.raises(LacunaError, match=r"mine.pt: tensor 'same' .* does not hold every number of it") as caught:
        adopted_network(given, tmp_path / "mine.pt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("how", WAYS)
def test_a_copy_is_tied_as_its_original_and_shares_nothing_with_it(how: str) -> None:
    mine = tied(how)
    before = {name: tensor.clone() for name, tensor in mine.state_dict().items()}
    copied = copy_network(mine)
    assert all(torch.equal(tensor, before[name]) for name, tensor in copied.state_dict().items())
    for network in (copied, mine):
        with torch.no_grad():
            network.get_parameter("first.weight").mul_(2)
    for name, tensor in mine.state_dict().items():
        assert torch.equal(tensor, copied.state_dict()[name]), "what changes with the first weight does so in both"
    changed = {name for name, tensor in mine.state_dict().items() if not torch.equal(tensor, before[name])}
    assert (changed == {"first.weight"}) == (how in ("maps_alike", "buffers"))
