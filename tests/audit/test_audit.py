"""What the audit finds: everything in order, each kind of fault by its name, and nothing that nobody vouches for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from forging import edit_record, flip
from madeup import CELLS, DATA, Report, audited, run

from lacuna.audit.gather import VERDICTS, claims_line, summary_line
from lacuna.audit.page import render_page
from lacuna.files.origins import PULLED, note_origins
from lacuna.plan.plan import Plan
from lacuna.reporting.origins import BEGINNING

if TYPE_CHECKING:
    from projects import Project

OUTCOME = f"{DATA}/evaluate/pgd16/resnet18-standard-s1.parquet"
CHECKPOINT = f"{DATA}/train/resnet18-standard-s1.safetensors"
CLAIMS = f"{DATA}/claims/defective.csv"
COMPARISONS = f"{DATA}/claims/defective.comparisons.csv"


def exhibit(report: Report, name: str = "table3") -> dict[str, Any]:
    return next(one for one in report["exhibits"] if one["id"] == name)


def wrong(report: Report) -> set[tuple[str, str]]:
    return {(problem["state"], problem["path"]) for problem in report["problems"]}


# In order --------------------------------------------------------------------------------------------------


def test_a_run_as_planned_is_well(made: Project) -> None:
    report = audited(made)
    assert report["problems"] == []
    assert report["summary"]["well"]
    assert report["summary"]["exhibits"]["built"] == 2
    assert report["summary"]["cells"] == 90
    assert report["summary"]["files"] == 66  # 64 that the table needs, the verdicts, and the comparisons behind them
    assert report["summary"]["published"] == len(report["published"]) == 4 + 2 + 3
    assert {file["state"] for file in report["files"]} == {"agrees"}
    assert summary_line(report).startswith(
        "audit of scale demo: 2 of 2 exhibits built, 90 cells, 66 files (0 held by git, 0 with a record of the older "
        "format), 9 published files, 0 of them of other scales; 0 tampered, 0 replaced, 0 stale, 0 missing; 0 of "
    )


def test_each_exhibit_says_where_its_numbers_come_from(made: Project) -> None:
    report = audited(made)
    table, figure = exhibit(report), exhibit(report, "defective-table3")
    assert table["origin"].startswith(f"{BEGINNING}recomputed here, all ")
    assert "Stand-ins: fashion-mnist-subset for cifar10" in table["origin"]
    assert figure["origin"] == table["origin"]
    assert render_page(report).count(table["origin"]) == 2
    note_origins("demo", PULLED, "storage", [CHECKPOINT])
    after = audited(made)
    assert ", 1 of " not in table["origin"]
    assert (
        "1 of 44 files pulled from the remote storage and verified, 43 of 44 files recomputed here"
        in (exhibit(after)["origin"])
    )
    assert after["problems"] == []


def test_each_cell_leads_to_its_outcomes_and_from_there_to_the_committed_file(made: Project) -> None:
    report = audited(made)
    files = {file["path"]: file for file in report["files"]}
    for cell, written in zip(exhibit(report)["cells"], pd.read_csv(CELLS).itertuples(), strict=True):
        assert (cell["row"], cell["column"], cell["value"]) == (written.row, written.column, written.value)
        [path] = cell["files"]
        assert files[path]["provenance"] == cell["provenance"] == written.provenance
        assert Path(path).name.startswith(f"{cell['target']}-")
        assert "data/embedded/fashion-mnist-subset.npz" in down(files, path)


def down(files: dict[str, Any], path: str) -> set[str]:
    inputs = files[path]["inputs"] if path in files else {}
    return {path}.union(*(down(files, name) for name in inputs))


def test_claims_and_cells_name_each_other(made: Project) -> None:
    report = audited(made)
    [paper] = report["papers"]
    claims = {claim["id"]: claim for claim in paper["claims"]}
    assert claims["DEF10"]["verdict"] == "holds for these networks"
    assert len(claims["DEF10"]["pairs"]) == claims["DEF10"]["comparisons"] == 50
    cells = {cell["id"]: cell for cell in exhibit(report)["cells"]}
    for pair in claims["DEF10"]["pairs"]:
        left, right = (cells[name] for name in pair["cells"])
        assert (left["target"], left["column"]) == (right["target"], right["column"])
        assert (left["variant"], right["variant"]) == ("bottom", "standard")
        assert "DEF10" in left["claims"]
        assert left["value"] - right["value"] == pytest.approx(pair["advantage"], abs=1e-3)
    named = {name for claim in claims.values() for pair in claim["pairs"] for name in pair["cells"] if name}
    assert {name for name, cell in cells.items() if cell["claims"]} == named


@pytest.mark.parametrize(
    ("verdicts", "line"),
    [
        ({}, "no claims stated"),
        ({"not run": 71}, "none of 71 claims judged"),
        ({"not run": 3, "not applicable": 2}, "none of 5 claims judged"),
        ({"not run": 3, "inconclusive": 1}, "0 of 1 judged claims contradicted, 4 stated"),
        (
            {"holds for these networks": 2, "contradicted": 3, "not applicable": 1},
            "3 of 5 judged claims contradicted, 6 stated",
        ),
    ],
)
def test_claims_that_nobody_judged_are_no_success(verdicts: dict[str, int], line: str) -> None:
    assert verdicts.keys() <= {*VERDICTS}
    counts = dict.fromkeys(VERDICTS, 0) | verdicts
    assert claims_line({"claims": counts, "contradicted": counts["contradicted"]}) == line


def test_before_anything_ran_nothing_is_wrong(table3: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table3.root)
    report = audited(table3)
    assert report["summary"]["well"]
    assert report["summary"]["exhibits"] == {
        "built": 0,
        "tampered": 0,
        "replaced": 0,
        "stale": 0,
        "missing": 0,
        "not built": 2,
    }
    assert report["files"] == []
    assert report["summary"]["claims"]["not run"] == 64


def test_another_scale_is_another_audit(made: Project) -> None:
    report = audited(made, scale="laptop")
    assert report["summary"]["well"]
    assert report["summary"]["exhibits"]["not built"] == 2


# Faults, each by its name ----------------------------------------------------------------------------------


def rewrite(name: str, old: str, new: str) -> Callable[[], None]:
    def change() -> None:
        text = Path(name).read_text()
        assert old in text
        Path(name).write_text(text.replace(old, new, 1))

    return change


def gone(name: str) -> Callable[[], None]:
    return lambda: Path(name).unlink()


FAULTS = [
    ("tampered", CHECKPOINT, lambda: flip(CHECKPOINT)),
    ("tampered", OUTCOME, lambda: flip(OUTCOME)),
    ("tampered", CHECKPOINT, rewrite(f"{CHECKPOINT}.prov.json", '"epochs": 4', '"epochs": 400')),
    ("tampered", CHECKPOINT, rewrite(f"{CHECKPOINT}.prov.json", "{", "")),
    ("tampered", "tables/table3.csv", rewrite("tables/table3.csv", "resnet18", "resnet19")),
    ("tampered", "tables/table3.cells.csv", rewrite("tables/table3.cells.csv", "resnet18", "resnet19")),
    ("tampered", COMPARISONS, rewrite(COMPARISONS, ",holds,", ",undecided,")),
    ("tampered", CLAIMS, rewrite(CLAIMS, "holds for these networks", "supported")),
    ("stale", CELLS, rewrite("data/printed/defective.csv", "table,", "table ,")),
    ("stale", f"{DATA}/table/table3.md", rewrite(f"{DATA}/table/table3.md", "Scale", "scale")),
    ("missing", CHECKPOINT, gone(CHECKPOINT)),
    ("missing", OUTCOME, gone(f"{OUTCOME}.prov.json")),
    ("missing", f"{DATA}/dataset/train.safetensors", gone(f"{DATA}/dataset/train.safetensors")),
]  # fmt: skip


@pytest.mark.parametrize(("state", "path", "change"), FAULTS, ids=[f"{s}-{i}" for i, (s, _, _) in enumerate(FAULTS)])
def test_a_fault_is_named_with_its_kind_and_all_that_it_is_behind(
    made: Project, state: str, path: str, change: Callable[[], None]
) -> None:
    change()
    report = audited(made)
    assert (state, path) in wrong(report)
    assert not report["summary"]["well"]
    assert report["summary"][state] >= 1
    problem = next(p for p in report["problems"] if p["path"] == path)
    assert problem["behind"]
    assert path in problem["why"]
    for name in problem["behind"]:
        parts = {one["id"]: one for one in report["exhibits"]}
        parts |= {f"claims of {one['paper']}": one for one in report["papers"]}
        assert parts[name]["state"] != "built"
    assert f"{report['summary'][state]} {state}" in summary_line(report)


def test_other_settings_make_stale_what_depends_on_them_and_nothing_else(made: Project) -> None:
    made.edit("config/papers/defective.yaml", lambda c: c["attacks"]["pgd16"]["budgets"][0].update(step="2/255"))
    report = audited(made)
    stale = {Path(path).parent.name for state, path in wrong(report) if state == "stale"}
    assert stale >= {"pgd16", "cells"}
    assert "train" not in stale
    assert report["summary"]["tampered"] == 0
    assert exhibit(report)["state"] == "stale"
    sentences = " ".join(problem["why"] for problem in report["problems"])
    assert "was made with other settings than the configuration's" in sentences


def test_cells_whose_bytes_nobody_vouches_for_are_not_shown(made: Project) -> None:
    rewrite(CELLS, "resnet18", "resnet19")()
    table = exhibit(audited(made))
    assert (table["state"], table["cells"]) == ("tampered", [])


def test_outcomes_made_again_under_the_cells_are_noticed(made: Project) -> None:
    """Same bytes, another record: the digits in the cells lead nowhere."""
    edit_record(OUTCOME, lambda record: record["stable"]["versions"].update(python="9.9"), seal=True)
    report = audited(made)
    assert wrong(report) == {("stale", CELLS), ("stale", CLAIMS), ("stale", COMPARISONS)}
    lost = [cell for cell in exhibit(report)["cells"] if not cell["files"]]
    assert [(cell["target"], cell["variant"]) for cell in lost] == [("resnet18", "standard")] * 6


def test_contradicted_claims_are_counted_and_are_not_well(made: Project) -> None:
    def turn(content: Any) -> None:
        content["claims"]["DEF10"]["compare"][0]["relation"] = "<"

    made.edit("config/claims/defective.yaml", turn)
    assert wrong(audited(made)) == {("stale", CLAIMS), ("stale", COMPARISONS)}
    run(Plan(made.load()))
    report = audited(made)
    assert report["problems"] == []
    assert report["summary"]["contradicted"] == 1
    assert not report["summary"]["well"]


def test_numbers_that_are_none_do_not_stop_the_report(made: Project) -> None:
    """Infinite scores and empty facts: JSON has no such numbers."""
    facts = {"shares": [1.0, float("nan")], "score": float("inf")}
    edit_record(CHECKPOINT, lambda record: record["stable"].update(facts=facts), seal=True)
    files = {file["path"]: file for file in audited(made)["files"]}
    assert files[CHECKPOINT]["facts"] == {"shares": [1.0, None], "score": None}


def test_hostile_records_are_data(made: Project) -> None:
    for text in ("[]", "{}", '{"stable": 3, "volatile": []}', '{"stable": {}, "volatile": {}}', "\udcff"):
        Path(f"{CHECKPOINT}.prov.json").write_text(text, errors="surrogateescape")
        report = audited(made)
        assert CHECKPOINT in {path for _, path in wrong(report)}


def test_torch_is_not_imported(made: Project) -> None:
    code = (
        "import sys; from pathlib import Path; import yaml; from lacuna.audit.gather import gather;"
        "from lacuna.audit.page import render_page; from lacuna.config.load import load;"
        "from lacuna.plan.plan import Plan;"
        "render_page(gather(Plan(load(Path.cwd(), yaml.safe_load(open('config/config.yaml'))))));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=made.root).returncode == 0
