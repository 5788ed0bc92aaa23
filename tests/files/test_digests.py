"""Files of digests: written, recalled after an edit that was undone, and compared by the jobs that run the code."""

import os
import random
import subprocess
from pathlib import Path

import pytest

from lacuna.errors import LacunaError
from lacuna.files.digests import digests_of, planned_code, recall_digests, renew_digests, write_digests

CODE = "code/part.sha256"
FILES = ["src/b.py", "src/a.py", "src/deep/c.py"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three files of the year 2001, and the file of their digests."""
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"# {name}\n")
        os.utime(name, (1e9, 1e9))
    write_digests(CODE, FILES)


def edit(name: str, text: str) -> None:
    Path(name).write_text(text)


def newest() -> int:
    return max(os.stat(name).st_mtime_ns for name in FILES)


def test_sha256sum_reads_the_file_and_finds_an_edit() -> None:
    check = ["sha256sum", "--check", "--quiet", CODE]
    assert subprocess.run(check, capture_output=True).returncode == 0
    edit(FILES[1], "edited")
    said = subprocess.run(check, capture_output=True, text=True)
    assert said.returncode == 1
    assert FILES[1] in said.stdout


def test_the_order_in_which_files_are_given_decides_nothing() -> None:
    assert digests_of(FILES) == digests_of(FILES[::-1])
    assert planned_code([CODE]) == sorted(FILES)


@pytest.mark.parametrize("seed", range(20))
def test_edits_and_their_undoing_leave_the_file_as_it_was_for_the_same_content(seed: int) -> None:
    """A random walk over versions of the files: what was written once is recalled, what never was is left to a rule."""
    draw = random.Random(seed)
    seen = {digests_of(FILES)}
    for _ in range(12):
        edit(draw.choice(FILES), f"version {draw.randrange(3)}")
        for name in FILES:
            os.utime(name, (draw.uniform(1e9, 1.1e9),) * 2)
        now = digests_of(FILES)
        recall_digests(CODE, FILES)
        held = Path(CODE).read_text()
        assert (held == now) == (now in seen)
        assert (os.stat(CODE).st_mtime_ns >= newest()) == (now in seen), "a plan sees an edit, and nothing else"
        if draw.random() < 0.5:
            write_digests(CODE, FILES)
            seen.add(now)


def test_lost_digests_are_written_only_where_something_was_made_with_that_code() -> None:
    Path(CODE).unlink()
    recall_digests("results/code/part.sha256", FILES, lost=True)
    assert not Path("results").exists(), "a look at a fresh checkout writes nothing"
    for folder in ("results/code", "results/demo"):
        Path(folder).mkdir(parents=True)
    recall_digests("results/code/part.sha256", FILES)
    assert not Path("results/code/part.sha256").exists()
    recall_digests("results/code/part.sha256", FILES, lost=True)
    assert Path("results/code/part.sha256").read_text() == digests_of(FILES)
    assert os.stat("results/code/part.sha256").st_mtime_ns == newest()


def test_a_touch_is_followed() -> None:
    text = Path(CODE).read_text()
    os.utime(CODE, (1e9, 1e9))
    os.utime(FILES[0], (1.2e9, 1.2e9))
    recall_digests(CODE, FILES)
    assert os.stat(CODE).st_mtime_ns == newest()
    assert Path(CODE).read_text() == text


def test_a_file_that_is_gone_stops_neither_a_plan_nor_hides(tmp_path: Path) -> None:
    Path(FILES[0]).unlink()
    recall_digests(CODE, FILES)
    with pytest.raises(LacunaError, match=r"^src/b\.py was edited since this run was planned"):
        planned_code([CODE])


def test_renewing_writes_what_is_missing_or_other_and_leaves_the_rest() -> None:
    os.utime(CODE, (1e9, 1e9))
    renew_digests(CODE, FILES)
    assert os.stat(CODE).st_mtime == 1e9
    edit(FILES[2], "edited")
    renew_digests(CODE, FILES)
    assert Path(CODE).read_text() == digests_of(FILES)
    renew_digests("code/other.sha256", FILES[:1])
    assert planned_code(["code/other.sha256"]) == FILES[:1]


@pytest.mark.parametrize("place", range(3))
def test_a_job_stops_where_a_module_was_edited_since_it_was_planned(place: int) -> None:
    edit(FILES[place], "edited")
    with pytest.raises(LacunaError) as refused:
        planned_code([CODE])
    assert str(refused.value) == f"{FILES[place]} was edited since this run was planned; run the same command again"


def test_code_of_the_users_own_stands_after_the_modules_and_modules_of_two_parts_once() -> None:
    write_digests("code/other.sha256", FILES[:2])
    assert planned_code([CODE, "mine/net.py", "code/other.sha256"]) == [*sorted(FILES), "mine/net.py"]
