"""Exported networks: each form against the network, the loader with torch alone, the card, what cannot leave."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.exports.card import card
from lacuna.exports.conventions import robustbench_info, timm_config
from lacuna.exports.forms import Comparison, compare, read_forms, write_forms
from lacuna.exports.write import whole_folder
from lacuna.language.models import parse_model
from lacuna.models.build import build_model
from lacuna.numerics.images import as_pixels
from lacuna.plan.exported import about, find_export, networks, refuse_unknown_export
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

NETWORKS: dict[str, dict[str, Any]] = {
    "resnet18-bottom0.5-standard-s1m1": {},
    "vgg19-bottom0.3-standard-s1m1": {},
    "senet18-top0.5-standard-s1m1": {},
    "resnet18-coded-s1": {"training": {"thermometer": 16}},
    "efficientnet-lite0-standard-s1": {},
}


def built(name: str, image: tuple[int, int, int] = (3, 32, 32)) -> nn.Module:
    """A network whose statistics are not those that it begins with, in evaluation mode."""
    mean, std = torch.full((3, 1, 1), 0.4), torch.full((3, 1, 1), 0.2)
    how = {"width": Fraction(1, 8), "mask_place": "released_code", "seed": 0, "mean": mean, "std": std}
    network = build_model(parse_model(name), image, 10, **how, **NETWORKS[name])
    draw = torch.Generator().manual_seed(1)
    for buffer_name, buffer in network.named_buffers():
        if buffer_name.endswith("running_var"):
            buffer.copy_(torch.rand(buffer.shape, generator=draw) + 0.5)
    return network.eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(0, 256, (7, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request: pytest.FixtureRequest, images: Tensor, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, network = tmp_path_factory.mktemp("exported"), built(request.param)
    write_forms(folder, network, images, request.param)
    return request.param, folder, network


def test_every_form_answers_as_the_network_for_any_number_of_images(exported: Any, images: Tensor) -> None:
    name, folder, network = exported
    labels = network(as_pixels(images)).argmax(1)
    for batch in (1, 4):
        seen = compare(network, read_forms(folder, "cpu"), images, labels, batch, "cpu", lambda line: None)
        seen.refuse(name)
        assert (seen.images, seen.right) == (7, 7)
        assert seen.differences.keys() == {"safetensors", "ONNX"}
        assert seen.changed == {"safetensors": 0, "ONNX": 0}


def test_the_loader_needs_torch_alone(exported: Any, images: Tensor) -> None:
    _, folder, network = exported
    torch.save(as_pixels(images), folder / "images.pt")
    code = f"""
import sys
for name in ("lacuna", "safetensors", "onnx", "onnxruntime", "torchvision", "timm", "efficientnet_lite_pytorch"):
    sys.modules[name] = None
