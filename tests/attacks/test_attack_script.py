"""The script of rule attack, called as Snakemake calls it: with a network, with an ensemble, without any."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from members import CLASSES, IMAGE, NAMES, WIDTH, member
from safetensors.torch import load_file
from stages import Outputs
from torch import Tensor, nn

from lacuna.attacks import advdrop, cw
from lacuna.files.artefacts import Record, stable_part, write_frame, write_tensors
from lacuna.language.attacks import attack_code

PARTS = (
    "images",
    "source_adversarial",
    "valid",
    "distance",
    "distance_8bit",
    "unrounded",
)  # of every attack on a network
PGD = {"epsilon": "16/255", "step": "4/255", "steps": 3}
CW = {"steps": 8, "binary_search_steps": 2, "learning_rate": 0.1, "initial_const": 1}


def network(name: str) -> dict[str, Any]:
    where = {"image": IMAGE, "classes": CLASSES, "width": WIDTH}
    return {"model": name, **where, "mask_place": "released_code", "seed": 0}


@pytest.fixture
def inputs(tmp_path: Path) -> SimpleNamespace:
    """Images, a selection and one checkpoint per network, as the rules before write them."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (30, *IMAGE), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (30,), generator=generator)
    write_tensors(str(tmp_path / "test.safetensors"), {"images": images, "labels": labels}, Record("dataset", "{}"))
    ids = torch.randperm(30, generator=generator)[:7]
    frame = pd.DataFrame({"image": ids.numpy(), "label": labels[ids].numpy()})
    write_frame(str(tmp_path / "selection.csv"), frame, Record("select", "{}"))
    for name in NAMES:
        write_tensors(str(tmp_path / f"{name}.safetensors"), member(name).state_dict(), Record("train", "{}"))
    return SimpleNamespace(folder=tmp_path, images=images, labels=labels, ids=ids)


def attack(
    inputs: SimpleNamespace, root: Path, method: str, budgets: list[dict[str, Any]], source: Any, checkpoints: list[str]
) -> Path:
    """Runs the script and returns the adversarial set's path."""
    folder = inputs.folder
    settings = {
        "method": method,
        "budgets": {attack_code(method, budget): budget for budget in budgets},
        "network": source,
        "seed": 5,
        "fold_batch_norm": source is not None,
    }
    made = folder / "attack/a/source.safetensors"
    paths = {"images": str(folder / "test.safetensors"), "selection": str(folder / "selection.csv")}
    job = SimpleNamespace(
        rule="attack",
        threads=1,
        resources=SimpleNamespace(batch=3, needs_gpu=0),
        params=SimpleNamespace(settings=json.dumps(settings)),
        input=SimpleNamespace(**paths, checkpoints=checkpoints, foreground=[], like=[], code=[], own=[]),
        output=Outputs({"adversarial": str(made)}),
        log=[str(folder / "log")],
    )
    runpy.run_path(str(root / "workflow/scripts/attack.py"), init_globals={"snakemake": job})
    return made


