"""Budgets that are well formed and cannot be, of each method: refused with numbers that work."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
import torch
from refusing import BUDGET, DEFECTIVE, Change, refusal
from torch import Tensor, nn

from lacuna.attacks.fgsm import fgsm
from lacuna.attacks.jsma import jsma
from lacuna.attacks.pgd import pgd
from lacuna.language.attacks import METHODS
from lacuna.language.methods import HALF_A_LEVEL
from lacuna.numerics.images import to_bytes

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)

CW = {"steps": 50, "learning_rate": 0.1, "kappa": 0}
L2 = {"epsilon_l2": 2, "steps": 40}
DROP = {"variant": "paper", "bound": 20, "steps": 50}
CODE = DROP | {"variant": "released_code"}
REGIONS = {"epsilon_foreground": "4/255", "epsilon_background": "20/255", "weight": 0, "steps": 20}
WALK = {"steps": 100, "spherical_step": 0.1, "source_step": 0.1, "step_adaptation": 1.5}


def budget(method: str, **numbers: Any) -> Change:
    """Another method and budget for the attack of Table 3."""

    def change(content: Any) -> None:
        content["attacks"]["pgd16"] = {"method": method, "selection": "transfer", "budgets": [numbers]}
        for column in content["tables"]["table3"]["columns"]:
            column.pop("attack", None)

    return change


def steps(**numbers: Any) -> Change:
    return budget("pgd", **{"epsilon": "16/255", "step": "1/255", "steps": 20, **numbers})


BUDGETS: list[tuple[Change, str, str]] = [
    (steps(steps=15), "steps", "at least 16, or a step of at least 1.0667/255, to reach 16/255"),
    (steps(step="0.1/255"), "steps", "at least 160, or a step of at least 0.8/255"),
    (steps(epsilon="1", step="0.01", steps=7), "steps", "at least 100, or a step of at least 36.4286/255"),
    (steps(step="33/255"), "step", "at most 32/255"),
    (steps(epsilon="0.4/255", step="0.1/255"), "epsilon", "changes no image that is saved with 8 bits"),
    (budget("fgsm", epsilon="0.001"), "epsilon", "at least 0.5/255"),
    (budget("apgd_ce", epsilon="0.49/255", steps=20), "epsilon", "at least 0.5/255"),
    (
        budget("dual", **REGIONS | {"epsilon_foreground": "0", "epsilon_background": "0"}),
        REGION := "epsilon_background",
        "0",
    ),
    (budget("dual", **REGIONS | {"epsilon_foreground": "0", "epsilon_background": "0.2/255"}), REGION, "0.5/255"),
    (
        budget("dual_l2", **REGIONS | {"epsilon_foreground": 0, "epsilon_background": 0}),
        REGION,
        "above 0, or epsilon_foreground above 0",
    ),
    (budget("pgd_l2", **L2, step_scale=0.9), "step_scale", "at least 1"),
    (budget("pgd_l2", **L2, samples=4), "samples", "with noise"),
    (
        budget("dual_l2", **REGIONS | {"epsilon_foreground": 2, "epsilon_background": 20}, equal_density=True),
        "equal_density",
        "with swapped",
    ),
    (budget("pgd_l2", **L2, noise=25, samples=4), "noise", "at most 1"),
    (budget("pgd_l2", **L2 | {"epsilon_l2": 29}), "epsilon_l2", "at most 28"),
    (budget("pgd_l2", **L2 | {"epsilon_l2": 389}, reference=150528), "epsilon_l2", "at most 387.97"),
    (budget("pgd_l2", **L2 | {"epsilon_l2": 0.02}, reference=150528), "epsilon_l2", "at least 0.02717"),
    (budget("mifgsm", epsilon="16/255", step="1/255", steps=10), "steps", "at least 16, or a step of at least 1.6/255"),
    (budget("mifgsm", epsilon="16/255", step="1/255", steps=20, decay=10), "decay", "at most 2"),
    (budget("cw", **CW, binary_search_steps=40, initial_const=1), "binary_search_steps", "at most 39"),
    (budget("cw", **CW, binary_search_steps=9, initial_const=1e35), "binary_search_steps", "at most 4"),
    (budget("boundary", **WALK | {"source_step": 1}), "source_step", "below 1"),
    (budget("boundary", **WALK | {"source_step": 1e-8}), "source_step", "from 1e-7"),
    (budget("boundary", **WALK | {"spherical_step": 5}), "spherical_step", "below 1"),
    (budget("boundary", **WALK | {"step_adaptation": 1e9}), "step_adaptation", "at most 10"),
    (budget("advdrop", **DROP, table_step=21), "table_step", "at most 20, the width of the box that bound 20 gives"),
    (budget("advdrop", **CODE, table_step=16), "table_step", "at most 15, the width"),
    (budget("jsma", gamma=0.001), "gamma", "at least 0.002552, a pair of pixels"),
    (budget("jsma", gamma=0.05, theta=0.001), "theta", "from 1/510 to 1"),
    (budget("apgd_t", epsilon="8/255", steps=20, targets=10), "targets", "at most 9, the wrong classes"),
    (budget("lspga", epsilon="0.9/255", steps=7, logit_step=1), "epsilon", "at least 1/255"),
    (budget("gaussian", sigma="0.2/255"), "sigma", "at least 0.25/255"),
    (budget("square", epsilon="0.001", queries=10), "epsilon", "at least 0.5/255"),
    (budget("shuffle", k=29, pad=True), "k", "at most 28"),
    (budget("os.path:join", epsilon="0.3/255"), "epsilon", "at least 0.5/255"),
]


def sourceless(content: Any) -> None:
    """For attacks without a network: the suite's sets are of none, and columns say so."""
    content["suites"]["pgd16"]["sources"] = ["none"]
    content["tables"]["table3"]["columns"] = [
        column | {"source": "none"} for column in content["tables"]["table3"]["columns"][:1]
    ]