from load import load
import torch
network = load()
torch.save(network(torch.load({str(folder / "images.pt")!r})), {str(folder / "logits.pt")!r})
assert isinstance(network, torch.nn.Module) and not network.training
"""
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, env={"PATH": ""})
    assert torch.allclose(torch.load(folder / "logits.pt"), network(as_pixels(images)), atol=1e-5)


def test_an_exported_network_has_the_gradient_of_the_network(exported: Any, images: Tensor) -> None:
    name, folder, network = exported
    if "thermometer" in NETWORKS[name].get("training", {}):
        pytest.skip("a step function has no gradient")
    gradients = []
    for form in (network, read_forms(folder, "cpu")["safetensors"]):
        shown = as_pixels(images).requires_grad_()
        gradients += torch.autograd.grad(form(shown).logsumexp(1).sum(), shown)
    assert torch.allclose(*gradients, atol=1e-5)
    assert gradients[0].abs().max() > 0


def test_masks_are_in_the_weights_and_decide_the_answer(images: Tensor, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    network = built("resnet18-bottom0.5-standard-s1m1")
    write_forms(tmp_path, network, images, "n")
    tensors = load_file(tmp_path / "model.safetensors")
    masks = [name for name in tensors if name.endswith(".mask")]
    assert masks
    assert all(set(tensors[name].unique().tolist()) == {0.0, 1.0} for name in masks)
    save_file(tensors | {masks[0]: torch.zeros_like(tensors[masks[0]])}, tmp_path / "model.safetensors")
    labels = torch.zeros(len(images), dtype=torch.int64)
    seen = compare(network, read_forms(tmp_path, "cpu"), images, labels, 7, "cpu", lambda line: None)
    with pytest.raises(LacunaError, match="n was not exported: logits of safetensors differ by up to"):
        seen.refuse("n")


def test_an_answer_that_is_no_number_is_refused() -> None:
    images, labels = torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    forms = {"broken": lambda x: torch.full((len(x), 2), float("nan"))}
    seen = compare(lambda x: torch.zeros(len(x), 2), forms, images, labels, 2, "cpu", lambda line: None)
    with pytest.raises(LacunaError, match="logits of broken differ"):
        seen.refuse("n")


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) if x.sum() > 1 else -x.flatten(1)


def test_a_network_that_branches_on_values_is_refused_and_leaves_nothing(images: Tensor, tmp_path: Path) -> None:
    with (
        pytest.raises(LacunaError, match="own-b cannot be exported, since torch cannot trace it"),
        whole_folder(tmp_path / "exports" / "own-b") as folder,
    ):
        write_forms(folder, Branching(), images, "own-b")
    assert list((tmp_path / "exports").iterdir()) == []


# The card --------------------------------------------------------------------------------------------------

FACTS = {"masks": [{"layer": "1.stem_mask", "shape": [8, 28, 28], "kept": 3136, "dead_positions": 0.0041}]}
MADE = {"commit": "abc", "sha256": "1" * 64, "record": "2" * 16, "weights": "3" * 64}
SEEN = Comparison(2000, 1764, 9.5, {"safetensors": 1e-6, "ONNX": 2e-6}, {"safetensors": 0, "ONNX": 1})


@pytest.fixture
def known(project: "Project") -> dict[str, Any]:
    return json.loads(about(Plan(project.load()), "fashion-mnist-subset", "resnet18-bottom0.5-standard-s1m1"))


def test_the_card_is_read_by_the_hub_and_says_what_must_be_known(known: dict[str, Any], tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    text = card(known, FACTS, MADE, SEEN)
    (tmp_path / "README.md").write_text(text)
    data = ModelCard.load(tmp_path / "README.md").data
    (result,) = data.eval_results
    assert (data.license, data.datasets) == ("mit", ["zalando-datasets/fashion_mnist"])
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("accuracy", 88.2, "test")
    assert "88.20 % (86.71 to 89.54) of 2000 test images" in text
    assert "| `1.stem_mask` | 8 x 28 x 28 | 3136 | 0.41 % |" in text
    assert "| epochs | 4 |" in text
    assert "ONNX by at most 2.0e-06, with another class on 1 images" in text


def test_a_dataset_without_a_known_licence_is_said_to_have_none(known: dict[str, Any]) -> None:
    known["dataset"] |= {"name": "mine", "licence": "not known"}
    front = yaml.safe_load(card(known, {}, MADE, SEEN).split("---\n")[1])
    assert front["license"] == "other"
    assert "datasets" not in front


def test_timm_reads_images_from_the_config_as_the_network_takes_them(known: dict[str, Any]) -> None:
    from timm.data import resolve_data_config

    found = resolve_data_config({}, pretrained_cfg=timm_config(known)["pretrained_cfg"])
    assert [found["input_size"], found["mean"], found["std"]] == [[1, 28, 28], [0.0], [1.0]]


def test_what_nobody_measured_is_null(known: dict[str, Any]) -> None:
    info = robustbench_info(known, SEEN)
    assert (info["clean_acc"], info["autoattack_acc"], info["number_forward_passes"]) == ("88.20", None, 1)


# What can be asked for -------------------------------------------------------------------------------------


def test_each_network_of_the_tables_can_leave(project: "Project") -> None:
    plan = Plan(project.load())
    for model, datasets in networks(plan).items():
        for dataset in datasets:
            assert find_export(plan, model, dataset) == (dataset, model)
            assert json.loads(about(plan, dataset, model))["dataset"]["licence"]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("exports/resnet18-botom0.5-standard-s1m1", "does not read as"),
        ("exports/resnet18-standard-s0--jpeg75", "the defense jpeg75 stands before a network and is no part of it"),
        ("exports/ensemble-resnet18", "an ensemble is exported member by member"),
        ("exports/resnet18-nothing-s0", "unknown training 'nothing'"),
        ("exports/cifar11/resnet18-standard-s0", "there is no dataset 'cifar11'"),
        ("exports/own-mine", "network 'own-mine' is in none of"),
        ("exports/resnet18-standard-s77", "in no table of this scale; name the dataset too: exports/"),
        (
            "exports/resnet18-standard-s0/README.md",
            "is asked for with its folder: `snakemake exports/resnet18-standard",
        ),
    ],
)
def test_what_cannot_leave_is_said_before_any_job(project: "Project", argument: str, sentence: str) -> None:
    with pytest.raises(LacunaError, match=sentence.replace("(", r"\(")):
        refuse_unknown_export(Plan(project.load()), argument)


def test_a_network_of_several_datasets_needs_one(project: "Project") -> None:
    plan = Plan(project.load(scale="paper"))
    with pytest.raises(LacunaError, match="name the dataset too: exports/cifar10/resnet18-standard-s0, exports/"):
        find_export(plan, "resnet18-standard-s0")