def described(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    return load_file(path), stable_part(path)["facts"]


def test_a_grid_on_one_network(inputs: SimpleNamespace, root: Path) -> None:
    checkpoints = [str(inputs.folder / f"{NAMES[0]}.safetensors")]
    budgets = [PGD, PGD | {"random_start": True}]
    tensors, facts = described(attack(inputs, root, "pgd", budgets, network(NAMES[0]), checkpoints))
    assert tensors["image"].tolist() == inputs.ids.tolist()
    parts = {f"{code}.{part}" for code in facts for part in (*PARTS, "margin")}
    assert set(facts) == {"pgd_e16_a4_t3", "pgd_e16_a4_t3_rs"}
    assert tensors.keys() == parts | {"image", "label", "source_clean", "source_flat"}
    assert (tensors["source_flat"] == 0).all()
    for code, fact in facts.items():
        assert fact["largest_change"] <= 16
        assert fact["valid_share"] == 1
        assert fact["median_distance"] == pytest.approx(tensors[f"{code}.distance"].median().item())
        fooled = tensors[f"{code}.source_adversarial"].ne(tensors["label"]).double().mean().item()
        assert torch.equal(tensors[f"{code}.margin"] < 0, tensors[f"{code}.source_adversarial"].ne(tensors["label"]))
        assert fact["fooled_source_share"] == pytest.approx(fooled, abs=1e-6)
    assert not torch.equal(tensors["pgd_e16_a4_t3.images"], tensors["pgd_e16_a4_t3_rs.images"])


def test_what_an_attack_says_besides_stands_beside_its_images(inputs: SimpleNamespace, root: Path) -> None:
    checkpoints = [str(inputs.folder / f"{NAMES[0]}.safetensors")]
    budgets = [
        {"variant": v, "bound": 20, "steps": 2, "targeted": v == "released_code"} for v in ("paper", "released_code")
    ]
    tensors, facts = described(attack(inputs, root, "advdrop", budgets, network(NAMES[0]), checkpoints))
    assert set(facts) == {"advdrop_paper_q20_t2", "advdrop_released_code_q20_t2_targeted"}
    for code in facts:
        for extra in ("wanted", "relaxed", "hard"):
            assert tensors[f"{code}.{extra}"].shape == (7,)
            assert tensors[f"{code}.{extra}"].dtype == torch.int64
    assert (tensors["advdrop_paper_q20_t2.wanted"] == -1).all()
    wanted = tensors["advdrop_released_code_q20_t2_targeted.wanted"]
    assert (wanted >= 0).all()
    assert (wanted != tensors["label"]).all()


def test_an_ensemble_is_a_source(inputs: SimpleNamespace, root: Path) -> None:
    source = {"model": "ensemble-all", "members": [network(name) for name in NAMES]}
    checkpoints = [str(inputs.folder / f"{name}.safetensors") for name in NAMES]
    path = attack(inputs, root, "cw", [CW | {"kappa_rel": 0.5}], source, checkpoints)
    tensors, facts = described(path)
    members = [member(name) for name in NAMES]
    x = inputs.images[inputs.ids].float() / 255
    with torch.no_grad():
        logits = torch.stack([model(x) for model in members]).mean(0)
    assert torch.equal(tensors["source_clean"], logits.argmax(1))
    assert set(facts) == {"cw_r0.5"}
    assert facts["cw_r0.5"]["kappa"] == pytest.approx(0.5 * facts["cw_r0.5"]["median_margin"])
    assert set(checkpoints) <= stable_part(path)["inputs"].keys()


def test_without_a_network_there_are_no_labels_of_the_source(inputs: SimpleNamespace, root: Path) -> None:
    tensors, facts = described(attack(inputs, root, "gaussian", [{"sigma": "8/255"}, {"sigma": "16/255"}], None, []))
    for name in ("source_clean", "source_flat", "gaussian_s8.source_adversarial", "gaussian_s16.source_adversarial"):
        assert tensors[name].tolist() == [-1] * 7
    assert facts["gaussian_s16"]["median_distance"] > 2 * facts["gaussian_s8"]["median_distance"]
    assert "fooled_source_share" not in facts["gaussian_s8"]


def test_a_killed_grid_keeps_what_is_done_and_leaves_no_state_behind(
    inputs: SimpleNamespace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = [str(inputs.folder / f"{NAMES[0]}.safetensors")]
    job = (inputs, root, "cw", [CW | {"kappa": 0}, CW | {"kappa": 1}], network(NAMES[0]), checkpoints)
    made = attack(*job)
    undisturbed = made.read_bytes()
    assert not list(made.parent.rglob("state/*"))
    made.unlink()
    known, calls = cw.cw, []

    def dying(model: nn.Module, *rest: Any, **arguments: Any) -> Any:
        calls.append(arguments["kappa"])
        if len(calls) == 5:  # in the second budget, after one of three batches
            raise KeyboardInterrupt
        return known(model, *rest, **arguments)

    monkeypatch.setattr(cw, "cw", dying)
    with pytest.raises(SystemExit):
        attack(*job)
    assert not made.exists()
    assert len(list(made.parent.rglob("state/*"))) == 2
    attack(*job)
    assert calls == [0, 0, 0, 1, 1, 1, 1]
    assert made.read_bytes() == undisturbed
    assert not list(made.parent.rglob("state/*"))


@pytest.mark.parametrize("targeted", [False, True])
def test_bounds_that_the_steps_cannot_reach_are_one_attack(
    inputs: SimpleNamespace, root: Path, targeted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[float] = []
    plain = advdrop.learn_tables

    def counted(*arguments: Any, **how: Any) -> Any:
        learnt.append(how["bound"])
        return plain(*arguments, **how)

    monkeypatch.setattr(advdrop, "learn_tables", counted)
    shared = {"variant": "paper", "steps": 6, "table_step": 0.5, "targeted": targeted}
    bounds = [2, 3, 40]
    budgets = [shared | {"bound": bound} for bound in bounds]
    source, checkpoints = network(NAMES[0]), [str(inputs.folder / f"{NAMES[0]}.safetensors")]
    together = load_file(attack(inputs, root, "advdrop", budgets, source, checkpoints))
    assert set(learnt) in ({2, 3}, {2, 40})
    for budget in budgets:
        alone = load_file(attack(inputs, root, "advdrop", [budget], source, checkpoints))
        assert all(torch.equal(together[name], tensor) for name, tensor in alone.items())
