"""Every mistake that only the whole paper can have is refused in one sentence: models, suites, tables and figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from refusing import DEFECTIVE, DEMO, Change, drop, put, refusal, sibling

from lacuna.errors import LacunaError
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

FIGURE, EXAMPLES, CURVES = "figures.defective-figure", "figures.defective-figure3", "figures.defective-figure14"
SHUFFLED, TRADEOFF = "figures.defective-figure2", "figures.defective-figure5"
NETWORKS, GREY = "ensembles.ensemble-resnet18", "suites.grey_box.sources[1]"
SOURCE, EXCEPT = "resnet18-standard-s0", "ensemble-except-resnet50"
ALSO_A_ROW = "is also a row; allowed: another network (another s<seed>), or self for a white box"
NOT_HERE = "is not allowed; allowed: a network"


def both(*changes: Change) -> Change:
    """Several changes of one file."""
    return lambda content: [change(content) for change in changes]


def column(table: str, i: int, **change: str) -> Change:
    """Changes a column of a table."""
    return lambda content: content["tables"][table]["columns"][i].update(change)


def made(plot: str, **body: Any) -> Change:
    """Another figure in the place of Figure 3."""
    return lambda content: content["figures"].update({"defective-figure3": {"title": "A title", "plot": plot, **body}})


NET = "resnet18-standard-s1"
ROW = [{"label": "a text", "attack": "mifgsm", "source": NET, "code": "mifgsm_e16_a1_t20"}]
AXES = {"panel": "noise", "x": "sigma", "y": "accuracy"}

# The columns: what is changed in the paper's file, the key that the sentence names, what it says.
REFUSED: list[tuple[Change, str, str]] = [
    # models: what may stand where
    (put(f"{NETWORKS}[0]", "self"), f"{NETWORKS}[0]", f"'self' {NOT_HERE}, own-<name>"),
    (put(f"{NETWORKS}[0]", "none"), f"{NETWORKS}[0]", f"'none' {NOT_HERE}"),
    (put(f"{NETWORKS}[0]", "ensemble-bottom0.5"), f"{NETWORKS}[0]", f"'ensemble-bottom0.5' {NOT_HERE}"),
    (put(f"{NETWORKS}[0]", "resnet18-nosuch-s1"), f"{NETWORKS}[0]", "unknown training 'nosuch'; allowed: standard, at"),
    (put(f"{NETWORKS}[0]", "own-nosuch"), f"{NETWORKS}[0]", "'own-nosuch' is not known"),
    (put("suites.ensembles.sources[0]", "ensemble-no"), "suites.ensembles.sources[0]", "'ensemble-no' is not known"),
    (put("selections.noise.sources[0]", "self"), "selections.noise.sources[0]", NOT_HERE),
    (put("selections.noise.sources[0]", "none"), "selections.noise.sources[0]", NOT_HERE),
    (put("tables.table10.rows[0].model", "self"), "tables.table10.rows[0].model", NOT_HERE),
    (put("tables.table10.rows[0].model", "none"), "tables.table10.rows[0].model", NOT_HERE),
    (put(f"{CURVES}.lines[0].model", "ensemble-bottom0.5"), f"{CURVES}.lines[0].model", NOT_HERE),
    (put(f"{CURVES}.lines[0].model", "own-net"), f"{CURVES}.lines[0].model", NOT_HERE),
    (put(f"{FIGURE}1.model", "ensemble-bottom0.5"), f"{FIGURE}1.model", NOT_HERE),
    (put(f"{FIGURE}8.model", "self"), f"{FIGURE}8.model", NOT_HERE),
    (put(f"{FIGURE}8.model", "resnet81-standard-s1"), f"{FIGURE}8.model", "unknown architecture 'resnet81'"),
    (put(f"{EXAMPLES}.rows[0].source", "self"), f"{EXAMPLES}.rows[0].source", NOT_HERE),
    (put(f"{SHUFFLED}.models", {"none": "x"}), f"{SHUFFLED}.models", NOT_HERE),
    (put("tables.table4.rows[1].model", "vgg19-sd-s1"), "tables.table4.rows[1].model", "no place in vgg19; allowed: r"),
    (
        put("tables.table4.rows[1].model", "senet18-db-s1"),
        "tables.table4.rows[1].model",
        "'db' has no place in senet18",
    ),
    # trainings
    (drop("trainings.at.attack.step"), "trainings.at.attack", "has epsilon, random_start, steps; pgd takes"),
    (put("trainings.at.attack.epsilon", "0"), "trainings.at.attack.epsilon", "above 0"),
    (put("trainings.at.attack.warmup", 0), "trainings.at.attack.warmup", "a number in (0, 1)"),
    (put("trainings.at.attack.warmup", 1), "trainings.at.attack.warmup", "a number in (0, 1)"),
    (put("trainings.th16.attack.step", "1/255"), "trainings.th16.attack", "lspga takes epsilon, steps, logit_step"),
    (put("trainings.at.attack.restarts", 5), "trainings.at.attack", "pgd takes epsilon, step, steps, random_start (op"),
    (put("trainings.at.attack.noise", 0.5), "trainings.at.attack.noise", "is not known"),
    (put("trainings.at.attack.method", "fgsm"), "trainings.at.attack.method", "lspga, pgd"),
    (put("trainings.sd", []), "trainings.sd", "allowed: how a training differs"),
    # selections
    (put("selections.white_box.sources", ["x"]), "selections.white_box", "right_on_source or all without them"),
    (put("selections.all_images.sources", ["x"]), "selections.all_images", "right_on_source or all without them"),
    (drop("selections.noise.sources"), "selections.noise", "right_on_all_sources with sources"),
    (put("attacks.noise.selection", "white_box"), "attacks.noise.selection", "gaussian has none of"),
    # suites
    (put("suites.noise.sources", ["resnet18-standard-s0"]), "suites.noise.sources[0]", "with gaussian; allowed: none"),
    (put("suites.noise.sources", ["self"]), "suites.noise.sources[0]", "'self' does not go with gaussian"),
    (put(GREY, "none"), GREY, "'none' does not go with pgd; allowed: networks"),
    (put("suites.noise.attacks", ["noise", "pgd16"]), "suites.noise.sources[0]", "'none' does not go with pgd"),
    (
        put("suites.ablation.attacks", ["pgd16", "pgd_grey"]),
        "suites.ablation.attacks",
        "'pgd_e16_a1_t20' is in the list twice",
    ),
    (put("suites.ablation.attacks", ["fgsm", "fgsm"]), "suites.ablation.attacks", "none twice"),
    (put("suites.ablation.attacks", []), "suites.ablation.attacks", "at least one name under attacks"),
    # tables
    (
        put("tables.table1.rows[0].pair", "resnet18-standard-s1"),
        "tables.table1.rows[0].pair",
        "bottom0.1-standard-s1m1",
    ),
    (put("tables.table1.rows[0].pair", "vgg19-standard-s1"), "tables.table1.rows[0].pair", "is not known"),
    (drop("tables.table1.rows[0].pair"), "tables.table1.rows[0].pair", "metric conditional_accuracy needs it"),
    (put("tables.table4.rows[0].defense", "blur"), "tables.table4.rows[0].defense", "'blur' is not known"),
    (put("tables.table4.dataset", "svhn"), "tables.table4.dataset", "'svhn' is not known; allowed: cifar10, imagenet"),
    (
        column("table10", 0, source="resnet18-standard-s1"),
        "tables.table10.columns[0].source",
        "not known; allowed: self",
    ),
    (put("tables.table3.rows[0].model", SOURCE), "tables.table3.columns[0].source", ALSO_A_ROW),
    (put("tables.table6.rows[0].model", SOURCE), "tables.table6.columns[1].source", f"'{EXCEPT}' {ALSO_A_ROW}"),
    (put("tables.table9.rows[0].model", EXCEPT), "tables.table9.columns[0].source", f"'{SOURCE}' {ALSO_A_ROW}"),
    (put("tables.table6.rows[0].model", EXCEPT), "tables.table6.columns[0].source", ALSO_A_ROW),
    (column("table3", 0, source="self"), "tables.table3.columns[0].source", "'self' is not known"),
    (
        column("table12", 0, attack="fgsm"),
        "tables.table12.columns[0].attack",
        "allowed: fgsm.eps16, fgsm.eps32, fgsm.eps8",
    ),
    (drop("tables.table12.columns[0].attack"), "tables.table12.columns[0].attack", "is missing; allowed: fgsm_e8"),
    (column("table2", 0, attack="pgd"), "tables.table2.columns[0].attack", "fgsm8_all, fgsm_e8, pgd8_all"),
    (
        drop("tables.table4.columns[0].source"),
        "tables.table4.columns[0].source",
        "boundary_score needs suite and source",
    ),
    (put("tables.table3.columns[5].source", "self"), "tables.table3.columns[5].source", "test_accuracy takes none"),
    *(
        (
            put("tables.table10.columns[0].column", name),
            "tables.table10.columns[0].column",
            "is a column of every table",
        )
        for name in ("target", "row", "dataset", "scale")
    ),
    *(
        (
            put(f"tables.table10.{kind}s[0].{kind}", name),
            f"tables.table10.{kind}s[0].{kind}",
            f"pandas reads '{name}' as a missing value",
        )
        for kind, name in (("column", "None"), ("column", "n/a"), ("row", "NA"), ("row", "nan"))
    ),
    # figures: a plot's own keys
    (put(f"{FIGURE}1.plot", "nosuch"), f"{FIGURE}1.plot", "allowed: attention, curves, denoise, diagram"),
    (drop(f"{FIGURE}4.table"), f"{FIGURE}4.table", "required: table"),
    (put(f"{FIGURE}4.dataset", "cifar10"), f"{FIGURE}4.dataset", "allowed: plot, table, title"),
    (drop(f"{TRADEOFF}.attack"), f"{TRADEOFF}.attack", "required: table, attack"),
    (drop(f"{FIGURE}1.model"), f"{FIGURE}1.model", "required: dataset, model"),
    (drop(f"{FIGURE}8.dataset"), f"{FIGURE}8.dataset", "required: dataset, model"),
    (drop(f"{CURVES}.lines"), f"{CURVES}.lines", "required: lines"),
    (put(f"{CURVES}.dataset", "mnist"), f"{CURVES}.dataset", "allowed: lines, plot, title"),
    (drop(f"{EXAMPLES}.rows"), f"{EXAMPLES}.rows", "required: dataset, rows"),
    (put(f"{EXAMPLES}.table", "table3"), f"{EXAMPLES}.table", "is not known; allowed: dataset, plot, rows, title"),
    (drop(f"{SHUFFLED}.models"), f"{SHUFFLED}.models", "required: dataset, suite, attack, models"),
    (put(f"{SHUFFLED}.models", {}), f"{SHUFFLED}.models", "models with a name each"),
    (made("dropped", dataset="cifar10"), f"{FIGURE}3.rows", "required: dataset, rows"),
    (made("attention", dataset="cifar10", rows=ROW), f"{FIGURE}3.model", "required: dataset, model, rows"),
    (made("denoise", dataset="cifar10", rows=ROW, model=NET), f"{FIGURE}3.defense", "dataset, model, defense, rows"),
    (made("pipeline", dataset="cifar10", rows=ROW * 2), f"{FIGURE}3.rows", "one row, of an AdvDrop attack"),
    (made("gradients", dataset="cifar10"), f"{FIGURE}3.models", "required: dataset, models"),
    (made("rounding", dataset="cifar10", alphas=[1]), f"{FIGURE}3.alphas[0]", "a number in (0, 1)"),
    (made("foregrounds", dataset="cifar10", model=NET), f"{FIGURE}3.model", "allowed: dataset, plot, title"),
    (made("sweep", table="table3"), f"{FIGURE}3.panels", "required: table, panels"),
    # figures: names that must exist
    (made("pipeline", dataset="cifar10", rows=ROW), f"{FIGURE}3.rows[0].attack", "'mifgsm' is not known"),
    (made("denoise", dataset="cifar10", rows=ROW, model=NET, defense="no"), f"{FIGURE}3.defense", "'no' is not known"),
    (made("sweep", table="table3", panels=[AXES]), f"{FIGURE}3.panels[0].panel", "'noise' is not known"),
    (put(f"{TRADEOFF}.table", "table99"), f"{TRADEOFF}.table", "'table99' is not known"),
    (put(f"{TRADEOFF}.attack", "pgd_e1_a1_t1"), f"{TRADEOFF}.attack", "allowed: cw40, "),
    (put(f"{FIGURE}1.dataset", "svhn"), f"{FIGURE}1.dataset", "'svhn' is not known"),
    (put(f"{CURVES}.lines[1].dataset", "svhn"), f"{CURVES}.lines[1].dataset", "'svhn' is not known"),
    (put(f"{EXAMPLES}.rows[1].attack", "nosuch"), f"{EXAMPLES}.rows[1].attack", "'nosuch' is not known"),
    (put(f"{EXAMPLES}.rows[1].budget", "eps8"), f"{EXAMPLES}.rows[1].budget", "'eps8' is not known; allowed: eps16"),
    (put(f"{EXAMPLES}.rows[1].source", "none"), f"{EXAMPLES}.rows[1].source", "does not go with mifgsm"),
    (
        put(f"{SHUFFLED}.suite", "pgd16"),
        f"{SHUFFLED}.suite",
        "'pgd16' is not known; allowed: advdrop_noise, cross_noise, noise",
    ),
    (put(f"{SHUFFLED}.attack", "stylised"), f"{SHUFFLED}.attack", "'stylised' is not known; allowed: shuffle"),
    (put(f"{SHUFFLED}.attack", "pgd16"), f"{SHUFFLED}.attack", "'pgd16' is not known; allowed: shuffle"),
    (sibling(f"{FIGURE}1", "table7"), "figures.table7", "is about cifar10, and the table of this name about mnist"),
]
# As above, but these changes are no mistake.
ALLOWED: list[Change] = [
    sibling("figures.defective-table3", "table3"),  # a figure may have its table's name
    column("table2", 0, attack="fgsm_e8"),  # the code in place of the attack's name
    put(f"{SHUFFLED}.models", {"ensemble-bottom0.1": "ensemble"}),
    put("selections.noise.sources[0]", "ensemble-bottom0.5"),
    put("tables.table10.rows[0].model", "ensemble-bottom0.5"),  # white box: on the ensemble itself
    put("attacks.noise.selection", "all_images"),
    both(put("ensembles.ensemble-resnet18", ["resnet18-sd-s1"]), put("tables.table4.rows[1].model", "wrn32-db-s7")),
]


@pytest.mark.parametrize(
    ("change", "key", "says"), REFUSED, ids=[f"{i}-{key}" for i, (_, key, _) in enumerate(REFUSED)]
)
def test_a_mistake_is_refused_with_its_place(project: Project, change: Change, key: str, says: str) -> None:
    project.edit(DEFECTIVE, change)
    sentence = refusal(project)
    assert sentence.startswith(DEFECTIVE)
    assert re.search(rf"key {re.escape(key)}(:| is missing| is not known)" if key else "", sentence), sentence
    assert says in sentence


@pytest.mark.parametrize("change", ALLOWED, ids=range(len(ALLOWED)))
def test_what_is_no_mistake_is_taken(project: Project, change: Change) -> None:
    project.edit(DEFECTIVE, change)
    Plan(project.load()).inventory.artefacts()


UNPADDED = [{"k": 2}, {"k": 4}, {"k": 8}]


@pytest.mark.parametrize("plot", ["foregrounds", "unsuspicious"])
def test_a_figure_of_foregrounds_needs_a_dataset_that_has_them(project: Project, plot: str) -> None:
    rows = {"rows": ROW} if plot == "unsuspicious" else {}
    project.edit("config/datasets.yaml", lambda content: content["fashion-mnist-subset"].pop("foreground", None))
    project.edit(DEFECTIVE, made(plot, dataset="cifar10", **rows))
    sentence = refusal(project)
    assert f"key {FIGURE}3.dataset: fashion-mnist-subset has no foreground" in sentence


# What a scale changes of attacks. The columns: the scale's entry, the key that the sentence names, what it says.
CHANGES: list[tuple[str, Any, str, str]] = [
    ("pgd61", {"budgets": [{}]}, "attacks", "that are allowed: pgd16, "),
    ("cw40", {"budgets": [{"kappa": 1}]}, "attacks.cw40.budgets[0]", "has kappa; cw takes steps"),
    ("cw40", {"method": "fgsm"}, "attacks.cw40.budgets[0]", "fgsm takes epsilon"),
    (
        "shuffle",
        {"budgets": UNPADDED},
        "attacks.shuffle.budgets[2].k",
        "the images of fashion-mnist-subset; allowed: a divisor of 28",
    ),
    ("square", {"budgets": [{"epsilon": "0", "queries": 5}]}, "attacks.square.budgets[0].epsilon", "above 0"),
    ("square", {"budget": []}, "attacks.square.budget", "allowed: keys that every budget of the attack gets"),
    ("square", {}, "attacks.square", "at least 1 entry"),
    (
        "square",
        {"selection": "transfer"},
        "attacks.square.selection",
        "allowed: budget, budgets, fold_batch_norm, method",
    ),
]


@pytest.mark.parametrize(("name", "entry", "key", "says"), CHANGES, ids=[f"{n}-{k}" for n, _, k, _ in CHANGES])
def test_a_mistake_in_a_scales_attacks_is_refused_with_the_scales_file(
    project: Project, name: str, entry: Any, key: str, says: str
) -> None:
    project.edit(DEMO, lambda content: content["attacks"].update({name: entry}))
    sentence = refusal(project)
    assert sentence.startswith(DEMO)
    assert f"key {key}" in sentence
    assert says in sentence


@pytest.mark.parametrize("budgets", [[], "many", [{"queries": 0}], [{"epsilon": 0.1}], [{"querries": 5}]], ids=str)
def test_budgets_of_a_scale_that_the_papers_schema_refuses_name_both_files(project: Project, budgets: Any) -> None:
    project.edit(DEMO, lambda content: content["attacks"]["square"].update(budgets=budgets))
    sentence = refusal(project)
    assert "attacks.square.budgets" in sentence
    assert DEMO in sentence


def test_budgets_that_are_wrong_in_the_paper_are_named_there_at_a_scale_that_changes_others(project: Project) -> None:
    project.edit(DEFECTIVE, drop("attacks.pgd16.budgets[0].steps"))
    assert refusal(project).startswith(f"{DEFECTIVE}, key attacks.pgd16.budgets[0]: ")


def test_a_scale_changes_budgets_and_nothing_else(project: Project) -> None:
    before = {scale: project.load(scale=scale).papers["defective"] for scale in ("demo", "paper")}
    changed = {name for name, body in before["demo"]["attacks"].items() if body != before["paper"]["attacks"][name]}
    assert changed == {"cw40", "cw20", "boundary", "square", "shuffle", "stylised", "shuffle_sure", "stylised_sure"}
    parts = before["demo"].keys() - {"attacks"}
    assert all(before["demo"][part] == before["paper"][part] for part in parts)
    project.edit(DEMO, drop("attacks"))
    with pytest.raises(LacunaError, match="a divisor of 28"):  # the paper's patches do not divide the demo's images
        project.load()
