"""The foreground as a stage: its script, what the plan and the configuration say of it, the attacks that read it."""

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from refusing import refusal
from safetensors.torch import load_file
from stages import Outputs
from victims import draws, victim

from lacuna.attacks.core.run import Attempt, Supplies, adversarial_images
from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, stable_part, write_tensors
from lacuna.foreground.saliency import saliency_model
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)
DEFECTIVE, DEMO, DATASETS = "config/papers/defective.yaml", "config/scales/demo.yaml", "config/datasets.yaml"
SUBSET = "fashion-mnist-subset"
DUAL = {"epsilon_foreground": 2, "epsilon_background": 20, "weight": 0, "steps": 4}


def test_the_script_writes_foregrounds_shares_and_counts(tmp_path: Path, root: Path) -> None:
    images = torch.zeros(5, 1, 6, 6, dtype=torch.uint8)
    images[1], images[2, :, :3] = 9, 1
    made, read = tmp_path / "foreground/test.safetensors", str(tmp_path / "test.safetensors")
    write_tensors(read, {"images": images, "labels": torch.arange(5)}, Record("dataset", "{}"))
    settings = {"masks": {"kind": "nonzero"}, "classes": list("abcde"), "source": {"kind": "embedded"}}
    job = SimpleNamespace(
        threads=1,
        resources=SimpleNamespace(batch=2),
        params=SimpleNamespace(settings=json.dumps(settings)),
        input=SimpleNamespace(images=read, network=[], code=[]),
        rule="foreground",
        output=Outputs({"foreground": str(made)}),
        wildcards=SimpleNamespace(split="test"),
        log=[str(tmp_path / "log")],
    )
    runpy.run_path(str(root / "workflow/scripts/foreground.py"), init_globals={"snakemake": job})
    tensors, facts = load_file(made), stable_part(made)["facts"]
    assert torch.equal(tensors["mask"], images[:, 0] > 0)
    assert tensors["fraction"].tolist() == [0, 1, 0.5, 0, 0]
    assert facts == {"masks": "pixels above zero", "images": 5, "mean_fraction": 0.3, "empty": 3, "full": 1}
    assert "30.0%" in (tmp_path / "log").read_text()


def with_dual(weight: float = 0) -> Any:
    """A change of the paper's file: an attack, a suite and a training on foregrounds, used by Table 4."""

    def change(content: dict[str, Any]) -> None:
        budgets = [DUAL, DUAL | {"weight": weight, "steps": 5}]
        content["attacks"]["regions"] = {"method": "dual_l2", "selection": "all_images", "budgets": budgets}
        content["suites"]["regions"] = {"attacks": ["regions"], "sources": ["self"]}
        content["trainings"]["duall2"] = {"attack": {"method": "dual_l2", **DUAL, "masks": "random"}}
        column = {"column": "regions", "metric": "adversarial_accuracy", "suite": "regions", "source": "self"}
        code = "dual_l2_f2_b20_l0_t4"
        content["tables"]["table4"]["columns"] = [column | {"attack": code}]
        content["tables"]["table4"]["rows"] = [{"row": "AT-Dual", "model": "resnet34-duall2-s1"}]

    return change


def test_attacks_and_trainings_that_need_the_foreground_read_it(project: "Project") -> None:
    project.edit(DEFECTIVE, with_dual())
    plan = Plan(project.load())
    files = {split: f"results/demo/{SUBSET}/foreground/{split}.safetensors" for split in ("train", "test")}
    assert plan.stages["attack"].inputs(SUBSET, "regions", "none")["foreground"] == [files["test"]]
    assert plan.stages["attack"].inputs(SUBSET, "pgd16", "none")["foreground"] == []
    assert plan.stages["train"].inputs(SUBSET, "resnet34-duall2-s1")["foreground"] == [files["train"]]
    for model in ("resnet18-at-s1", "resnet18-standard-s1"):
        assert plan.stages["train"].inputs(SUBSET, model)["foreground"] == []
    made = {artefact.path: artefact for artefact in plan.inventory.artefacts("table4")}
    order = list(made)
    for split, path in files.items():
        assert made[path].stage == "foreground"
        assert made[path].inputs == (f"results/demo/{SUBSET}/dataset/{split}.safetensors",)
        assert json.loads(made[path].settings)["masks"] == {"kind": "nonzero"}
    trained = f"results/demo/{SUBSET}/train/resnet34-duall2-s1.safetensors"
    attacked = f"results/demo/{SUBSET}/attack/regions/resnet34-duall2-s1.safetensors"
    assert files["train"] in made[trained].inputs
    assert files["test"] in made[attacked].inputs
    assert order.index(files["train"]) < order.index(trained) < order.index(attacked)
    assert files["test"] not in {artefact.path for artefact in plan.inventory.artefacts("table3")}


