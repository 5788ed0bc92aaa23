"""A network or a defense that draws, from its entry to the table; and what deterministic ones keep."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from stages import CELL, CLASSES, CODE, IMAGE, MODEL, Stages
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.outcomes import OUTCOME_COLUMNS
from lacuna.files.artefacts import Record, read_frame, read_tensors, stable_part, write_frame, write_tensors
from lacuna.files.contents import read_cells, read_outcomes
from lacuna.language.doubts import BROKEN, DEFENSE_DRAWS, NETWORK_DRAWS, NO_GRADIENT, STALLED
from lacuna.models.networks import adopted_network
from lacuna.numbers.cells import CELL_COLUMNS
from lacuna.reporting.tables.meanings import EXPLAINED

torch.set_num_threads(1)


class Drawing(nn.Module):
    """Answers from the brightness of an image, ``how``."""

    def __init__(self, how: str = "noisy") -> None:
        super().__init__()
        self.last, self.how = nn.Linear(1, CLASSES), how

    def forward(self, x: Tensor) -> Tensor:
        bright = x.mean((1, 2, 3))[:, None]
        if self.how == "noisy":
            bright = bright + 0.5 * torch.randn_like(bright)
        if self.how == "steep":  # an infinite slope at black
            bright = bright + (x - x.detach()).abs().sqrt().mean((1, 2, 3))[:, None]
        if self.how == "steps":
            bright = (8 * bright.detach()).round()
        answer: Tensor = self.last(bright)
        return answer


def jitter(x: Tensor) -> Tensor:
    """A defense that draws once for a batch, from numpy, and that lets gradients through."""
    return (x + np.random.default_rng(np.random.randint(2**31)).normal(0, 0.3)).clamp(0, 1)


def descends(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """An attack that follows the gradient the wrong way."""
    at = x.clone().requires_grad_()
    logits = model(at)
    (slope,) = torch.autograd.grad(nn.functional.cross_entropy(logits, labels, reduction="sum"), at)
    return (x - epsilon * slope.sign()).clamp(0, 1).detach()


def stays(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    return x


class Drawn(Stages):
    """The tiny problem with settings of its own for attacks, evaluations and cells."""

    more: dict[str, Any] = {}  # noqa: RUF012 (each test sets its own)
    defense: dict[str, Any] = {}  # noqa: RUF012
    through = False

    def attack(self) -> tuple[Any, Any, Any]:
        settings, inputs, outputs = super().attack()
        return settings | (self.more | self.defense if self.through else self.more), inputs, outputs

    def evaluate(self) -> tuple[Any, Any, Any]:
        settings, inputs, outputs = super().evaluate()
        settings["sets"][0]["source"] = MODEL
        return settings | self.more | self.defense, inputs, outputs

    def cells(self) -> tuple[Any, Any, Any]:
        settings, inputs, outputs = super().cells()
        [code] = self.budgets
        attacked = {"column": "attacked", "metric": "adversarial_accuracy", "attack": code, "source": MODEL}
        return settings | {"cells": [CELL, {**CELL, **attacked}]}, inputs, outputs


def run(folder: Path, how: str = "noisy", **fields: Any) -> Drawn:
    """All rules of the tiny problem on a network of the user's own, which is trained for nothing."""
    network = {"model": "own-drawing", "factory": "test_drawing:Drawing", "arguments": {"how": how}, "image": IMAGE}
    network |= {"classes": CLASSES, "mean": [0.0], "std": [1.0]}
    stages = Drawn(folder, network=network)
    for name, value in fields.items():
        setattr(stages, name, value)
    stages.begin()
    torch.manual_seed(0)
    body = Drawing(how)
    with torch.no_grad():
        body.last.weight[:], body.last.bias[:] = torch.tensor([[-8.0], [0], [8]]), torch.tensor([3.5, 1.5, -3.0])
    save_file(body.state_dict(), "own.safetensors")
    adopted = adopted_network(network, Path("own.safetensors"))
    write_tensors("train/net.safetensors", adopted.state_dict(), Record("adopt", json.dumps(network), []))
    for rule in ("dataset", "foreground", "select", "attack", "evaluate", "cells", "table"):
        stages.run(rule)
    return stages


