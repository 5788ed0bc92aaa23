"""What lines and budgets share is stated once and read in each of them: precedence, groups, mistakes, random tables."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from test_config import DEFECTIVE, Change, put, refusal

from lacuna.config.load import load
from lacuna.config.shared import SIDES, lines, written_out
from lacuna.errors import LacunaError

if TYPE_CHECKING:
    from pathlib import Path

    from projects import Project


def table(columns: list[Any], rows: list[Any] | None = None, /, **shared: Any) -> dict[str, Any]:
    """A table of these lines."""
    return {"title": "t", "columns": columns, "rows": rows or [{"row": "r"}]} | ({"shared": shared} if shared else {})


def read(body: dict[str, Any]) -> dict[str, Any]:
    """The table as everything but the file has it."""
    return written_out({"tables": {"t": body}, "attacks": {}})["tables"]["t"]


def test_a_line_s_own_key_wins_over_its_group_s_and_that_over_its_table_s() -> None:
    group = {
        "shared": {"suite": "b", "source": "b"},
        "columns": [{"column": "1"}, {"column": "2", "source": "c"}],
    }
    body = table([group, {"column": "3"}], columns={"metric": "a", "suite": "a", "source": "a"})
    assert read(body)["columns"] == [
        {"metric": "a", "suite": "b", "source": "b", "column": "1"},
        {"metric": "a", "suite": "b", "source": "c", "column": "2"},
        {"metric": "a", "suite": "a", "source": "a", "column": "3"},
    ]


def test_rows_share_too_and_columns_take_nothing_of_theirs() -> None:
    rows = [{"row": "1"}, {"shared": {"model": "n"}, "rows": [{"row": "2"}, {"row": "3", "model": "o"}]}]
    body = read(table([{"column": "c"}], rows, rows={"model": "m", "suite": "s"}))
    assert [(row["model"], row["suite"]) for row in body["rows"]] == [("m", "s"), ("n", "s"), ("o", "s")]
    assert body["columns"] == [{"column": "c"}]
    assert "shared" not in body


@pytest.mark.parametrize("metric", ["test_accuracy", "certified_accuracy", "gradient_roughness"])
def test_a_line_with_a_metric_of_clean_images_takes_no_attack(metric: str) -> None:
    of_attacks = {"suite": "s", "source": "self", "attack": "a", "ball": "b", "larger": "l"}
    shared = {"metric": "adversarial_accuracy", "model": "m", "panel": "p", **of_attacks}
    (column,) = read(table([{"column": "c", "metric": metric}], columns=shared))["columns"]
    assert column == {"column": "c", "metric": metric, "model": "m", "panel": "p"}
    (column,) = read(table([{"column": "c"}], columns=shared | {"metric": metric}))["columns"]
    assert column == {"column": "c", "metric": metric, "model": "m", "panel": "p"}


def test_budgets_take_what_they_do_not_state() -> None:
    attack = {"method": "m", "shared": {"steps": 5, "weight": 1}, "budgets": [{"epsilon": 1}, {"weight": 2}]}
    paper = written_out({"tables": {}, "attacks": {"a": attack, "b": {"budgets": [{}]}}, "title": "t"})
    budgets = [{"epsilon": 1, "steps": 5, "weight": 1}, {"steps": 5, "weight": 2}]
    attacks = {"a": {"method": "m", "budgets": budgets}, "b": {"budgets": [{}]}}
    assert paper == {"tables": {}, "attacks": attacks, "title": "t"}


def test_the_place_of_a_key_is_where_the_file_states_it() -> None:
    group = {"shared": {"suite": "b"}, "columns": [{"column": "1", "attack": "a"}]}
    (line,) = lines(table([group], columns={"source": "s"}), "columns")
    assert [line.where(key) for key in ("source", "suite", "attack", "metric")] == [
        "shared.columns.source",
        "columns[0].shared.suite",
        "columns[0].columns[0].attack",
        "columns[0].columns[0].metric",
    ]


KEYS = ("metric", "model", "defense", "suite", "source", "attack", "radius", "reference")
VALUES = ("test_accuracy", "adversarial_accuracy", "x", "y", "z")
OF_ATTACKS = {"suite", "source", "attack", "ball", "larger"}


def some(draw: random.Random, share: float) -> dict[str, Any]:
    """Some keys of a line with values."""
    return {key: draw.choice(VALUES) for key in KEYS if draw.random() < share}


def drawn(draw: random.Random, side: str) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Lines with groups among them, the same written out one by one, and what the table's lines share."""
    name, shared, stated, full = side[:-1], some(draw, 0.3), [], []
    for _ in range(draw.randint(1, 5)):
        group = draw.random() < 0.4
        inner = some(draw, 0.3) if group else {}
        members = [{name: str(draw.random()), **some(draw, 0.4)} for _ in range(draw.randint(1, 3) if group else 1)]
        stated += [{"shared": inner, side: members}] if group else members
        for own in members:
            line = dict(own)
            for outer in (inner, shared):
                for key, value in outer.items():
                    line.setdefault(key, value)
            if line.get("metric") == "test_accuracy":
                line = {key: value for key, value in line.items() if key not in OF_ATTACKS - own.keys()}
            full.append(line)
    return stated, full, shared