@pytest.mark.parametrize("weight", [0, 1])
def test_a_saliency_model_belongs_to_an_attacks_settings_where_a_weight_asks_for_it(
    project: "Project", weight: int
) -> None:
    project.edit(DEFECTIVE, with_dual(weight))
    settings = Plan(project.load()).stages["attack"].settings(SUBSET, "regions", "resnet34-duall2-s1")
    assert settings.get("saliency") == ({"kind": "spectral_residual"} if weight else None)


def test_a_foreground_changes_no_settings_of_the_dataset(project: "Project") -> None:
    for kind in ("papers", "claims"):
        (project.root / f"config/{kind}/dual.yaml").unlink()  # its figures need a foreground
    for part in ("images", "attacks", "trainings", "defenses"):
        project.edit(DEMO, lambda content, part=part: without_dual(content[part]))
    project.edit(DEMO, lambda content: content["victims"].pop("dual"))
    project.edit(DEMO, lambda content: content["tables"].pop("dual-controls"))
    before = Plan(project.load()).stages["dataset"].canonical(SUBSET)
    project.edit(DATASETS, lambda content: content[SUBSET].pop("foreground"))
    assert Plan(project.load()).stages["dataset"].canonical(SUBSET) == before
    assert "foreground" not in before
    project.edit(DEFECTIVE, with_dual())
    with pytest.raises(LacunaError, match=f"key {SUBSET}.foreground is missing"):
        Plan(project.load()).inventory.artefacts("table4")


def test_a_scale_changes_the_foreground_of_a_dataset(project: "Project") -> None:
    laptop, paper = (project.load(scale=scale).datasets["cifar10"]["foreground"] for scale in ("laptop", "paper"))
    assert laptop["saliency"] == laptop["masks"]["model"] == {"kind": "spectral_residual"}
    assert paper["saliency"]["kind"] == paper["masks"]["model"]["kind"] == "deepgaze"
    assert paper["unseen"] == laptop["unseen"] == {"kind": "centre_surround"}
    density = {"kind": "saliency", "model": {"kind": "centre_surround"}, "threshold": "density"}
    project.edit(DEMO, lambda content: content.update(foreground={SUBSET: {"masks": density}}))
    assert Plan(project.load()).stages["foreground"].settings(SUBSET, "test")["masks"] == density


def without_dual(part: dict[str, Any]) -> None:
    """Takes away what a scale says of the dual paper's parts."""
    ours = re.compile(r"dual|eot|clean|atpgd|atdual|atenergy|atrandom|noise|smooth")
    for name in [name for name in part if ours.search(name) and name not in ("noise", "advdrop_noise")]:
        part.pop(name)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (DEMO, {SUBSET: {"mask": {}}}, f"key {SUBSET}.foreground.mask is not known"),
    (DEMO, {"cifar": {}}, "'cifar' is not known; allowed: fashion-mnist-subset"),
    (DEMO, {"mnist": {"masks": {"kind": "nonzero"}}}, "key mnist.foreground.saliency is missing"),
    (DEMO, {SUBSET: {"masks": {"kind": "saliency"}}}, "saliency with model and threshold"),
    (DEMO, {SUBSET: {"masks": {"kind": "nonzero", "path": "x"}}}, "kind nonzero, saliency with model"),
    (DEMO, {SUBSET: {"saliency": {"kind": "deepgaze"}}}, "deepgaze with centre_bias"),
    (DEMO, {SUBSET: {"saliency": {"kind": "spectral"}}}, "spectral_residual"),
]


