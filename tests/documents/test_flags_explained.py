"""Every flag has its place on the page that explains flags, with the thresholds that the code has."""

from pathlib import Path

import pytest

from lacuna.foreign.probes import PROBE, ROUNDING
from lacuna.language.doubts import DOUBTS, STALLED_SHARE
from lacuna.numbers.flags import FLAT_SHARE, MCNEMAR_LEVEL
from lacuna.reporting.tables.meanings import EXPLAINED, MEANINGS

PARTS = ("What it means.", "How it is measured.", "What to do.")


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs/flags.md").read_text()


def test_every_doubt_has_a_meaning() -> None:
    assert set(DOUBTS) <= MEANINGS.keys()
    assert len(set(DOUBTS)) == len(DOUBTS)


@pytest.mark.parametrize("flag", MEANINGS)
def test_a_flag_is_explained(text: str, flag: str) -> None:
    section = text.partition(f"\n## {flag}\n")[2].partition("\n## ")[0]
    assert [part for part in PARTS if f"**{part}**" in section] == [*PARTS]
    assert text.count(f"[{flag}](#{flag.lower().replace(' ', '-')})") == 1


def test_the_page_explains_nothing_else(text: str) -> None:
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == [
        *sorted(MEANINGS, key=lambda flag: text.index(f"\n## {flag}\n"))
    ]


def test_its_thresholds_are_those_of_the_code(text: str) -> None:
    assert f"at more than {100 * FLAT_SHARE:g} % of the images" in text
    assert f"at more than {100 * STALLED_SHARE:g} %" in text
    assert f"below {100 * MCNEMAR_LEVEL:g} %" in text
    assert f"{PROBE} clean images" in text
    assert f"more than {ROUNDING:g} of the largest number".replace("1e-04", "0.0001") in text
    assert "docs/flags.md" in EXPLAINED
