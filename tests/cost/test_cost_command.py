"""`python -m lacuna.cost` with targets: a report that calls its numbers estimated, and a picture."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from lacuna.cost.__main__ import main
from lacuna.cost.gantt import COLOURS, gantt
from lacuna.cost.simulation import Machine, simulate
from lacuna.cost.targets import Job, jobs_of
from lacuna.errors import LacunaError
from lacuna.plan.checkout import plan_of_checkout

TABLE = "tables/table3.csv"


@pytest.fixture
def here(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's configuration, in which nothing was made."""
    for name in ("config", "data", "workflow", "src", "docs"):
        (tmp_path / name).symlink_to(root / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(arguments)
    return capsys.readouterr().out


def test_the_command_of_the_handbook_names_machine_makespan_idle_shares_and_critical_path(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "--gpus", "8", "--jobs-per-gpu", "4", "--scale", "paper", TABLE)
    plan = plan_of_checkout("paper")
    jobs = jobs_of(plan, [TABLE])
    assert text.startswith(f"Estimated, not run: {TABLE} at scale paper, {len(jobs)} jobs.\n")
    assert "8 GPUs of 140 GB with up to 4 jobs each, 8 cores for jobs that use no GPU" in text
    assert re.search(r"makespan +2 h \d\d min \(estimated\); \d h \d\d min if jobs on one GPU took turns", text)
    assert re.search(r"idle +32 slots of the GPUs \d+%, 8 slots of the cores 100%", text)
    assert re.search(
        r"critical path +2 h \d\d min, \d+ jobs:\n(.+\n)*? +2 h \d\d min  train densenet121-standard-s0\n", text
    )
    assert "since none of it is measured: they do not slow each other." in text


def test_two_cores_take_about_half_of_one_and_no_word_is_of_gpus(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of_checkout("demo")
    jobs = jobs_of(plan, [TABLE])
    one, two = simulate(jobs, Machine(1)).makespan, simulate(jobs, Machine(2)).makespan
    assert one / 2 <= two < 0.55 * one
    text = said(capsys, "--cores", "2", TABLE)
    assert "GPU" not in text
    assert "machine        2 cores\n" in text


def test_what_is_there_is_left_out_unless_the_whole_is_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of_checkout("demo")
    for path in [
        *plan.published.table("table3"),
        *(f"tables/table3.{end}" for end in ("csv", "md", "tex", "cells.csv")),
    ]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    assert said(capsys, TABLE) == f"Nothing to be done for {TABLE}.\n"
    assert f"{len(jobs_of(plan, [TABLE], whole=True))} jobs" in said(capsys, "--whole", TABLE)


def test_the_picture_has_a_bar_of_its_stages_colour_for_each_job(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "--cores", "2", TABLE, "--gantt", "run.svg").endswith("Picture: run.svg\n")
    text = Path("run.svg").read_text()
    assert ET.fromstring(text) is not None
    kinds = [job.kind for job in jobs_of(plan_of_checkout("demo"), [TABLE]).values()]
    for kind, colour in COLOURS.items():
        bars = len(re.findall(f"fill: {to_hex(colour)}", text))
        assert bars == kinds.count(kind) + 1, "and one in the legend"
    assert "minutes, estimated" in text
    assert {path.name for path in here.iterdir()} == {"config", "data", "workflow", "src", "docs", "run.svg"}


def test_the_picture_stands_on_its_slots_and_ends_at_the_makespan() -> None:
    jobs = {name: Job(f"train {name}", "train", 100, needs) for name, needs in (("a", ()), ("b", ()), ("c", ("a",)))}
    schedule = simulate(jobs, Machine(2))
    figure = gantt(schedule, "title", "note")
    axis = next(axis for axis in figure.get_axes() if axis.patches)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["core 1", "core 2"]
    assert axis.get_xlim() == (0, pytest.approx(200 / 60))
    bars = [bar for bar in axis.patches if isinstance(bar, Rectangle)]
    assert sorted(bar.get_x() * 60 for bar in bars) == pytest.approx([0, 0, 100])
    assert [bar.get_width() * 60 for bar in bars] == pytest.approx([100, 100, 100])


@pytest.mark.parametrize(
    "words",
    [["--gpus", "2"], ["--cores", "0", TABLE], ["--slowdown", "2", TABLE], ["--gantt", "run.pdf", TABLE], ["--whole"]],
)
def test_what_makes_no_sense_is_refused(here: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert "error: " in capsys.readouterr().err


def test_a_job_too_large_for_the_gpus_is_named(here: Path) -> None:
    with pytest.raises(LacunaError, match="finds no room on this machine"):
        main(["--gpus", "1", "--gpu-memory", "6", "--scale", "paper", TABLE])


def test_learning_says_how_many_jobs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--learn") == "results/learnt.json holds what 0 finished jobs of scale demo took.\n"