@pytest.mark.parametrize(("file", "foreground", "says"), REFUSED, ids=range(len(REFUSED)))
def test_a_mistake_in_a_foreground_is_refused(
    project: "Project", file: str, foreground: dict[str, Any], says: str
) -> None:
    project.edit(file, lambda content: content.update(foreground=foreground))
    assert says in refusal(project)


TRAININGS: list[tuple[dict[str, Any], str]] = [
    ({"attack": {"method": "dual_l2", **DUAL, "weight": 1}}, "trains without the salience term"),
    ({"attack": {"method": "pgd_l2", "epsilon_l2": 2, "steps": 3, "masks": "random"}}, "allowed with: dual, dual_l2"),
    ({"attack": {"method": "dual", **DUAL}}, "a fraction of the pixel range in quotes"),
    ({"attack": {"method": "dual_l2", "steps": 3}}, "dual_l2 takes epsilon_foreground"),
    ({"gaussian": 0}, "a number above 0"),
    ({"pretrained": "V9"}, "IMAGENET1K_V1"),
]


@pytest.mark.parametrize(("training", "says"), TRAININGS, ids=range(len(TRAININGS)))
def test_a_mistake_in_a_training_is_refused(project: "Project", training: dict[str, Any], says: str) -> None:
    project.edit(DEFECTIVE, lambda content: content["trainings"].update(sd=training))
    assert says in refusal(project)


def test_trained_weights_go_with_published_networks_alone(project: "Project") -> None:
    project.edit(DEFECTIVE, lambda content: content["trainings"].update(sd={"pretrained": "IMAGENET1K_V1"}))
    assert "training 'sd' starts from trained weights; allowed: resnet18, resnet34, resnet50 without masks" in refusal(
        project
    )


def test_adam_needs_no_momentum_and_takes_none(project: "Project") -> None:
    def adam(content: dict[str, Any]) -> None:
        recipe = content["recipes"][SUBSET]
        recipe["optimiser"] = "adam"
        del recipe["momentum"], recipe["nesterov"]

    project.edit(DEMO, adam)
    recipe = Plan(project.load()).stages["train"].settings(SUBSET, "resnet18-standard-s1")["recipe"]
    assert recipe["optimiser"] == "adam"
    project.edit(DEMO, lambda content: content["recipes"][SUBSET].update(momentum=0.9))
    assert "allowed: nothing with optimiser adam" in refusal(project)
    project.edit(DEMO, lambda content: content["recipes"][SUBSET].pop("optimiser"))
    assert "key recipes.fashion-mnist-subset.nesterov is missing" in refusal(project)


# The loop over batches ------------------------------------------------------------------------------------------------


def test_the_loop_hands_each_batch_its_foreground() -> None:
    model, x, labels = victim()
    foreground = torch.rand(7, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.5
    saliency = saliency_model({"kind": "spectral_residual"})
    budget = {"epsilon_foreground": "2/255", "epsilon_background": "40/255", "weight": 5, "steps": 3}
    attack, supplies = Attempt("dual", "dual", budget), Supplies(draws(x), foreground, saliency)
    whole = adversarial_images(model, x, labels, attack, supplies, batch=100, say=lambda _: None)
    parts = adversarial_images(model, x, labels, attack, supplies, batch=2, say=lambda _: None)
    assert (whole.images != parts.images).double().mean() < 0.01
    change = (whole.images.int() - x.int()).abs().amax(1)
    assert change[foreground].max() == 2
    assert change[~foreground].max() == 40
    with pytest.raises(LacunaError, match="dual needs the foreground of its images"):
        adversarial_images(model, x, labels, attack, Supplies(draws(x)), batch=2, say=lambda _: None)
