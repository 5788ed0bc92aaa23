"""`snakemake audit` and `snakemake --report` on a run of the tiny configuration, and before any run."""

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from clones import CHECKPOINT, DATA, flip
from conftest import add_claims

from lacuna.config.schema import check_schema

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

REPORT = {"reports/audit.html", "reports/audit.json"}
NO_TORCH = "raise ImportError('torch has no place in an audit')\n"


def audited(tree: "Tree", *arguments: str, status: int = 0) -> tuple[str, dict[str, Any]]:
    """The summary line of an audit that ends with this exit status, and its JSON file, which its schema describes."""
    ended, said = tree.call("--cores", "1", "audit", *arguments)
    assert ended == status, said[-4000:]
    [line] = [line for line in said.splitlines() if line.startswith("audit of scale")]
    report = json.loads((tree / "reports/audit.json").read_text())
    check_schema(report, "audit", "reports/audit.json", tree.root)
    assert {str(path) for path in tree.files("reports")} == REPORT
    return line, report


def judge(tree: "Tree") -> None:
    """Verdicts on those of the paper's claims that the tiny configuration has cells for."""
    add_claims(tree)
    tree.run("tables/defective-claims.csv")


def test_an_audit_reads_what_exists_and_builds_nothing(finished: "Tree") -> None:
    before = {folder: finished.contents(folder) for folder in (DATA, "tables", "figures")}
    (finished / "src/torch.py").write_text(NO_TORCH)
    finished.fresh = True
    line, report = audited(finished)
    assert line.startswith("audit of scale demo: 2 of 2 exhibits built, 12 cells, ")
    assert "0 tampered, 0 replaced, 0 stale, 0 missing; no claims stated; reports/audit.html" in line
    assert report["summary"]["well"]
    assert before == {folder: finished.contents(folder) for folder in before}
    (finished / "src/torch.py").unlink()
    assert finished.planned() == {}
    assert finished.planned("audit") == {"audit": 1}, "it always runs"


def test_an_audit_of_nothing_is_well_and_says_so(small: "Tree") -> None:
    line, report = audited(small)
    assert line.startswith("audit of scale demo: 0 of 2 exhibits built, 0 cells, 0 files (0 held by git, ")
    assert report["summary"]["well"]
    assert {path.parts[2] for path in small.files("results")} == {"published"}, "the note of its own page"


def test_the_exit_status_and_one_line_say_what_is_wrong(finished: "Tree") -> None:
    flip(finished / CHECKPOINT)
    line, report = audited(finished, status=1)
    assert "1 tampered, 0 replaced, 0 stale, 0 missing" in line
    assert [problem["path"] for problem in report["problems"]] == [CHECKPOINT]
    assert CHECKPOINT in (finished / "reports/audit.html").read_text()
    (finished / CHECKPOINT).unlink()
    assert "0 tampered, 0 replaced, 0 stale, 1 missing" in audited(finished, status=1)[0]
    finished.replace("config/scales/demo.yaml", "transfer: 20", "transfer: 19")
    assert re.search(r" [1-9]\d* stale", audited(finished, status=1)[0])


def test_what_was_published_is_compared_with_its_note(finished: "Tree") -> None:
    (finished / "tables/table3.cells.csv").unlink()
    (finished / "figures/defective-table3.svg").write_bytes(b"\xff")
    _, report = audited(finished, status=1)
    found = {problem["path"]: problem["state"] for problem in report["problems"]}
    assert found == {"tables/table3.cells.csv": "missing", "figures/defective-table3.svg": "tampered"}
    (finished / "figures/defective-table3.svg").unlink()
    finished.run("tables/table3.cells.csv", "figures/defective-table3.svg")
    assert audited(finished)[1]["problems"] == []
    (finished / "reports/audit.html").write_text("all is well")
    assert [p["path"] for p in audited(finished, status=1)[1]["problems"]] == ["reports/audit.html"]
    audited(finished)


def test_records_of_the_older_format_are_named_and_make_nothing_again(finished: "Tree") -> None:
    for path in finished.files(DATA, "*.prov.json"):
        record = json.loads((finished / str(path)).read_text())
        for key in ("format", "records"):
            record["stable"].pop(key)
        parts = {part: record[part] for part in ("stable", "volatile")}
        (finished / str(path)).write_text(json.dumps(parts, indent=1, sort_keys=True) + "\n")
    assert finished.planned() == {}
    status, said = finished.call("--cores", "1", "audit")
    assert "22 with a record of the older format" in said
    assert status == 1, "the digits in the cells are those of the records that were there"
    finished.run("--forcerun", "cells", "--", *finished.targets)
    line, _ = audited(finished)
    assert "21 with a record of the older format" in line


def test_a_run_is_compared_with_a_baseline(finished: "Tree") -> None:
    line, report = audited(finished, "--config", "baseline=tables/table3.cells.csv")
    assert line.endswith("; against tables/table3.cells.csv: 12 same; reports/audit.html")
    assert report["baseline"]["states"]["same"] == 12
    refused = finished.refused("audit", "--config", "baseline=nowhere")
    assert "error: --config baseline: nowhere has no cells of scale demo; allowed: a file of cells" in refused


def test_claims_of_a_run_are_in_the_audit(finished: "Tree") -> None:
    judge(finished)
    _, said = finished.call("--cores", "1", "audit")
    report = json.loads((finished / "reports/audit.json").read_text())
    [paper] = report["papers"]
    made = [claim for claim in paper["claims"] if claim["comparisons"]]
    assert {"DEF10"} <= {claim["id"] for claim in made}
    assert paper["problems"] == []
    judged = [claim for claim in paper["claims"] if claim["verdict"] not in ("not applicable", "not run")]
    stated = len(paper["claims"])
    counted = f"{report['summary']['contradicted']} of {len(judged)} judged claims contradicted, {stated} stated"
    assert (counted if judged else f"none of {stated} claims judged") in said
    assert all(len(claim["pairs"]) == claim["comparisons"] for claim in made)


def test_the_report_of_snakemake_has_captions_categories_and_labels(finished: "Tree") -> None:
    judge(finished)
    status, said = finished.call(
        "--report", "report.html", "tables/table3.csv", "figures/defective-table3.svg", "tables/defective-claims.csv"
    )
    assert status == 0, said[-2000:]
    html = (finished / "report.html").read_text()
    title = "Defective Convolutional Networks"
    found = re.search(r"var categories = (\{.*\})", html)
    assert found
    assert {name: sorted(parts[title]) for name, parts in json.loads(found[1]).items()} == {
        "Tables": ["tables/table3.cells.csv", "tables/table3.csv"],
        "Figures": ["figures/defective-table3.svg"],
        "Claims": ["tables/defective-claims.csv"],
    }
    for text in ("as printed", "every cell", "claims and verdicts", "Black-box defense rates under transfer-based PGD"):
        assert text in html
    for caption in (
        "Rows and columns as the paper prints them",
        "One line per cell of table3",
        "at scale <strong>demo",
    ):
        assert caption in html