@pytest.mark.parametrize(
    ("change", "key", "says"), BUDGETS, ids=[f"{i}-{key}" for i, (_, key, _) in enumerate(BUDGETS)]
)
def test_a_budget_that_cannot_be_is_refused_with_one_that_can(
    table3: Project, change: Change, key: str, says: str
) -> None:
    table3.edit(DEFECTIVE, change)
    if key in ("sigma", "k"):
        table3.edit(DEFECTIVE, sourceless)
    sentence = refusal(table3)
    assert sentence.startswith(f"{DEFECTIVE}, key {BUDGET}.{key}: "), sentence
    assert says in sentence


def test_too_few_classes_ask_for_another_method(table3: Project) -> None:
    table3.edit(DEFECTIVE, budget("apgd_t", epsilon="8/255", steps=20))
    table3.edit("config/datasets.yaml", lambda c: c["fashion-mnist-subset"].update(classes=["a", "b", "c"]))
    assert "key attacks.pgd16.method: apgd_t is not allowed for the images of" in refusal(table3)


def trained(**attack: Any) -> Change:
    """A row of Table 3 that is adversarially trained."""

    def change(content: Any) -> None:
        content["trainings"]["mine"] = {"attack": attack}
        content["tables"]["table3"]["rows"][0]["model"] = "resnet18-mine-s1"

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            trained(method="pgd", epsilon="8/255", step="2/255", steps=3),
            "attack.steps: 3 is not allowed; allowed: at least 4",
        ),
        (
            trained(method="pgd", epsilon="8/255", step="20/255", steps=3),
            "attack.step: 20/255 is not allowed; allowed: at most 16/255",
        ),
        (trained(method="pgd_l2", epsilon_l2=30, steps=7), "attack.epsilon_l2 30 is not allowed; allowed: at most 28"),
        (trained(method="pgd_l2", epsilon_l2=2, steps=7, step_scale=0.5), "attack.step_scale: 0.5 is not allowed"),
    ],
)
def test_adversarial_training_is_held_to_the_same(table3: Project, change: Change, says: str) -> None:
    table3.edit(DEFECTIVE, change)
    assert says in refusal(table3)


