"""What is allowed and doubtful: it is found on a few images, travels with files, and is a flag in every table."""

import json
import random
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from stages import CLASSES, IMAGE, Stages
from torch import Tensor, nn
from victims import images, small

from lacuna.attacks.core.own import own_attack
from lacuna.evaluation.defenses import defend
from lacuna.evaluation.doubts import mark_doubts
from lacuna.files.artefacts import Record, read_frame, read_tensors, write_tensors
from lacuna.foreign.parts import OwnNetwork
from lacuna.foreign.probes import doubts_as_tensors, doubts_in, doubts_of, repeats
from lacuna.language.attacks import loss_of
from lacuna.language.doubts import (
    ATTACK_DRAWS,
    BATCH,
    DEFENSE_DRAWS,
    DOUBTS,
    NETWORK_DRAWS,
    PROBABILITIES,
    STALLED,
    join_texts,
)
from lacuna.models.networks import adopted_network
from lacuna.numerics.images import to_bytes

torch.set_num_threads(1)
CALLS = count()
GENERATOR = torch.Generator().manual_seed(0)


class Head(nn.Module):
    """A small network, and after it whatever ``how`` does."""

    def __init__(self, how: str = "logits") -> None:
        super().__init__()
        self.body, self.how = small(3).float(), how

    def forward(self, x: Tensor) -> Tensor:
        return HEADS[self.how](self.body(x))


HEADS: dict[str, Any] = {
    "logits": lambda z: z,
    "log-softmax": lambda z: z.log_softmax(1),
    "large": lambda z: 1e6 * z,
    "softmax": lambda z: z.softmax(1),
    "sigmoid": lambda z: z.sigmoid(),
    "one-hot": lambda z: F.one_hot(z.argmax(1), 4).float(),
    "dropout": lambda z: F.dropout(z, 0.3),
    "own generator": lambda z: z + torch.randn(z.shape, generator=GENERATOR),
    "numpy": lambda z: z + torch.from_numpy(np.random.default_rng().normal(size=z.shape)).float(),
    "python": lambda z: z * (1 + random.random()),
    "random softmax": lambda z: F.dropout(z, 0.3).softmax(1),
    "centred": lambda z: z - z.mean(0),
    "rank": lambda z: z + torch.arange(len(z))[:, None],
}


@pytest.mark.parametrize(
    ("how", "doubts"),
    [
        ("logits", []),
        ("log-softmax", []),
        ("large", []),
        ("softmax", [PROBABILITIES]),
        ("sigmoid", [PROBABILITIES]),
        ("one-hot", [PROBABILITIES]),
        ("dropout", [NETWORK_DRAWS]),
        ("own generator", [NETWORK_DRAWS]),
        ("numpy", [NETWORK_DRAWS]),
        ("python", [NETWORK_DRAWS]),
        ("random softmax", [PROBABILITIES, NETWORK_DRAWS]),
        ("centred", [BATCH]),
        ("rank", [BATCH]),
    ],
)
def test_doubts_about_a_network(how: str, doubts: list[str]) -> None:
    random.seed(0), torch.manual_seed(0)
    model = nn.Sequential(OwnNetwork("own-mine", nn.Identity(), Head(how), 4)).eval()
    x = to_bytes(images(4, 40))
    assert doubts_of(x, model) == doubts
    assert BATCH not in doubts_of(x[:1], model)
    assert doubts_of(x, Head(how), None) == []


def test_a_look_moves_no_random_generator() -> None:
    def drawn() -> tuple[float, float, float]:
        return random.random(), float(np.random.random()), float(torch.rand(()))

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    before = drawn()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    doubts_of(to_bytes(images(4)), OwnNetwork("own-mine", nn.Identity(), Head("dropout"), 4))
    assert drawn() == before


def noisy(x: Tensor) -> Tensor:
    return (x + 0.1 * torch.randn_like(x)).clamp(0, 1)


def stretched(x: Tensor) -> Tensor:
    return x / x.max()


def halved(x: Tensor) -> Tensor:
    return x / 2


@pytest.mark.parametrize(
    ("function", "doubts"), [("noisy", [DEFENSE_DRAWS]), ("stretched", [BATCH]), ("halved", []), ("bits", [])]
)
def test_doubts_about_a_defense(function: str, doubts: list[str]) -> None:
    settings = {"function": f"test_foreign_doubts:{function}"}
    if function == "bits":
        settings = {"function": "lacuna.purify:bit_depth", "arguments": {"bits": 3}}  # type: ignore[dict-item]
    x = to_bytes(images(5, 9) * torch.linspace(0.1, 1, 9, dtype=torch.float64).view(-1, 1, 1, 1))
    assert doubts_of(x, defend(settings, small(0).float(), 0)) == doubts


