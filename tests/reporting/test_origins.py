"""Where an exhibit's numbers come from: made here, pulled, taken, brought by the user; and what stands in."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, provenance_path, write_frame
from lacuna.files.origins import PULLED, TAKEN, note_origins, note_path, read_origins
from lacuna.reporting.origins import BEGINNING, origin_lines, without_origin

FOLDER = "results/demo/mine"
DATA, NET, SET = (f"{FOLDER}/{name}.csv" for name in ("dataset/test", "train/own-net", "attack/mine/own-net"))
OUTCOMES, CELLS = f"{FOLDER}/evaluate/mine/own-net.csv", f"{FOLDER}/cells/table3.csv"
CHAIN: list[tuple[str, str, dict[str, Any], list[str]]] = [
    (DATA, "dataset", {"source": {"kind": "embedded"}}, []),
    (NET, "train", {"model": "resnet18-standard-s0"}, [DATA]),
    (SET, "attack", {"method": "pgd", "budgets": {}}, [DATA, NET]),
    (OUTCOMES, "evaluate", {"network": {}}, [DATA, NET, SET]),
    (CELLS, "cells", {"dataset": "mine", "paper_dataset": "mine", "cells": [{"metric": "test_accuracy"}]}, [OUTCOMES]),
]


def make(path: str, stage: str, settings: dict[str, Any], inputs: list[str], host: str = "theirs") -> None:
    record = Record(stage, json.dumps(settings), inputs, volatile={"host": host})
    write_frame(path, pd.DataFrame({"path": [path]}), record)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def chain(**changed: tuple[str, dict[str, Any]]) -> None:
    """A made-up run; ``changed`` are stages by the name of the stage that they replace, with their settings."""
    for path, stage, settings, inputs in CHAIN:
        make(path, *changed.get(stage, (stage, settings)), inputs)


def line(*paths: str, plot: str = "") -> str:
    [said] = origin_lines(paths or (CELLS,), plot)
    return said.removeprefix(BEGINNING)


def test_what_was_made_here_says_so() -> None:
    chain()
    assert line() == "recomputed here, all 5 files."


def test_what_was_pulled_names_the_remote_and_counts_files() -> None:
    chain()
    note_origins("demo", PULLED, "storage", [DATA, NET, SET])
    assert line() == "3 of 5 files pulled from the remote storage and verified, 2 of 5 files recomputed here."
    note_origins("demo", PULLED, "storage", [OUTCOMES, CELLS])
    assert line() == "pulled from the remote storage and verified, all 5 files."


def test_what_was_taken_names_the_folder() -> None:
    chain()
    note_origins("demo", PULLED, "storage", [DATA])
    note_origins("demo", TAKEN, "/their/results", [NET, SET, OUTCOMES, CELLS])
    assert line() == (
        "1 of 5 files pulled from the remote storage and verified, 4 of 5 files taken from /their/results and verified."
    )


def test_what_is_made_again_after_a_pull_was_made_here() -> None:
    chain()
    note_origins("demo", PULLED, "storage", [path for path, *_ in CHAIN])
    before = Path(NET).read_bytes()
    make(*CHAIN[1], host="ours")
    assert Path(NET).read_bytes() == before
    assert line() == "4 of 5 files pulled from the remote storage and verified, 1 of 5 files recomputed here."
    assert NET not in read_origins("demo", [NET])


def test_files_whose_records_are_not_here_are_counted_apart() -> None:
    chain()
    for path in (DATA, SET):
        provenance_path(path).unlink()
    assert line() == "recomputed here, all 3 files; 2 more are not here."
    provenance_path(CELLS).write_text("{}")
    assert origin_lines([CELLS]) == []


def test_digests_of_code_have_no_records_and_are_not_missed() -> None:
    chain()
    assert origin_lines([CELLS, "results/code/figure.sha256"]) == origin_lines([CELLS])


@pytest.mark.parametrize(
    ("changed", "brought"),
    [
        ({"train": ("adopt", {"model": "own-net", "factory": "mine:build"})}, "network own-net (mine:build)"),
        ({"attack": ("attack", {"method": "mine:attack", "budgets": {}})}, "attack mine:attack"),
        (
            {"attack": ("attack", {"method": "folder", "budgets": {"theirs": {"path": "their/images"}}})},
            "adversarial images in their/images",
        ),
        ({"evaluate": ("evaluate", {"defense": {"function": "mine:jitter"}})}, "defense mine:jitter"),
        ({"dataset": ("dataset", {"source": {"kind": "folder", "path": "my/images"}})}, "images in my/images"),
        (
            {"cells": ("cells", {"dataset": "a", "paper_dataset": "a", "cells": [{"metric": "mine:flips"}]})},
            "metric mine:flips",
        ),
    ],
)
def test_what_somebody_brought_is_named(changed: dict[str, Any], brought: str) -> None:
    chain(**changed)
    assert line() == f"recomputed here, all 5 files. Brought by the user: {brought}."


def test_a_plot_of_the_users_own_is_brought_too_and_a_ready_made_defense_is_not() -> None:
    chain(evaluate=("evaluate", {"defense": {"function": "lacuna.purify:jpeg"}}))
    assert line() == "recomputed here, all 5 files."
    assert line(plot="mine:bars") == "recomputed here, all 5 files. Brought by the user: plot mine:bars."


def test_stand_ins_are_named() -> None:
    chain(
        cells=("cells", {"dataset": "fashion-mnist-subset", "paper_dataset": "cifar10", "cells": []}),
        attack=("attack", {"method": "dual", "budgets": {}, "saliency": {"kind": "spectral_residual"}}),
    )
    assert line().endswith(
        "Stand-ins: fashion-mnist-subset for cifar10, spectral residual for DeepGaze IIE."
    ) or line().endswith("Stand-ins: spectral residual for DeepGaze IIE, fashion-mnist-subset for cifar10.")
    chain(attack=("attack", {"method": "dual", "budgets": {}, "saliency": {"kind": "deepgaze"}}))
    assert "Stand-ins" not in line()


def test_the_line_can_be_taken_out_of_a_rendering() -> None:
    text = "# table\n\n* a note\n"
    assert without_origin(f"{text}* {BEGINNING}recomputed here, all 5 files.\n") == text
    assert without_origin(f"{text}% {BEGINNING}recomputed here, all 5 files.\n") == text
    assert without_origin(text) == text


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 1, "files": {"a": {"how": "b"}}}'])
def test_a_note_that_is_none_is_refused(content: str) -> None:
    chain()
    note_path("demo").write_text(content)
    with pytest.raises(LacunaError, match=r"results/demo/origins.json is no note of where files came from"):
        origin_lines([CELLS])


def test_a_note_of_a_later_format_is_refused() -> None:
    chain()
    note_path("demo").write_text('{"format": 2, "files": {}}')
    with pytest.raises(LacunaError, match="has format 2; allowed: 1"):
        origin_lines([CELLS])