def test_a_network_that_draws_is_asked_again_and_both_variances_are_in_the_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stages = run(tmp_path, more={"draws": 6})
    lines = read_outcomes("evaluate/pgd16/net.parquet")
    assert stable_part("evaluate/pgd16/net.parquet")["facts"] == {"format": 2}
    for column in ("clean", "adversarial"):
        answers = np.stack(lines[f"{column}_answers"].to_list())
        assert answers.shape == (len(lines), 6)
        assert (answers != answers[:, :1]).any()
        assert list(lines[column]) == [np.bincount(one).argmax() for one in answers]
    cells = read_cells("cells/table3.csv")
    assert list(cells["answers"]) == [6, 6]
    assert (cells["variance_images"] > 0).all()
    assert (cells["variance_answers"] > 0).all()
    clean = lines[lines["attack"] == "none"]
    right = np.stack(clean["clean_answers"].to_list()) == clean["label"].to_numpy()[:, None]
    assert cells["value"][0] == pytest.approx(100 * right.mean(), abs=1e-3)
    assert cells["n"][0] == 24
    assert stable_part("cells/table3.csv")["facts"] == {"format": 2}
    assert set(cells["flags"]) == {NETWORK_DRAWS}
    text = Path("table/table3.md").read_text()
    assert f"* {EXPLAINED}" in text.splitlines()
    assert "Where a target draws, an image counts by its share of 6 answers, and intervals cover both. " in text
    kept = {
        path: path.read_bytes() for path in map(Path, ("attack/pgd16/net.safetensors", "evaluate/pgd16/net.parquet"))
    }
    for rule in ("attack", "evaluate"):
        stages.run(rule)
    assert all(path.read_bytes() == before for path, before in kept.items())


def test_a_defense_that_draws_for_a_batch_is_attacked_through_its_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    defense = {"defense": {"function": "test_drawing:jitter"}}
    stages = run(tmp_path, "plain", more={"draws": 4}, defense=defense, through=True, batch=50)
    assert set(read_cells("cells/table3.csv")["flags"]) == {DEFENSE_DRAWS}
    answers = np.stack(read_outcomes("evaluate/pgd16/net.parquet")["clean_answers"].to_list())
    assert (answers != answers[:, :1]).any()
    through = Path("attack/pgd16/net.safetensors").read_bytes()
    stages.run("attack")
    assert Path("attack/pgd16/net.safetensors").read_bytes() == through  # numpy is seeded too


def test_of_a_network_that_does_not_draw_nothing_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "plain")
    assert not [name for name in read_tensors("attack/pgd16/net.safetensors") if "doubts" in name]
    assert list(read_frame("evaluate/pgd16/net.parquet")) == OUTCOME_COLUMNS
    assert list(read_frame("cells/table3.csv")) == CELL_COLUMNS
    assert stable_part("evaluate/pgd16/net.parquet")["facts"] == stable_part("cells/table3.csv")["facts"] == {}
    assert set(stable_part("attack/pgd16/net.safetensors")["facts"][CODE]) == {
        *("fooled_source_share", "largest_change", "median_distance", "valid_share")
    }
    assert EXPLAINED not in Path("table/table3.md").read_text()


OWN = {"own_x_e16": {"epsilon": "16/255"}}


@pytest.mark.parametrize(
    ("how", "method", "budgets", "flags"),
    [
        ("plain", "test_drawing:descends", OWN, {STALLED}),
        ("plain", "test_drawing:stays", OWN, {STALLED}),
        ("steps", "test_drawing:stays", OWN, {NO_GRADIENT, STALLED}),
        ("steep", "test_drawing:stays", OWN, {BROKEN, STALLED}),
    ],
)
def test_what_is_odd_about_gradients_and_losses_is_a_flag_of_the_attacked_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, method: str, budgets: dict[str, Any], flags: set[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path, how, method=method, budgets=budgets)
    cells = read_cells("cells/table3.csv").fillna({"flags": ""})
    assert cells["flags"][0] == ""
    assert set(cells["flags"][1].split("; ")) == flags
    text = Path("table/table3.md").read_text()
    assert all(f", {flag}: " in text for flag in flags)
    assert EXPLAINED in text


def test_files_of_a_later_format_or_with_odd_answers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"attack": "none", "source": "", "image": [0, 1], "label": 0, "clean": 0, "adversarial": 0})
    frame = frame.assign(source_clean=-1, source_adversarial=-1, source_flat=-1, valid=True, unrounded=-1)
    frame = frame.assign(distance=np.float32(0), distance_8bit=np.float32(0))
    even, uneven = ([np.array(one, np.int16) for one in answers] for answers in ([[0, 1], [0, 0]], [[0, 1], [0]]))
    for name, answers, facts, problem in (
        ("later", even, {"format": 3}, "has format 3; allowed: at most 2"),
        ("uneven", uneven, {"format": 2}, "'clean_answers' must hold lists of equally many whole numbers"),
        ("none", [None, None], {"format": 2}, "'clean_answers' must hold lists of equally many whole numbers"),
    ):
        write_frame(f"{name}.parquet", frame.assign(clean_answers=answers), Record("evaluate", "{}", facts=facts))
        with pytest.raises(LacunaError, match=problem):
            read_outcomes(f"{name}.parquet")
    write_frame("even.parquet", frame.assign(clean_answers=even), Record("evaluate", "{}", facts={"format": 2}))
    assert len(read_outcomes("even.parquet")) == 2
