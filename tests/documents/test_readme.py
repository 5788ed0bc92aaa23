"""The README is short, its list is the plan's, and its table is the one that is committed."""

from pathlib import Path

import pytest

from lacuna.catalogue.readme import BEGIN, END, LARGE, NUMBERED, SMALL, listed, renewed
from lacuna.errors import LacunaError
from lacuna.plan.checkout import plan_of_checkout

LONGEST = 130  # lines
ORDER = (
    *("Get one table", "What you can ask for", "Does it reproduce?", "How it works", "Scales", "Change something"),
    *("Check a number", "On a Slurm cluster", "Share checkpoints", "Citation and licence"),
)


@pytest.fixture
def page(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(root)
    return (root / "README.md").read_text()


def test_the_page_is_short_and_in_the_readers_order(page: str) -> None:
    assert len(page.splitlines()) <= LONGEST
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == [*ORDER]


def test_the_list_is_current(page: str) -> None:
    """Where this fails: `make aliases`."""
    plans = plan_of_checkout(SMALL), plan_of_checkout(LARGE)
    assert renewed(page, listed(*plans)) == page
    for plan in plans:
        for name in (*plan.lookup.tables, *plan.lookup.figures):
            assert f"`{name}`" in page or NUMBERED.search(name), name


def test_what_it_shows_of_table_3_is_what_is_committed(page: str, root: Path) -> None:
    for line in (root / "docs/results/demo/table3.csv").read_text().splitlines()[:5]:
        assert line in page.splitlines()


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{END} {BEGIN}", "# A page"])
def test_a_page_without_its_marks_is_refused(text: str) -> None:
    with pytest.raises(LacunaError, match="lacks the marks"):
        renewed(text, "new")


def test_only_what_stands_between_the_marks_changes() -> None:
    assert renewed(f"a\n{BEGIN}\nold\n{END}\nb", f"{BEGIN} new {END}") == f"a\n{BEGIN} new {END}\nb"
