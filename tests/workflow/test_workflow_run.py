"""One run of the tiny configuration: what it makes, that it is reproducible, and how a number is traced back."""

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TABLE = {"tables/table3.csv", "tables/table3.md", "tables/table3.tex", "tables/table3.cells.csv"}
FIGURE = {"figures/defective-table3.svg", "figures/defective-table3.png"}
LEARNT = "results/learnt.json"
CELLS = (
    "exhibit,row,column,target,keep_prob,variant,source,attack,metric,value,unit,n,ci_low,ci_high,printed,difference,"
    "robust_accuracy_all,sdr_common,fooled_source_share,dataset,scale,seeds,provenance"
)


def records(tree: "Tree", name: str) -> list[dict[str, str]]:
    """Lines of a CSV file, by column."""
    with (tree / name).open(newline="") as file:
        return list(csv.DictReader(file))


def table3(tree: "Tree") -> dict[str, Any]:
    """Table 3 in the tree's own configuration."""
    return yaml.safe_load((tree / "config/papers/defective.yaml").read_text())["tables"]["table3"]


def stable(path: Path) -> dict[str, Any]:
    """The stable part of an artefact's provenance."""
    return json.loads(Path(f"{path}.prov.json").read_text())["stable"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_makes_the_table_in_four_files_and_the_figure_in_two(finished: "Tree") -> None:
    made = {str(path) for folder in ("tables", "figures") for path in finished.files(folder)}
    assert made == TABLE | FIGURE
    assert all((finished / name).stat().st_size > 100 for name in made)


def test_table_and_figure_say_that_all_their_files_were_made_here(finished: "Tree") -> None:
    table, figure = (finished / "tables/table3.md").read_text(), (finished / "figures/defective-table3.svg").read_text()
    assert re.search(r"Origin of the numbers: recomputed here, all \d+ files\.", table)
    drawn = " ".join(re.findall(r">([^<>]+)</text>", figure))
    assert "Origin of the numbers: recomputed here, all" in drawn
    assert "not here" not in table + drawn


def test_the_table_has_the_configured_columns_and_rows_in_order(finished: "Tree") -> None:
    configured, lines = table3(finished), records(finished, "tables/table3.csv")
    columns = [column["column"] for column in configured["columns"]]
    assert len(columns) == 3
    assert list(lines[0]) == ["target", "row", *columns, "dataset", "scale"]
    assert [(line["target"], line["row"]) for line in lines] == [
        (row["model"].split("-")[0], row["row"]) for row in configured["rows"]
    ]
    assert {(line["dataset"], line["scale"]) for line in lines} == {("fashion-mnist-subset", "demo")}


def test_there_is_one_line_of_cells_per_number_with_the_documented_columns(finished: "Tree") -> None:
    lines = records(finished, "tables/table3.cells.csv")
    assert ",".join(lines[0]) == CELLS
    assert len(lines) == len(table3(finished)["rows"]) * len(table3(finished)["columns"]) == 12
    assert all(re.fullmatch("[0-9a-f]{16}", line["provenance"]) for line in lines)
    accuracies = [float(line["value"]) for line in lines if line["metric"] == "test_accuracy"]
    assert min(accuracies) > 60, "two classes: half is chance"


def test_a_second_run_plans_nothing_also_where_the_checkout_was_moved(finished: "Tree") -> None:
    assert finished.planned() == {}


def test_no_temporary_and_no_state_file_is_left(finished: "Tree") -> None:
    names = finished.files("results") + finished.files("tables") + finished.files("figures")
    assert not [name for name in names if ".tmp" in name.name or name.name.startswith(".") or "state" in name.parts]


def test_each_artefact_has_its_provenance_and_nothing_else_is_there(finished: "Tree") -> None:
    rendered = {"table", "figure"}
    made = {name for name in finished.files("results/demo") if name.parts[3] not in rendered}
    artefacts = {name for name in made if not name.name.endswith(".prov.json")}
    assert made - artefacts == {Path(f"{name}.prov.json") for name in artefacts}
    endings = (".safetensors", ".history.csv")
    trained = [sorted(n.name for n in artefacts if n.parts[3] == "train" and n.name.endswith(e)) for e in endings]
    assert [len(names) for names in trained] == [6, 6]
    networks, histories = ([name.removesuffix(e) for name in n] for n, e in zip(trained, endings, strict=True))
    assert networks == histories


def test_a_run_from_scratch_elsewhere_gives_the_same_bytes(finished: "Tree", small: "Tree") -> None:
    small.run()
    for folder in ("tables", "figures"):
        assert small.contents(folder) == finished.contents(folder)
    first, second = finished.contents("results"), small.contents("results")
    assert first.pop(LEARNT)
    assert second.pop(LEARNT), "what jobs took, which may differ"
    assert first.keys() == second.keys()
    different = {name for name in first if first[name] != second[name]}
    assert not {name for name in different if not name.endswith(".prov.json")}
    for name in different:
        assert json.loads(first[name])["stable"] == json.loads(second[name])["stable"]


def test_each_cell_leads_to_its_outcomes_and_from_there_to_every_file_behind_it(finished: "Tree") -> None:
    outcomes = {}
    for name in finished.files("results", "*.parquet"):
        text = json.dumps(stable(finished / str(name)), sort_keys=True)
        outcomes[hashlib.sha256(text.encode()).hexdigest()[:16]] = name
    for cell in records(finished, "tables/table3.cells.csv"):
        outcome = outcomes[cell["provenance"]]
        assert outcome.name.startswith(cell["target"])
        found: dict[str, set[str]] = {}
        follow(finished, str(outcome), found)
        assert found.keys() == {"evaluate", "attack", "train", "select", "dataset"}
        assert (
            str(finished.results.relative_to(finished.root) / "train" / f"{outcome.stem}.safetensors") in found["train"]
        )
        assert len(found["attack"]) == 2
        assert len(found["train"]) == 3, "the target and two sources"


def follow(tree: "Tree", name: str, found: dict[str, set[str]]) -> None:
    """Collects, by stage, the artefact and all that it was made from; each must be the file that was recorded."""
    record = stable(tree / name)
    assert record["artefact"] == name
    assert record["sha256"] == sha256(tree / name)
    found.setdefault(record["stage"], set()).add(name)
    if record["stage"] == "dataset":
        source = record["settings"]["source"]
        assert record["inputs"] == {source["file"]: source["sha256"]} == record["facts"]["files"]
    assert record["inputs"]
    for input_, recorded in record["inputs"].items():
        assert recorded == sha256(tree / input_)
        if record["stage"] != "dataset":
            follow(tree, input_, found)


def test_volatile_facts_stand_apart_and_commit_is_null_without_git(finished: "Tree") -> None:
    for name in finished.files("results", "*.prov.json"):
        content = json.loads((finished / str(name)).read_text())
        assert content.keys() == {"stable", "volatile", "seal"}
        assert not content["stable"].keys() & content["volatile"].keys()
        assert {"commit", "dirty", "host", "seconds"} <= content["volatile"].keys()
        assert content["volatile"]["commit"] is None


def test_the_waiting_jobs_are_looked_at_when_a_job_ends_and_not_every_second(finished: "Tree") -> None:
    said = finished.run("tables/table3.csv", "--forcerun", "evaluate", "--verbose", "--cores", "1")
    ended = len(re.findall(r"^Finished jobid", said, re.M))
    assert ended >= 6
    assert said.count("Ready jobs: ") <= ended + 1