def seeded(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """Draws from the generators that a job seeds, as attacks with random starts do."""
    noise = torch.rand_like(x) + np.random.random() + random.random()
    return (x + epsilon * (noise - 1.5) / 1.5).clamp(0, 1)


def entropic(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """Draws from the system's entropy."""
    noise = np.random.default_rng().uniform(-1, 1, x.shape)
    return (x + epsilon * torch.from_numpy(noise).to(x)).clamp(0, 1)


def counts(model: nn.Module, x: Tensor, labels: Tensor, *, epsilon: float) -> Tensor:
    """Differs by what happened before."""
    return (x + epsilon * (next(CALLS) % 2)).clamp(0, 1)


@pytest.mark.parametrize(("name", "alike"), [("seeded", True), ("entropic", False), ("counts", False)])
def test_an_attack_repeats_if_it_draws_from_seeded_generators(name: str, alike: bool) -> None:
    def seed() -> None:
        random.seed(3), np.random.seed(3), torch.manual_seed(3)

    attack, x = own_attack(f"test_foreign_doubts:{name}"), images(6)
    assert repeats(lambda: attack(small(0), x, torch.zeros(6), epsilon=0.1), seed) == alike


def test_doubts_come_back_from_a_sets_tensors() -> None:
    for found in ([], [PROBABILITIES], [NETWORK_DRAWS, ATTACK_DRAWS], list(DOUBTS)):
        assert doubts_in(doubts_as_tensors(found)) == found
    assert doubts_as_tensors([]) == {}


def test_lines_have_the_doubts_of_their_target_and_of_their_set() -> None:
    lines = pd.DataFrame({"attack": ["none", "fgsm_e8", "own_x_e8"], "source": ["", "a", "a"], "image": 0})
    marked = mark_doubts(lines, [PROBABILITIES], {("own_x_e8", "a"): [ATTACK_DRAWS, PROBABILITIES], ("z", "a"): []})
    assert list(marked["doubts"]) == [PROBABILITIES, PROBABILITIES, f"{PROBABILITIES}; {ATTACK_DRAWS}"]
    assert mark_doubts(lines, [], {("own_x_e8", "a"): []}) is lines
    assert join_texts(["a; b", "", "b; c"]) == "a; b; c"


@pytest.mark.parametrize(
    ("code", "loss"),
    [
        ("pgd_e16_a1_t20", "cross_entropy"),
        ("pgd_l2_e2_t7", "cross_entropy"),
        ("cw_k40", "margin"),
        ("square_e8", ""),
        ("none", ""),
        ("own_deepfool_e16", "cross_entropy"),
        ("cwx_e8", ""),
    ],
)
def test_a_code_says_what_its_attack_follows(code: str, loss: str) -> None:
    assert loss_of(code) == loss


# From jobs to tables -------------------------------------------------------------------------------------------


class Certain(nn.Module):
    """Probabilities of the three classes of the tiny problem, from the brightness of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(1, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x.mean((1, 2, 3))[:, None]).softmax(1)


def test_doubts_of_source_attack_and_target_reach_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = {"model": "own-certain", "factory": "test_foreign_doubts:Certain", "arguments": {}, "image": IMAGE}
    own |= {"classes": CLASSES, "mean": [0.0], "std": [1.0]}
    budgets = {"own_entropic_e16": {"epsilon": "16/255"}}
    stages = Stages(tmp_path, network=own, method="test_foreign_doubts:entropic", budgets=budgets)
    stages.begin()
    save_file(Certain().state_dict(), "own.safetensors")
    adopted = adopted_network(own, Path("own.safetensors"))
    write_tensors("train/net.safetensors", adopted.state_dict(), Record("adopt", json.dumps(own), []))
    for rule in ("dataset", "foreground", "select", "attack", "evaluate", "cells", "table"):
        stages.run(rule)
    assert doubts_in(read_tensors("attack/pgd16/net.safetensors")) == [PROBABILITIES, ATTACK_DRAWS]
    lines = read_frame("evaluate/pgd16/net.parquet")
    assert set(lines.loc[lines["attack"] == "none", "doubts"]) == {PROBABILITIES}
    [attacked] = set(lines.loc[lines["attack"] != "none", "doubts"])
    assert set(attacked.split("; ")) - {STALLED} == {PROBABILITIES, ATTACK_DRAWS}  # by chance noise raises no loss
    assert set(pd.read_csv("cells/table3.csv")["flags"]) == {PROBABILITIES}
    text = Path("table/table3.md").read_text()
    assert " **a** |" in text
    assert f"* **a**, {PROBABILITIES}: the network's answers lie in [0, 1]" in text
    latex = Path("table/table3.tex").read_text()
    assert r"\textsuperscript{a}" in latex
    assert f"Marks: a: {PROBABILITIES}." in latex
    assert "flags" not in Path("table/table3.csv").read_text()
