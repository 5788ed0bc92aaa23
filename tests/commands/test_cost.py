"""What a run will cost: each network and set of the tables once, ensembles' members, steps of attacks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from refusing import DEFECTIVE, DEMO

from lacuna.config.load import load
from lacuna.cost import Cost, estimate, table, work_of
from lacuna.language.attacks import attack_code
from lacuna.language.models import ARCHITECTURES
from lacuna.plan.plan import Plan
from lacuna.plan.stages.attack import OTHERS
from lacuna.plan.stages.train import MEMORY

if TYPE_CHECKING:
    from projects import Project

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
DATASET, IMAGES, TRAIN = "fashion-mnist-subset", 500, 10_000
SECONDS = {"resnet18": 40, "resnet34": 45, "resnet50": 50, "densenet121": 60, "senet18": 70, "vgg19": 80, "wrn32": 90}
EPOCHS = 4
THROUGHPUT = {arch: EPOCHS * TRAIN * (28 / 32) ** 2 / seconds for arch, seconds in SECONDS.items()}
DATA = (TRAIN + 2000) * (28 * 28 + 8)  # bytes of the images and labels of both splits


@pytest.fixture
def cost_of(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Cost]:
    """The cost of tables where nothing is there yet, with throughput and epochs that tests know."""
    monkeypatch.chdir(tmp_path)

    def scale(content: Any) -> None:
        content["throughput"] = THROUGHPUT
        content["recipes"][DATASET].pop("epochs_of", None)
        content["recipes"][DATASET]["epochs"] = EPOCHS

    project.edit(DEMO, scale)

    def ask(*tables: str, change: Callable[[Any], None] = lambda _: None) -> Cost:
        project.edit(DEFECTIVE, change)
        return estimate(Plan(project.load()), tables)

    return ask


def attack_seconds(arch: str, passes: int, images: int = IMAGES) -> float:
    """A pass of an attack costs about what a pass of a training does."""
    return SECONDS[arch] / (EPOCHS * TRAIN) * images * passes


def only(table: str, rows: int, columns: int = 1) -> Callable[[Any], None]:
    """Cuts a table to its first rows and columns."""

    def change(content: Any) -> None:
        for part, count in (("rows", rows), ("columns", columns)):
            content["tables"][table][part] = content["tables"][table][part][:count]

    return change


def test_a_network_costs_its_seconds_and_an_attack_its_passes(cost_of: Callable[..., Cost]) -> None:
    cost = cost_of("table9", change=only("table9", 1))  # ResNet-18 s1, the five sources, and their five sets of PGD
    sources = ("resnet18", "resnet50", "densenet121", "senet18", "vgg19")
    assert (cost.trainings, cost.attacks) == (6, 5)
    trained = SECONDS["resnet18"] + sum(SECONDS[arch] for arch in sources)
    assert cost.seconds == pytest.approx(trained + sum(attack_seconds(arch, 20) for arch in sources))
    weights = 4 * (ARCHITECTURES["resnet18"].parameters + sum(ARCHITECTURES[arch].parameters for arch in sources)) / 64
    assert cost.bytes == pytest.approx(DATA + weights + 5 * IMAGES * 28 * 28)


def test_networks_that_only_decide_a_selection_cost_too(cost_of: Callable[..., Cost]) -> None:
    cost = cost_of("defective-pgd-grid", change=only("defective-pgd-grid", 1))  # one source, selected by five networks
    assert (cost.trainings, cost.attacks) == (1 + 5, 1)


def test_an_ensemble_costs_each_of_its_members(cost_of: Callable[..., Cost]) -> None:
    def change(content: Any) -> None:
        only("table6", 1)(content)
        content["suites"]["ensembles"]["sources"] = ["ensemble-except-resnet18"]
        content["selections"]["transfer"]["sources"] = content["ensembles"]["ensemble-except-resnet18"]

    cost = cost_of("table6", change=change)
    members = ("resnet50", "densenet121", "senet18", "vgg19")
    assert (cost.trainings, cost.attacks) == (5, 1)
    trained = SECONDS["resnet18"] + sum(SECONDS[arch] for arch in members)
    assert cost.seconds == pytest.approx(trained + sum(attack_seconds(arch, 7) for arch in members))


def test_an_ensemble_of_rows_is_trained_once_per_member(cost_of: Callable[..., Cost]) -> None:
    def change(content: Any) -> None:
        del content["figures"]["defective-figure5"]  # wants the attacks that go
        table = content["tables"]["table12"]
        table["rows"] = [row for row in table["rows"] if row["model"] == "ensemble-resnet18"]
        table["columns"] = [column for column in table["columns"] if column["metric"] == "test_accuracy"]

    cost = cost_of("table12", change=change)
    assert (cost.trainings, cost.attacks, cost.seconds) == (5, 0, 5 * SECONDS["resnet18"])


@pytest.mark.parametrize(
    ("model", "passes"),
    [
        ("resnet18-standard-s1", 1),
        ("resnet18-ls-s1", 1),
        ("resnet18-at-s1", 8),
        ("resnet18-th16-s1", 8),
        ("resnet18x2-bottom0.5-standard-s1m1", 2),
        ("resnet18x2-bottom0.5-at-s1m1", 16),
        ("wrn32-at-s1", 8),
    ],
)
def test_adversarial_training_costs_a_pass_more_per_step(root: Path, model: str, passes: int) -> None:
    plan = Plan(load(root, CHOSEN))
    plain = f"{model.partition('-')[0].removesuffix('x2')}-standard-s1"
    assert plan.networks.seconds(DATASET, model) == pytest.approx(passes * plan.networks.seconds(DATASET, plain))


@pytest.mark.parametrize(
    ("method", "budget", "passes"),
    [
        ("fgsm", {"epsilon": "4/255"}, 1),
        ("pgd", {"epsilon": "8/255", "step": "2/255", "steps": 5, "random_start": True, "restarts": 3}, 15),
        ("apgd_t", {"epsilon": "8/255", "steps": 5, "targets": 4, "restarts": 2}, 40),
        ("square", {"epsilon": "8/255", "queries": 300}, 300),
        (
            "cw",
            {"kappa": 1, "steps": 10, "binary_search_steps": 4, "learning_rate": 0.1, "initial_const": 1},
            40,
        ),
    ],
)
def test_passes_count_steps_restarts_searches_and_queries(
    cost_of: Callable[..., Cost], method: str, budget: dict[str, Any], passes: int
) -> None:
    def change(content: Any) -> None:
        content["attacks"]["pgd8_all"] |= {"method": method, "budgets": [budget]}
        table = content["tables"]["defective-at"]
        table["rows"] = [{"row": "ResNet-18", "model": "resnet18-standard-s1"}]
        table["columns"] = [table["columns"][0] | {"attack": attack_code(method, budget)}]

    cost = cost_of("defective-at", change=change)
    assert (cost.trainings, cost.attacks) == (1, 1)
    assert cost.seconds == pytest.approx(SECONDS["resnet18"] + attack_seconds("resnet18", passes, 2000))


def test_sets_without_a_network_cost_disk_and_no_time(cost_of: Callable[..., Cost]) -> None:
    cost = cost_of("defective-noise", change=only("defective-noise", 4))
    assert (cost.trainings, cost.attacks, cost.seconds) == (4, 1, 4 * SECONDS["resnet18"])
    weights = 4 * 4 * ARCHITECTURES["resnet18"].parameters / 64
    assert cost.bytes == pytest.approx(DATA + weights + 10 * IMAGES * 28 * 28)


def brought(content: Any) -> None:
    """Table 9's first column with a target, a source and an attack of the user's own."""
    only("table9", 1)(content)
    content["networks"] = {"own-net": {"factory": "torchvision.models:alexnet", "checkpoint": "net.pth"}}
    row = content["tables"]["table9"]["rows"][0]
    suite = row.get("suite") or content["tables"]["table9"]["columns"][0]["suite"]
    content["suites"][suite]["sources"] = [*content["suites"][suite]["sources"], "own-net"]
    content["selections"]["transfer"]["sources"] += ["own-net"]


def test_what_code_of_the_users_own_takes_is_said_not_to_be_known(cost_of: Callable[..., Cost]) -> None:
    plain, own = cost_of("table9", change=only("table9", 1)), cost_of("table9", change=brought)
    assert (plain.unforetold, own.unforetold) == (0, 1)
    assert own.attacks == plain.attacks + 1
    assert own.seconds == plain.seconds
    assert "not known" not in str(plain)
    unknown = f"about {own.seconds / 3600:.1f} hours on one device (your own code takes more in 1 of them;"
    assert unknown in str(own)


def test_memory_is_that_of_the_largest_job_and_grows_with_the_images_an_attack_makes(root: Path) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": "paper"}))
    assert estimate(plan, ["table8"], True).memory == MEMORY, "small images"
    budgets, images = len(plan.lookup.attack("shuffle")["budgets"]), 50_000 * 3 * 224 * 224 / 1e9
    asked = plan.stages["attack"].memory("imagenet", "shuffle", "none")
    assert asked - OTHERS == pytest.approx((1 + max(4, 2 * budgets)) * images)
    assert estimate(plan, ["table1"], True).memory == asked > MEMORY


def test_certifying_costs_a_third_of_a_step_for_every_draw_on_every_image_and_set(root: Path) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": "paper"}))
    suite, target = "dual_smooth25", "resnet34-noise25-s0--smooth25"  # one budget each of PGD and dual, on 500 images
    draws = (1 + 2 * 2 / 3) * 500 * (100 + 100_000)  # two sets whose answers need no radius
    step = plan.networks.pass_seconds("imagenet10", "resnet34-noise25-s0")
    assert plan.stages["evaluate"].seconds("imagenet10", suite, target) == pytest.approx(draws * step / 3)
    assert plan.stages["evaluate"].seconds("imagenet10", "dual_l2", "resnet34-clean-s0") == 0
    assert estimate(plan, ["dual-smoothing"], True).seconds > 3 * draws * step / 3


def test_the_profile_asks_for_the_memory_that_the_list_names(root: Path) -> None:
    text = (root / "slurm/profile.yaml").read_text()
    assert {'mem_mb="attempt * 4000"', 'mem_mb="attempt * 8000"'} == set(re.findall(r'mem_mb="[^"]*"', text))
    assert (MEMORY, OTHERS) == (12, 8)
    said = re.findall(r'^ +(?:attack|\?"train_".*?): (.*)$', text, re.M)
    assert len(said) == 2
    assert not [one for one in said if "mem_mb" in one], "it would win over the rule's"


def test_the_handbook_lists_what_every_table_takes_at_the_papers_scale(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where this fails: `python -m lacuna.cost --scale paper`, without its last column, into docs/operations.md."""
    plan = Plan(load(root, CHOSEN | {"scale": "paper"}))
    monkeypatch.chdir(tmp_path)
    said = [line.split() for line in (root / "docs/operations.md").read_text().splitlines()]
    for line in table(plan)[1:-1]:
        assert line.split()[:-1] in said, line


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_the_cost_counts_what_the_plan_makes_each_once(
    root: Path, scale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": scale}))
    monkeypatch.chdir(tmp_path)
    stages = [a.stage for a in plan.inventory.artefacts() if not a.path.endswith(".history.csv")]
    cost = estimate(plan, [*plan.lookup.tables, *plan.lookup.figures])
    assert (cost.trainings, cost.attacks) == (stages.count("train"), stages.count("attack"))
    assert vars(estimate(plan, [*plan.lookup.tables, *plan.lookup.figures, *plan.lookup.tables])) == vars(cost)


def test_every_job_of_a_run_has_its_name_and_the_seconds_of_its_stage(root: Path) -> None:
    plan = Plan(load(root, CHOSEN))
    place = {"dataset": DATASET, "model": "resnet18-standard-s1"}
    train = work_of(plan, "train_resnet18", place)
    assert (train.name, train.known) == ("train resnet18-standard-s1", True)
    assert train.seconds == plan.stages["train"].seconds(**place) > 0
    for artefact in plan.inventory.artefacts():
        work = work_of(plan, artefact.stage, artefact.wildcards)
        assert work.name.startswith(artefact.stage)
        assert work.seconds == plan.stages[artefact.stage].seconds(**artefact.wildcards)
    for rule, wildcards in (("publish_table", {"exhibit": "table3"}), ("code_train", {}), ("all", {})):
        assert work_of(plan, rule, wildcards).seconds == 0


def test_what_is_there_costs_nothing(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan(load(root, CHOSEN))
    monkeypatch.chdir(tmp_path)
    for artefact in plan.inventory.artefacts("table4"):
        Path(artefact.path).parent.mkdir(parents=True, exist_ok=True)
        Path(artefact.path).touch()
    assert estimate(plan, ["table4"]) == Cost()
    assert str(estimate(plan, ["table4"])) == "Cost: the files of every training and attack are there."
    assert estimate(plan, ["table4", "table10"]).trainings == 2


def test_the_list_has_every_table_what_is_missing_and_how_long_what_was_made_took(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(load(root, CHOSEN))
    monkeypatch.chdir(tmp_path)
    lines = table(plan)
    assert [line.split()[0] for line in lines[1:-2]] == list(plan.lookup.tables)
    assert all(line.split()[-4] == line.split()[-1] for line in lines[1:-1]), "all is missing"
    together = estimate(plan, plan.lookup.tables)
    assert lines[-2].split()[-6:-4] == [str(together.trainings), str(together.attacks)]
    assert lines[-1].endswith("no training was made here to compare.")

    artefacts = [
        a for a in plan.inventory.artefacts("table9") if a.stage == "train" and a.path.endswith(".safetensors")
    ]
    for artefact in artefacts:
        seconds = 3 * plan.networks.seconds(DATASET, Path(artefact.path).stem)
        Path(artefact.path).parent.mkdir(parents=True, exist_ok=True)
        Path(artefact.path).touch()
        Path(f"{artefact.path}.prov.json").write_text(json.dumps({"volatile": {"seconds": seconds}}))
    Path(f"{artefacts[0].path}.prov.json").write_text("{")
    (line,) = [line for line in table(plan) if line.startswith("table9 ")]
    attacks = estimate(plan, ["table9"]).seconds / 3600
    assert line.split()[2] == str(len(artefacts))
    assert float(line.split()[-1]) == pytest.approx(attacks, abs=0.05)
    assert table(plan)[-1].endswith("trainings made here took 3.00 times as long.")


@pytest.mark.parametrize(("free", "short"), [(5e9, ""), (2e9, ""), (1.5e9, "0.50 GB too few"), (0, "2.00 GB too few")])
def test_a_disk_with_too_little_room_is_said_before_the_first_job(
    free: float, short: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free if folder == tmp_path else -1))
    said = Cost(trainings=1, bytes=2e9).shortage(tmp_path / "results/not/there")
    assert short in said
    assert bool(short) == bool(said)
