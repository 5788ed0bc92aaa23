"""Metrics and plots of the user's own in a paper's file: what may stand there, and what is planned of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from refusing import DEFECTIVE, Change, put, refusal

from lacuna.errors import LacunaError
from lacuna.language.codes import metric_code
from lacuna.plan.plan import Plan
from lacuna.plan.references import refuse_missing_code
from lacuna.plan.stray_claims import find_stray

if TYPE_CHECKING:
    from pathlib import Path

    from projects import Project

T, F = "tables.table3", "figures.defective-table3"
ATTACKED = {"suite": "pgd16", "source": "resnet50-standard-s0"}
MINE = """
def kept(outcomes, least=0): ...
def bars(frame, axes, colour=None): ...
"""
PLOT = {"title": "a title", "plot": "mine:bars", "table": "table3"}


def column(**keys: Any) -> Change:
    """Another column of Table 3."""
    return lambda content: content["tables"]["table3"]["columns"].append({"column": "own", **keys})


def own(**keys: Any) -> Change:
    """Another column of Table 3, with a metric of the user's own."""
    return column(metric="mine:kept", **keys)


def drawn(**keys: Any) -> Change:
    """The figure of Table 3, drawn by the user; None takes a key away."""
    body = {key: value for key, value in {**PLOT, **keys}.items() if value is not None}
    return lambda content: content["figures"].update({"defective-table3": body})


def both(*changes: Change) -> Change:
    return lambda content: [change(content) for change in changes]


REFUSED: list[tuple[Change, str, str]] = [
    (column(metric="mine.kept"), f"{T}.columns[6].metric", "a measure, or module:function of your own"),
    (column(metric="mine:kept()"), f"{T}.columns[6].metric", "module:function of your own"),
    (column(metric="mine:kept:also"), f"{T}.columns[6].metric", "module:function of your own"),
    (column(metric="../mine:kept"), f"{T}.columns[6].metric", "module:function of your own"),
    (own(**ATTACKED, unit="meters"), f"{T}.columns[6].unit", "score, percent, decibel, bytes, colours"),
    (own(**ATTACKED, arguments={"least": [1]}), f"{T}.columns[6].arguments.least", "a number, a text, true, false"),
    (own(**ATTACKED, arguments=3), f"{T}.columns[6].arguments", "names with plain values"),
    (own(suite="pgd16"), f"{T}.columns[6].source", "metric mine:kept needs suite and source"),
    (
        own(source="resnet50-standard-s0"),
        f"{T}.columns[6].suite",
        "needs suite and source with source, or none of them",
    ),
    (own(attack="pgd16"), f"{T}.columns[6].suite", "needs suite and source with attack"),
    (own(ball="one"), f"{T}.columns[6].suite", "needs suite and source with ball"),
    (own(**ATTACKED, ball="one"), f"{T}.columns[6].ball", "is not for metric mine:kept; allowed with: adversarial_acc"),
    (own(suite="nosuch", source="x"), f"{T}.columns[6].suite", "'nosuch' is not known"),
    (own(**ATTACKED, attack="nosuch"), f"{T}.columns[6].attack", "'nosuch' is not known"),
    (column(metric="test_accuracy", unit="percent"), f"{T}.columns[6].unit", "metric test_accuracy takes none"),
    (column(metric="defense_rate", **ATTACKED, arguments={}), f"{T}.columns[6].arguments", "defense_rate takes none"),
    (put(f"{T}.rows[1].arguments", {"least": 1}), f"{T}.rows[1].arguments", "is not known; metric defense_rate takes"),
    (
        both(own(**ATTACKED), column(column="checked", metric="adversarial_accuracy", **ATTACKED, ball="one")),
        T,
        "its cells are accuracies that are checked; allowed: mine:kept in a table without ball and larger",
    ),
    (drawn(plot="mine.bars"), f"{F}.plot", "or module:function of your own"),
    (drawn(plot="heatmaps"), f"{F}.plot", "heatmap"),
    (drawn(table="table33"), f"{F}.table", "'table33' is not known"),
    (drawn(table=None), f"{F}.table", "is missing; required: table"),
    (drawn(height=0), f"{F}.height", "a number from 1 to 12"),
    (drawn(height="tall"), f"{F}.height", "a number from 1 to 12"),
    (drawn(arguments={"colour": {}}), f"{F}.arguments.colour", "a number, a text, true, false or null"),
    (drawn(arguments=["red"]), f"{F}.arguments", "names with plain values, for a plot of your own"),
    (drawn(rows=[]), f"{F}.rows", "is not known"),
    (drawn(plot="heatmap", height=3), f"{F}.height", "is not known"),
]


@pytest.mark.parametrize(
    ("change", "key", "says"), REFUSED, ids=[f"{i}-{key}" for i, (_, key, _) in enumerate(REFUSED)]
)
def test_a_mistake_is_one_sentence_with_its_place(table3: Project, change: Change, key: str, says: str) -> None:
    table3.edit(DEFECTIVE, change)
    sentence = refusal(table3)
    assert f"key {key}" in sentence
    assert says in sentence


