"""What lies in tables/, figures/ and reports/ is what was published, all of it, whatever the files themselves say."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from damage import KINDS, missed, restored
from forging import edit_record, flip, forge
from madeup import CELLS, DATA, Report, audited

from lacuna.audit.page import render_page
from lacuna.audit.published import REPORTS, report_note
from lacuna.errors import LacunaError
from lacuna.files.artefacts import write_text
from lacuna.files.publications import note_report, publish, read_publication
from lacuna.plan.exported import NAMES, note_name, notes
from lacuna.plan.plan import Plan
from lacuna.plan.published import note_path

if TYPE_CHECKING:
    from projects import Project

NOTE = note_path("demo", "table", "table3")
SVG = "figures/defective-table3.svg"
CSV = "tables/table3.csv"


def problems(report: Report) -> dict[str, str]:
    return {problem["path"]: problem["state"] for problem in report["problems"]}


def remove(*paths: str) -> None:
    for path in paths:
        Path(path).unlink()


def rewrite(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new))


def without_cells(_: Plan) -> set[str]:
    remove("tables/table3.cells.csv")
    Path(CSV).write_text("target,row\nresnet18,99.9\n")
    return {"tables/table3.cells.csv", CSV}


def another_scale_in_one_row(_: Plan) -> set[str]:
    text = Path("tables/table3.cells.csv").read_text()
    Path("tables/table3.cells.csv").write_text(text.replace("demo", "Demo", 1).replace("bottom", "standard", 1))
    return {"tables/table3.cells.csv"}


def without_originals(plan: Plan) -> set[str]:
    remove(*plan.published.table("table3"))
    for path in Path("tables").glob("table3*"):
        path.write_text(path.read_text().replace("resnet18", "resnet19"))
    return {str(path) for path in Path("tables").glob("table3*")}


def without_the_page_of_claims(_: Plan) -> set[str]:
    remove("tables/defective-claims.md")
    rewrite("tables/defective-claims.csv", "inconclusive", "supported")
    return {"tables/defective-claims.md", "tables/defective-claims.csv"}


def without_its_scale(_: Plan) -> set[str]:
    rewrite(SVG, "Scale demo, ", "")
    return {SVG}


def not_text_any_more(_: Plan) -> set[str]:
    Path(SVG).write_bytes(Path(SVG).read_bytes() + b"\xff\xfe")
    return {SVG}


def without_the_note(_: Plan) -> set[str]:
    remove(NOTE, f"{NOTE}.prov.json")
    rewrite(CSV, "resnet18", "resnet19")
    return {CSV, "tables/table3.cells.csv"}


def without_the_notes_record(_: Plan) -> set[str]:
    remove(f"{NOTE}.prov.json")
    rewrite(CSV, "resnet18", "resnet19")
    return {NOTE, CSV}


def with_a_note_of_another_exhibit(_: Plan) -> set[str]:
    for ending in ("", ".prov.json"):
        shutil.copy(f"{NOTE}{ending}", f"{NOTE.replace('table3', 'table4')}{ending}")
    return {NOTE.replace("table3", "table4")}


def with_a_note_that_leads_elsewhere(_: Plan) -> set[str]:
    content = json.loads(Path(NOTE).read_text())
    content["copies"][CSV]["original"] = f"{DATA}/table/table3.md"
    forge(NOTE, (json.dumps(content) + "\n").encode())
    return {NOTE}


def with_a_note_that_names_nothing(_: Plan) -> set[str]:
    content = json.loads(Path(NOTE).read_text())
    forge(NOTE, json.dumps(content | {"copies": {}}).encode())
    return {NOTE, CSV}


def with_a_note_of_its_own_making(_: Plan) -> set[str]:
    """Copies and note fit each other; the originals do not."""
    content = json.loads(Path(NOTE).read_text())
    rewrite(CSV, "resnet18", "resnet19")
    from lacuna.files.artefacts import sha256

    content["copies"][CSV]["sha256"] = sha256(CSV)
    forge(NOTE, json.dumps(content).encode())
    return {CSV}


def with_a_forged_figure_and_no_copy(plan: Plan) -> set[str]:
    original = plan.published.figure("defective-table3")[0]
    rewrite(original, "Scale", "scale")
    remove(SVG)
    return {SVG}


def with_a_file_of_nobodys(_: Plan) -> set[str]:
    Path("tables/sub").mkdir()
    Path("reports").mkdir()
    for name in ("tables/table99.csv", "tables/sub/x.md", "figures/x.svg", "reports/audit.html"):
        Path(name).write_text("x")
    return {"tables/table99.csv", "tables/sub/x.md", "figures/x.svg", "reports/audit.html"}


def with_what_is_no_file(_: Plan) -> set[str]:
    remove(CSV, SVG, "tables/table3.md")
    Path(CSV).symlink_to("nowhere")
    os.mkfifo(SVG)
    Path("tables/table3.md").mkdir()
    return {CSV, SVG, "tables/table3.md"}


DECEITS = [one for one in [*globals().values()] if getattr(one, "__annotations__", {}).get("return") == "set[str]"]


@pytest.mark.parametrize("deceive", DECEITS, ids=[deceit.__name__ for deceit in DECEITS])
def test_a_check_is_not_switched_off_by_what_it_checks(made: Project, deceive: Callable[[Plan], set[str]]) -> None:
    forged = deceive(Plan(made.load()))
    report = audited(made)
    assert forged <= problems(report).keys()
    assert not report["summary"]["well"]
    render_page(report)


def test_every_truncation_of_a_published_file_is_noticed(made: Project) -> None:
    draw, plan = random.Random(0), Plan(made.load())
    from lacuna.audit.published import find_published

    for path in ("tables/table3.cells.csv", SVG, "tables/table3.tex", "tables/defective-claims.md"):
        whole = Path(path).read_bytes()
        for length in [0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(25))]:
            Path(path).write_bytes(whole[:length])
            found = find_published(plan)
            assert [p["path"] for wrong in found.of.values() for p in wrong] == [path]
        Path(path).write_bytes(whole)


def test_a_copy_of_another_scale_is_named_as_one_and_is_no_fault(made: Project) -> None:
    originals = {}
    for copy in ("tables/table3.csv", "tables/table3.md", "tables/table3.tex", "tables/table3.cells.csv"):
        originals[copy] = f"results/laptop/cifar10/{Path(copy).name}"
        write_text(originals[copy], "of another scale")
    publish(note_path("laptop", "table", "table3"), "laptop", "table3", originals)
    report = audited(made)
    assert report["problems"] == []
    assert report["published"]["tables/table3.csv"] == "laptop"
    assert report["published"][SVG] == "demo"
    assert report["summary"]["published_elsewhere"] == 4
    Path("tables/table3.md").write_text("forged")
    assert problems(audited(made)) == {"tables/table3.md": "tampered"}
    remove(originals["tables/table3.csv"])
    assert problems(audited(made)).keys() == {"tables/table3.md", originals["tables/table3.csv"]}


def test_a_copy_whose_original_was_made_again_is_stale_and_not_tampered(made: Project) -> None:
    original = f"{DATA}/figure/defective-table3.svg"
    Path(original).write_text("<svg>drawn again</svg>")
    assert problems(audited(made)) == {SVG: "stale"}
    os.utime(SVG)
    assert problems(audited(made)) == {SVG: "stale"}, "times say nothing"


def test_a_figure_that_nothing_vouches_for_is_not_shown(made: Project) -> None:
    [figure] = [e for e in audited(made)["exhibits"] if e["kind"] == "figure"]
    assert figure["image"] == f"{DATA}/figure/defective-table3.svg"
    rewrite(f"{DATA}/figure/defective-table3.svg", "Scale", "scale")
    [figure] = [e for e in audited(made)["exhibits"] if e["kind"] == "figure"]
    assert (figure["image"], figure["state"]) == (None, "stale")


def test_nothing_is_published_from_a_damaged_original(made: Project) -> None:
    plan = Plan(made.load())
    flip(CELLS)
    with pytest.raises(LacunaError, match="has changed since it was made"):
        publish(NOTE, "demo", "table3", plan.published.copies()[NOTE])


def test_the_audits_own_page_is_vouched_for(made: Project) -> None:
    for path in REPORTS:
        write_text(path, "page")
    note_report(report_note("demo"), "demo", "audit", REPORTS)
    assert audited(made)["problems"] == []
    remove(REPORTS[1])
    assert audited(made)["problems"] == [], "it is written by the audit"
    Path(REPORTS[0]).write_text("all is well")
    assert problems(audited(made)) == {REPORTS[0]: "tampered"}


NOTES = {
    "a list": b"[]",
    "copies in a list": b'{"copies": [], "name": "table3", "scale": "demo"}',
    "a copy that is a number": b'{"copies": {"a": 1}, "name": "table3", "scale": "demo"}',
    "no text": b"\xff\xfe",
    "nested": b"[" * 100_000,
    "no scale": b'{"copies": {}}',
    "a scale that is a mapping": b'{"copies": {}, "name": "table3", "scale": {}}',
    "names that are paths": b'{"copies": {}, "name": "../../x", "scale": "../demo"}',
}


@pytest.mark.parametrize("content", NOTES.values(), ids=NOTES.keys())
def test_a_hostile_note_is_one_sentence(made: Project, content: bytes) -> None:
    forge(NOTE, content)
    with pytest.raises(LacunaError) as error:
        read_publication(NOTE)
    assert NOTE in str(error.value)
    assert NOTE in problems(audited(made))


# Damage of every kind --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_damage_at_random_is_noticed(made: Project, kind: str) -> None:
    """A few of the trials of benchmarks/damage.py, whose counts stand in docs/audit.md."""
    unnoticed = missed(Plan(made.load()), KINDS[kind], 4, seed=7)
    allowed = ".history.csv" if kind == "a file forged with its record" else None
    assert [path for path in unnoticed if not (allowed and path.endswith(allowed))] == []


def test_damage_is_taken_back(made: Project) -> None:
    with restored():
        remove(CSV)
        Path("tables/more.csv").touch()
    assert audited(made)["problems"] == []


# One damaged file is one line ------------------------------------------------------------------------------


def cell(column: str, value: Any) -> Callable[[], None]:
    """Sealed cells with another value in one line."""

    def change() -> None:
        import pandas as pd

        frame = pd.read_csv(CELLS).astype({column: object})
        frame.loc[3, column] = value
        forge(CELLS, frame.to_csv(index=False).encode())

    return change


def replaced(path: str, put: Callable[[Path], object]) -> Callable[[], None]:
    def change() -> None:
        Path(path).unlink()
        put(Path(path))

    return change


OUTCOME = f"{DATA}/evaluate/pgd16/resnet18-standard-s1.parquet"
DAMAGED = {
    "an unknown unit": cell("unit", "bananas"),
    "a unit that is a number": cell("unit", 7),
    "no unit": cell("unit", None),
    "seeds in words": cell("seeds", "many"),
    "no seeds": cell("seeds", None),
    "half a seed": cell("seeds", 0.5),
    "a number in words": cell("value", "high"),
    "an infinite number": cell("ci_low", float("inf")),
    "no count": cell("n", None),
    "a count below 0": cell("n", -1),
    "no provenance": cell("provenance", None),
    "a folder in place of a record": replaced(f"{OUTCOME}.prov.json", Path.mkdir),
    "a pipe in place of a record": replaced(f"{OUTCOME}.prov.json", os.mkfifo),
    "a folder in place of a file": replaced(OUTCOME, Path.mkdir),
    "a pipe in place of a rendering": replaced(f"{DATA}/table/table3.md", os.mkfifo),
    "a folder in place of comparisons": replaced(f"{DATA}/claims/defective.comparisons.csv", Path.mkdir),
    "a pipe in place of comparisons": replaced(f"{DATA}/claims/defective.comparisons.csv", os.mkfifo),
    "verdicts without columns": lambda: forge(f"{DATA}/claims/defective.csv", b"id\nDEF10\n"),
    "comparisons of another kind": lambda: forge(f"{DATA}/claims/defective.comparisons.csv", b"claim,hold\nDEF10,x\n"),
    "cells without lines": lambda: forge(CELLS, Path(CELLS).read_bytes().splitlines(keepends=True)[0]),
    "a record of another stage": lambda: edit_record(CELLS, lambda r: r["stable"].update(stage="x"), seal=True),
    "settings in a list": lambda: edit_record(CELLS, lambda r: r["stable"].update(settings=[1]), seal=True),
    "settings that are gone": lambda: edit_record(CELLS, lambda r: r["stable"].pop("settings"), seal=True),
    "inputs that are paths": lambda: edit_record(
        OUTCOME, lambda r: r["stable"]["inputs"].update({"/dev/zero": "0"}), seal=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_one_damaged_file_is_one_line_and_the_rest_is_judged(made: Project, damage: Callable[[], None]) -> None:
    damage()
    report = audited(made)
    assert not report["summary"]["well"]
    assert all("\n" not in problem["why"] for problem in report["problems"])
    assert len(report["exhibits"]) == 2
    assert report["summary"]["files"] >= 64
    assert "Lacuna audit" in render_page(report)


def test_the_files_of_an_exported_network_are_those_of_its_note(made: Project) -> None:
    from lacuna.audit.published import find_published

    plan = Plan(made.load())
    for place in ("exports/resnet18-standard-s0", "exports/cifar10/resnet18-standard-s0"):
        files = [f"{place}/{name}" for name in NAMES]
        for file in files:
            write_text(file, file)
        note_report(notes(plan.config.scale, place)["note"], plan.config.scale, note_name(place), files)
    write_text("exports/resnet18-standard-s0/.snakemake_timestamp", "")
    write_text("exports/resnet18-standard-s0/__pycache__/load.cpython-311.pyc", "compiled when somebody loads it")

    def named() -> dict[str, str]:
        found = find_published(plan)
        wrong = [*found.other, *(one for problems in found.of.values() for one in problems)]
        return {one["path"]: one["state"] for one in wrong if one["path"].startswith("exports/")}

    assert named() == {}
    write_text("exports/cifar10/resnet18-standard-s0/load.py", "import os")
    Path("exports/resnet18-standard-s0/model.onnx").unlink()
    write_text("exports/stranger.txt", "")
    write_text("exports/cifar10/resnet18-standard-s0/.snakemake_timestamp", "import os")
    write_text("exports/__pycache__/stranger.py", "")
    assert named() == {
        "exports/cifar10/resnet18-standard-s0/load.py": "tampered",
        "exports/resnet18-standard-s0/model.onnx": "missing",
        "exports/stranger.txt": "missing",
        "exports/cifar10/resnet18-standard-s0/.snakemake_timestamp": "missing",
        "exports/__pycache__/stranger.py": "missing",
    }
