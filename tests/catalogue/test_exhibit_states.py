"""The state of an exhibit follows from what lies below results/, from the records, and from what git holds."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from refusing import DEFECTIVE

from lacuna.catalogue.entries import Entry, entries
from lacuna.files.artefacts import provenance_path
from lacuna.files.digests import write_digests
from lacuna.plan.plan import Plan
from lacuna.versioning.anchors import md5

if TYPE_CHECKING:
    from projects import Project

TABLE, FIGURE = "tables/table3.csv", "figures/defective-table3.svg"


def found(made: Project) -> dict[str, Entry]:
    """The entries of the made-up run by their targets."""
    return {one.target: one for one in entries(Plan(made.load()))}


def anchor(path: Path, digest: str) -> None:
    """The .dvc file beside a file, as DVC writes it."""
    Path(f"{path}.dvc").write_text(f"outs:\n- md5: {digest}\n  size: 1\n  hash: md5\n  path: {path.name}\n")


def commit() -> None:
    for words in (["init", "-q"], ["add", "-f", "results/demo/**/*.dvc"], ["commit", "-qm", "published"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], check=True)


def test_what_is_there_and_fits_is_built_and_costs_nothing_more(made: Project) -> None:
    for one in found(made).values():
        assert one.state == "built"
        assert one.left.seconds == 0 < one.whole.seconds


def test_what_lacks_one_of_its_files_is_missing(made: Project) -> None:
    table, figure = (Plan(made.load()).published, Plan(made.load()).published)
    Path(table.table("table3")[1]).unlink()
    assert {key: one.state for key, one in found(made).items()} == {TABLE: "missing", FIGURE: "built"}
    Path(figure.figure("defective-table3")[0]).unlink()
    assert found(made)[FIGURE].state == "missing"


def test_other_settings_are_seen_and_what_is_made_again_costs(made: Project) -> None:
    made.rewrite(DEFECTIVE, lambda text: text.replace("epsilon: 16/255", "epsilon: 8/255"))
    for one in found(made).values():
        assert one.state == "other settings"
        assert 0 < one.left.seconds < one.whole.seconds, "trainings are not made again"


@pytest.mark.parametrize(("part", "old"), [("attack", {TABLE, FIGURE}), ("table", {TABLE}), ("figure", {FIGURE})])
def test_other_code_is_seen_where_it_decides(made: Project, root: Path, part: str, old: set[str]) -> None:
    plan = Plan(made.load())
    for name in ("src", "workflow/scripts"):
        if not Path(name).exists():
            Path(name).symlink_to(root / name)
    for one in plan.code.values():
        write_digests(one.digests, one.files(root))
    assert {one.state for one in found(made).values()} == {"built"}
    digests = Path(plan.code[part].digests)
    digests.write_text("0" * 64 + digests.read_text()[64:])
    for earlier in Path("results/code/earlier").glob("*"):
        earlier.unlink()
    assert {key for key, one in found(made).items() if one.state == "other settings"} == old


def test_what_git_holds_is_pulled_until_it_is_made_again(made: Project) -> None:
    cells = provenance_path(Plan(made.load()).published.table("table3")[-1])
    anchor(cells, md5(str(cells)))
    assert found(made)[TABLE].state == "built", "no commit holds it"
    commit()
    assert {one.state for one in found(made).values()} == {"pulled"}, "the figure is drawn from the cells"
    cells.write_text(cells.read_text() + " ")
    assert found(made)[TABLE].state == "built"
