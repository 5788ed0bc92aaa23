"""`python -m lacuna`: the list of everything, and what one exhibit consists of; for people and for programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lacuna.catalogue.checking import OUTPUT
from lacuna.catalogue.command import main
from lacuna.catalogue.entries import about
from lacuna.cost import Cost
from lacuna.errors import LacunaError
from lacuna.plan.checkout import plan_of_checkout

if TYPE_CHECKING:
    from projects import Project

LIMIT = 3  # seconds of one core


def call(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "lacuna", *arguments]
    return subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=120)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    main(arguments)
    return capsys.readouterr().out


def record(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(said(capsys, *arguments, "--json"))


@pytest.fixture
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(root)
    return root


def test_the_list_is_there_in_three_seconds_without_colours(root: Path) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = call(root)
    took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert done.returncode == 0, done.stderr
    assert took < LIMIT, "of processor time: the machine may be busy"
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_every_table_and_figure_has_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_of_checkout(None)
    lines = said(capsys).splitlines()
    named = [line.split()[0] for line in lines if line.startswith(("tables/", "figures/"))]
    assert {*named} == {f"tables/{name}.csv" for name in plan.lookup.tables} | {
        f"figures/{name}.svg" for name in plan.lookup.figures
    }
    assert len(named) == len({*named})
    (line,) = [line for line in lines if line.startswith("tables/table3.csv ")]
    assert line.endswith("Black-box defense rates under transfer-based PGD, five architectures")
    start = lines[0].index("title")
    assert all(line[start - 2 : start] == "  " for line in lines if line.startswith("tables/")), "aligned"


def test_a_scale_and_a_paper_can_be_chosen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo, paper = (record(capsys, "--scale", scale, "--paper", "defective") for scale in ("demo", "paper"))
    assert [one["name"] for one in demo] == [one["name"] for one in paper]
    assert {one["paper"] for one in demo} == {"defective"}
    assert all(low["seconds"] <= high["seconds"] for low, high in zip(demo, paper, strict=True))
    assert {one["dataset"] for one in paper} > {"cifar10", "imagenet"}
    with pytest.raises(LacunaError, match="there is no paper nobody; allowed: advdrop, cross, defective, dual"):
        main(["--paper", "nobody"])


def test_show_says_what_a_table_consists_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "show", "tables/table3.csv")
    for word in (
        "resnet18-bottom0.5-standard-s1m1",
        "pgd_e16_a1_t20  epsilon 16/255, step 1/255, steps 20",
        "in place of cifar10",
        "Fashion-MNIST",
    ):
        assert word in text
    found = record(capsys, "show", "dual-figure4")
    assert [one["target"] for one in found["exhibits"]] == ["tables/dual-figure4.csv", "figures/dual-figure4.svg"]
    assert {one["name"] for one in found["attacks"]} > {"dual_foreground", "dual_background"}
    assert all(file["path"].startswith("results/demo/") for file in found["files"])


def test_a_name_that_does_not_exist_is_one_sentence(root: Path) -> None:
    done = call(root, "show", "tabel3")
    assert done.stderr == "error: tabel3 is no table or figure (did you mean table3?); `python -m lacuna` lists them\n"
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [["show"], ["list", "table3"], ["table3"], ["show", "table3", "table4"]])
def test_arguments_that_do_not_fit_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_a_scale_that_lacks_what_exhibits_need_is_one_sentence(project: Project, monkeypatch: Any) -> None:
    monkeypatch.chdir(project.root)
    project.edit("config/scales/demo.yaml", lambda content: content["images"].pop("cross"))
    with pytest.raises(LacunaError, match=r"config/scales/demo.yaml lacks keys that cross cannot do without"):
        main([])
    main(["show", "table3"])


@pytest.mark.parametrize(
    ("seconds", "own", "text"),
    [(0, 0, "0"), (1, 0, "<1 min"), (917, 0, "15 min"), (5900, 0, "98 min"), (69957, 0, "19.4 h"), (60, 1, "1 min+")],
)
def test_times_are_minutes_or_hours(seconds: float, own: int, text: str) -> None:
    assert about(Cost(seconds=seconds, unforetold=own)) == text


def test_a_list_may_be_asked_for_in_a_terminal_of_any_width(here: Path, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "90")
    lines = said(capsys, "--paper", "defective").splitlines()
    assert max(len(line) for line in lines if line.startswith("tables/")) == 90
    monkeypatch.setenv("COLUMNS", "20")
    assert max(map(len, said(capsys, "--paper", "defective").splitlines())) > 100


def test_outputs_of_planned_jobs_are_read_as_snakemake_prints_them() -> None:
    text = "rule cells:\n    input: a\n    output: results/a.csv, results/a.csv.prov.json\n    jobid: 3\nlocalrule b:\n"
    assert OUTPUT.findall(text) == ["results/a.csv, results/a.csv.prov.json"]


def test_a_list_is_quick_when_asked_twice(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start = time.process_time()
    said(capsys)
    assert time.process_time() - start < LIMIT
    assert re.search(r"^Scale demo, seed 0: \d+ tables and figures\.$", said(capsys), re.M)