def test_training_may_change_images_by_less_than_a_level(table3: Project) -> None:
    """They are not saved."""
    table3.edit(DEFECTIVE, trained(method="pgd", epsilon="0.3/255", step="0.1/255", steps=7))
    table3.load()


@pytest.mark.parametrize("seed", range(60))
def test_what_a_refused_budget_is_told_is_taken_and_reaches_the_edge(seed: int) -> None:
    draw, method = random.Random(seed), METHODS["pgd"]
    epsilon, step = (Fraction(draw.randint(1, 600), 600) for _ in range(2))
    given: dict[str, Any] = {"epsilon": str(epsilon), "step": str(step), "steps": draw.randint(1, 60)}
    refused = method.refuse(given)
    if refused and refused[0] == "steps":
        words = refused[1].replace(",", "").split()
        assert method.refuse(given | {"steps": int(words[2])}) is None
        assert method.refuse(given | {"steps": int(words[2]) - 1}) is not None
        assert method.refuse(given | {"step": words[9]}) is None
    elif refused:
        assert step > 2 * epsilon
        assert method.refuse(given | {"step": refused[1].replace(",", "").split()[2]}) is None
    else:
        x = torch.full((1, 1, 2, 2), 0.5, dtype=torch.float64)
        sizes = {"epsilon": float(epsilon), "step": float(step), "steps": given["steps"]}
        made = pgd(Rising().eval(), x, torch.zeros(1, dtype=torch.int64), **sizes)
        torch.testing.assert_close(made, (x + float(epsilon)).clamp(max=1))


class Rising(nn.Module):
    """The loss of class 0, which it sees in every image, rises with every pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([300 - x.sum((1, 2, 3)), x.sum((1, 2, 3))], 1)


def test_a_change_of_half_a_level_is_seen_and_a_smaller_one_is_not() -> None:
    x = (torch.arange(256, dtype=torch.float64) / 255).view(1, 1, 16, 16)
    for epsilon, seen in ((float(HALF_A_LEVEL) * 0.999, False), (float(HALF_A_LEVEL) * 1.001, True)):
        made = fgsm(Rising().eval(), x, torch.zeros(1, dtype=torch.int64), epsilon=epsilon)
        assert torch.equal(to_bytes(made), to_bytes(x)) != seen


@pytest.mark.parametrize("side", [6, 9])
def test_the_smallest_share_of_pixels_that_is_allowed_changes_a_pair(side: int) -> None:
    x, labels = torch.full((2, 1, side, side), 0.2), torch.zeros(2, dtype=torch.int64)
    least = 2 / side**2
    changed = [
        (jsma(Rising().eval(), x, labels, gamma=share).images != x).flatten(1).sum(1).tolist()
        for share in (least * 0.99, least * 1.01)
    ]
    assert changed == [[0, 0], [2, 2]]


@pytest.mark.parametrize("constant", [1e-3, 1.0, 7.5, 3e37])
def test_the_constant_of_cw_stays_finite_for_as_many_searches_as_are_allowed(constant: float) -> None:
    given = {"steps": 1, "learning_rate": 0.1, "kappa": 0, "initial_const": constant, "binary_search_steps": 1000}
    refused = METHODS["cw"].refuse(given)
    assert refused is not None
    most = int(refused[1].replace(":", "").split()[2])
    assert METHODS["cw"].refuse(given | {"binary_search_steps": most}) is None
    grown = torch.tensor([constant * 10 ** (most - 1), constant * 10**most], dtype=torch.float64).float()
    assert grown.isfinite().tolist() == [True, False]
    assert METHODS["cw"].refuse(given | {"initial_const": 1e39}) == ("initial_const", "at most 3.40282e+38")