@pytest.fixture
def home(table3: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project as the working directory, with a module of the user's."""
    monkeypatch.chdir(table3.root)
    monkeypatch.syspath_prepend(table3.root)
    (table3.root / "mine.py").write_text(MINE)
    (table3.root / "other.py").write_text(MINE)
    return table3.root


def plan_of(project: Project, *changes: Change, **chosen: Any) -> Plan:
    project.edit(DEFECTIVE, both(*changes))
    return Plan(project.load(**chosen))


@pytest.mark.usefixtures("home")
def test_cells_and_figures_that_use_it_wait_for_its_file_and_no_others(table3: Project) -> None:
    assert plan_of(table3).stages["cells"].own_code(dataset="fashion-mnist-subset", exhibit="table3") == []
    before = {one.path: one.settings for one in Plan(table3.load()).inventory.artefacts("table3")}
    plan = plan_of(
        table3, own(**ATTACKED, arguments={"least": 3}), own(column="more", **ATTACKED), drawn(plot="other:bars")
    )
    place = plan.lookup.wildcards_of("table3")
    assert plan.stages["cells"].own_code(**place) == ["mine.py"]
    assert plan.stages["claims"].own_code(dataset=place["dataset"], paper="defective") == ["mine.py"]
    assert plan.stages["figure"].own_code(**plan.lookup.wildcards_of("defective-table3")) == ["other.py"]
    after = {one.path: one.settings for one in plan.inventory.artefacts("table3")}
    assert [path for path in before if before[path] != after[path]] == [plan.published.table("table3")[-1]]
    cells = json.loads(after[plan.published.table("table3")[-1]])["cells"]
    assert [{*cell} & {"arguments", "unit"} for cell in cells[5:8]] == [set(), {"arguments", "unit"}, {"unit"}]
    assert {cell["unit"] for cell in cells[6:8]} == {"score"}


@pytest.mark.usefixtures("home")
def test_a_metric_of_clean_images_has_neither_suite_nor_source(table3: Project) -> None:
    cell = plan_of(table3, own(unit="percent")).lookup.cells("table3")[6]
    assert (cell.attack, cell.source, cell.metric, cell.unit) == ("none", "", "mine:kept", "percent")
    assert cell.origin.stage == "evaluate"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (own(**ATTACKED), ""),
        (
            column(metric="mine:keep", **ATTACKED),
            "tables.table3.columns, 'own', metric: 'mine:keep' cannot be imported",
        ),
        (column(metric="mein:kept", **ATTACKED), "there is no module 'mein'; closest: mine"),
        (put(f"{T}.rows[0].metric", "mine:kpt"), "tables.table3.rows, 'ResNet-18', metric: 'mine:kpt' cannot be"),
        (
            drawn(plot="mine:bar"),
            "key figures.defective-table3.plot: 'mine:bar' cannot be imported: mine.py has no 'bar'",
        ),
        (drawn(), ""),
    ],
)
def test_code_that_is_not_there_is_refused_while_planning(table3: Project, change: Change, says: str) -> None:
    config = plan_of(table3, change).config
    if not says:
        return refuse_missing_code(config)
    with pytest.raises(LacunaError) as refused:
        refuse_missing_code(config)
    assert says in str(refused.value)
    assert str(refused.value).startswith(f"{DEFECTIVE}, key ")
    return None


@pytest.mark.usefixtures("home")
def test_claims_name_a_metric_with_its_arguments(table3: Project) -> None:
    claim = {"text": "t", "section": "s", "stated": "yes", "share": 1, "margin": 0}
    code = "mine:kept(least=0.5)"

    def judged(metric: str) -> Change:
        block = {"left": {"metric": metric, "variant": "bottom"}, "relation": ">", "value": 3}
        return lambda content: content["claims"].update({"OWN01": {**claim, "compare": [block]}})

    for metric, stray in ((code, []), ("mine:kept*", []), ("mine:kept", ["mine:kept"])):
        table3.edit("config/claims/defective.yaml", judged(metric))
        plan = plan_of(table3, own(**ATTACKED, arguments={"least": 0.5}) if metric == code else both())
        found = [one.value for one in find_stray(plan, "defective", table3.root) if one.claim == "OWN01"]
        assert found == stray


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "m:f"),
        ({"b": 2, "a": "x"}, 'm:f(a="x", b=2)'),
        ({"on": True, "off": None}, "m:f(off=null, on=true)"),
        ({"t": "a\nb"}, 'm:f(t="a\\nb")'),
    ],
)
def test_the_code_of_a_metric_tells_its_arguments(arguments: dict[str, Any], code: str) -> None:
    assert metric_code({"metric": "m:f", "arguments": arguments}) == code
    assert metric_code({"metric": "defense_rate"}) == "defense_rate"
