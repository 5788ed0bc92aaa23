"""Crates are known: to the audit, to the list, to whoever mistypes a name."""

from pathlib import Path

import pytest
from forging import flip
from madeup import Report, audited, rerun
from projects import Project

from lacuna.catalogue.entries import entries
from lacuna.catalogue.text import listing
from lacuna.errors import LacunaError
from lacuna.files.publications import note_report
from lacuna.plan.crates import files_of
from lacuna.plan.names import refuse_unknown
from lacuna.plan.plan import Plan
from lacuna.plan.presence import asked_for

CRATE = "crates/table3.zip"


@pytest.fixture
def noted(run: Project) -> Project:
    """The run, in which every crate was published."""
    plan = Plan(run.load())
    for name in plan.crates.parts:
        note_report(plan.crates.note(name), "demo", name, files_of(plan.crates.path(name)), plan.crates.inputs(name))
    return run


def wrong(report: Report) -> dict[str, str]:
    return {one["path"]: one["state"] for one in report["problems"] if one["path"].startswith("crates/")}


def test_published_crates_are_no_problem_and_are_counted(noted: Project) -> None:
    report = audited(noted)
    assert wrong(report) == {}
    assert report["summary"]["published"] == 17  # four crates with their digests, and nine files of exhibits and claims


@pytest.mark.parametrize("path", files_of(CRATE))
def test_a_crate_that_is_altered_or_deleted_is_named(noted: Project, path: str) -> None:
    content = Path(path).read_bytes()
    flip(path)
    assert wrong(audited(noted)) == {path: "tampered"}
    Path(path).unlink()
    assert wrong(audited(noted)) == {path: "missing"}
    Path(path).write_bytes(content)
    assert wrong(audited(noted)) == {}


def test_a_crate_that_no_note_has_is_named(run: Project) -> None:
    assert wrong(audited(run))[CRATE] == "missing"


def test_a_crate_of_other_numbers_than_lie_here_is_named(noted: Project) -> None:
    rerun(noted, seed=1)
    assert wrong(audited(noted))[CRATE] == "stale"


def test_names_of_crates(run: Project) -> None:
    plan = Plan(run.load())
    refuse_unknown(plan, [CRATE, f"{CRATE}.sha256", "crates/defective-claims.zip", "crates/defective.zip"])
    assert asked_for(plan, [CRATE]) == ["table3", "defective-table3"]
    assert asked_for(plan, ["crates/defective.zip"]) == ["table3", "defective-table3"]
    with pytest.raises(LacunaError, match=r"crates/tabel3\.zip is not made here \(did you mean crates/table3\.zip\?\)"):
        refuse_unknown(plan, ["crates/tabel3.zip"])
    said = listing(plan, entries(plan))
    assert "here: crates/table3.zip" in said


def test_git_keeps_root_digests_and_no_crates(root: Path) -> None:
    lines = (root / ".gitignore").read_text().splitlines()
    assert lines.index("/crates/*") < lines.index("!/crates/*.zip.sha256")