@pytest.mark.parametrize("seed", range(20))
def test_what_is_shared_is_the_same_as_written_out_in_every_line_of_200_random_tables(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(200):
        sides = {side: drawn(draw, side) for side in ("columns", "rows")}
        stated = table(*(sides[side][0] for side in sides), **{side: sides[side][2] for side in sides})
        before = repr(stated)
        full = {"title": "t"} | {side: sides[side][1] for side in sides}
        assert read(stated) == full
        assert read(full) == full, "written out once, nothing is left to do"
        assert repr(stated) == before, "the file's content is not changed"


def shared(*where: str, **keys: Any) -> Change:
    """Lets the columns, the rows or the budgets share keys."""

    def change(content: Any) -> None:
        inside = content["tables"]["table3"] if where[0] in SIDES else content["attacks"]["pgd16"]
        inside["shared"] = {where[0]: keys} if where[0] in SIDES else keys

    return change


def grouped(side: str, group: dict[str, Any]) -> Change:
    """Makes a group of the lines of Table 3."""

    def change(content: Any) -> None:
        lines_of = content["tables"]["table3"]
        lines_of[side] = [{**group, side: lines_of[side]}]

    return change


# A mistake in what is shared. The columns: what is changed in the paper's file, the key that is named, what is said.
TABLE, GROUP, NO_USE = "tables.table3.shared", "tables.table3.columns[0].shared", "has no use, since each"
COLUMNS, ROWS = "allowed: arguments, attack, ball", "allowed: arguments, attack, defense, metric, model"
MISTAKES: list[tuple[Change, str, str]] = [
    # keys that are not known, or cannot be shared
    (shared("columns", suit="pgd16"), f"{TABLE}.columns.suit", f"did you mean 'suite'?); {COLUMNS}"),
    (shared("columns", column="PGD"), f"{TABLE}.columns.column", f"is not known; {COLUMNS}"),
    (shared("columns", x=1), f"{TABLE}.columns.x", f"is not known; {COLUMNS}, defense, larger"),
    (shared("rows", panel="a"), f"{TABLE}.rows.panel", f"is not known; {ROWS}"),
    (shared("rows", pair="x"), f"{TABLE}.rows.pair", f"is not known; {ROWS}"),
    (shared("budgets", epsilom="1/255"), "attacks.pgd16.shared.epsilom", "is not known (did you mean 'epsilon'?)"),
    (grouped("columns", {"shared": {"suit": "a"}}), f"{GROUP}.suit", f"did you mean 'suite'?); {COLUMNS}"),
    (grouped("columns", {"share": {}}), "tables.table3.columns[0].share", "is not known (did you mean 'shared'?)"),
    (put("tables.table3.columns[0]", {"shared": {"suite": "a"}}), "tables.table3.columns[0].columns", "is missing"),
    (put(TABLE, {"suite": "pgd16"}), f"{TABLE}.suite", "is not known; allowed: columns, rows"),
    (put(TABLE, {"column": {}}), f"{TABLE}.column", "is not known (did you mean 'columns'?)"),
    # impossible values
    (shared("columns", metric="nosuch"), f"{TABLE}.columns.metric", "allowed: defense_rate"),
    (shared("columns"), f"{TABLE}.columns", "keys of columns that each of them has"),
    (shared("rows", radius=-1), f"{TABLE}.rows.radius", "at least 0"),
    (shared("budgets", restarts=0), "attacks.pgd16.shared.restarts", "at least 1"),
    (grouped("rows", {"shared": 3}), "tables.table3.rows[0].shared", "keys of rows that each of them has"),
    # names that must exist
    (shared("columns", defense="nosuch"), f"{TABLE}.columns.defense", "'nosuch' is not known; allowed: "),
    (shared("rows", suite="nosuch"), f"{TABLE}.rows.suite", "'nosuch' is not known; allowed: pgd16"),
    (grouped("columns", {"shared": {"attack": "no"}}), f"{GROUP}.attack", "is not known; allowed: pgd16, pgd_e16"),
    # keys that change nothing: every line states its own, or a row's key wins over the columns'
    (shared("columns", metric="defense_rate"), f"{TABLE}.columns.metric", f"{NO_USE} line states its own"),
    (shared("columns", model="resnet18-standard-s1"), f"{TABLE}.columns.model", f"{NO_USE} line states its own"),
    (shared("rows", model="resnet18-standard-s1"), f"{TABLE}.rows.model", f"{NO_USE} line states its own"),
    (shared("budgets", steps=20), "attacks.pgd16.shared.steps", f"{NO_USE} budget states its own"),
    (grouped("columns", {"shared": {"metric": "test_accuracy"}}), f"{GROUP}.metric", f"{NO_USE} line states its own"),
    # what a method does not take
    (shared("budgets", gamma=0.1), "attacks.pgd16.budgets[0]", "has epsilon, gamma, step, steps; pgd takes epsilon"),
]


@pytest.mark.parametrize(
    ("change", "key", "says"), MISTAKES, ids=[f"{i}-{key}" for i, (_, key, _) in enumerate(MISTAKES)]
)
def test_a_mistake_in_what_is_shared_is_refused_with_its_place(
    table3: Project, change: Change, key: str, says: str
) -> None:
    table3.edit(DEFECTIVE, change)
    sentence = refusal(table3)
    assert sentence.startswith(DEFECTIVE)
    assert re.search(rf"key {re.escape(key)}[: ]", sentence), sentence
    assert says in sentence


def stated_once(content: Any) -> None:
    """Table 3's columns and budgets with what they share in one place."""
    share, table = {"metric": "defense_rate", "suite": "pgd16"}, content["tables"]["table3"]
    table["shared"] = {"columns": share}
    for column in table["columns"][:-1]:
        del column["metric"], column["suite"]
    attack = content["attacks"]["pgd16"]
    attack["shared"] = {"epsilon": attack["budgets"][0].pop("epsilon")}


def spread(content: Any) -> None:
    """As `stated_once`, and the rows in a group that shares a defense."""
    stated_once(content)
    content["defenses"] = {"blur": {"function": "mine:blur"}}
    grouped("rows", {"shared": {"defense": "blur"}})(content)


def test_a_wrong_value_is_named_where_the_file_states_it(table3: Project) -> None:
    table3.edit(DEFECTIVE, stated_once)
    table3.load()
    for old, new, key in (
        ("suite: pgd16", "suite: nosuch", f"{TABLE}.columns.suite"),
        ("epsilon: 16/255", "epsilon: '0'", "attacks.pgd16.shared.epsilon"),
    ):
        text = (table3.root / DEFECTIVE).read_text()
        table3.rewrite(DEFECTIVE, lambda text, old=old, new=new: text.replace(old, new, 1))
        assert f"key {key}: " in refusal(table3)
        (table3.root / DEFECTIVE).write_text(text)


def test_a_model_that_rows_share_is_checked_once_and_named_there(table3: Project) -> None:
    table3.edit(DEFECTIVE, lambda content: content["tables"]["table3"]["rows"][0].pop("model"))
    table3.edit(DEFECTIVE, shared("rows", model="resnet81-standard-s1"))
    assert f"key {TABLE}.rows.model: model 'resnet81-standard-s1'" in refusal(table3)


def test_a_point_of_a_sweep_needs_a_panel_of_its_own_or_of_its_group(table3: Project) -> None:
    table3.edit(DEFECTIVE, put("tables.table3.columns[0].x", 1))
    assert "key tables.table3.columns[0].panel is missing; required: panel with x" in refusal(table3)
    table3.edit(DEFECTIVE, grouped("columns", {"shared": {"panel": "a"}}))
    assert table3.load().papers["defective"]["tables"]["table3"]["columns"][0]["panel"] == "a"


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_the_papers_files_say_the_same_when_they_are_written_out(project: Project, root: Path, scale: str) -> None:
    for path in sorted((root / "config/papers").glob("*.yaml")):
        assert "shared:" in path.read_text()
        project.edit(f"config/papers/{path.name}", lambda content: None)
        assert "shared:" not in (project.root / f"config/papers/{path.name}").read_text()
    chosen = {"scale": scale, "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
    assert load(project.root, chosen) == load(root, chosen)


STRANGE: list[Any] = [None, True, 3, -1.5, "", "x", [], ["x"], {}, {"x": 1}, {"columns": []}, [[]], {"shared": {}}]


def spoil(draw: random.Random, content: Any) -> None:
    """Replaces, removes or adds something in what a table and an attack share, or in their lines."""
    part: Any = draw.choice([content["tables"]["table3"], content["attacks"]["pgd16"]])
    while True:
        key = draw.choice(list(part) if isinstance(part, dict) else range(len(part)))
        if not isinstance(part[key], dict | list) or not part[key] or draw.random() < 0.3:
            break
        part = part[key]
    if isinstance(part, dict) and draw.random() < 0.5:
        part[draw.choice(["shared", "columns", "rows", "budgets", "metric", "suite"])] = draw.choice(STRANGE)
    elif draw.random() < 0.3:
        del part[key]
    else:
        part[key] = draw.choice(STRANGE)


def refused_or_read(project: Project) -> str:
    """The sentence with which the configuration is refused; nothing where it is read."""
    try:
        project.load()
    except LacunaError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("seed", range(4))
def test_spoilt_files_are_refused_in_one_sentence_or_read(table3: Project, seed: int) -> None:
    draw = random.Random(seed)
    table3.edit(DEFECTIVE, spread)
    assert not refused_or_read(table3)
    sound = (table3.root / DEFECTIVE).read_text()
    for _ in range(10):
        content = yaml.safe_load(sound)
        spoil(draw, content)
        (table3.root / DEFECTIVE).write_text(yaml.safe_dump(content, sort_keys=False))
        assert re.fullmatch(r"(config/.+)?", refused_or_read(table3))
