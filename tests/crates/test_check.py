"""The checker of crates: whatever is altered is found, with a root digest or without, by Python alone."""

import csv
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forging import flip

from lacuna.crates import check as checker
from lacuna.crates.check import LISTED, check
from lacuna.crates.pack import digests
from lacuna.crates.read import read_run
from lacuna.errors import LacunaError
from lacuna.files.artefacts import sha256
from lacuna.language.codes import Origin
from lacuna.numbers.lines import Outcomes
from lacuna.numbers.metrics import sample, summarise

OUTCOMES = "files/results/demo/fashion-mnist-subset/evaluate/pgd16/resnet18-standard-s1.parquet.csv"


def relist(folder: Path) -> None:
    """Lists what is there, as whoever altered a crate would."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files.pop(LISTED)
    (folder / LISTED).write_bytes(digests(files))


def test_the_checker_is_short_and_python_alone_runs_it(run_root: Path, unpacked: Path) -> None:
    assert len(Path(checker.__file__).read_text().splitlines()) <= 150
    crate = run_root / "crates/table3.zip"
    root = (run_root / "crates/table3.zip.sha256").read_text().split()[0]
    assert root == sha256(crate)
    for place, known in ((crate, root), (unpacked, sha256(unpacked / LISTED))):
        command = [sys.executable, "-I", "-S", unpacked / "check.py", place, known]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(done.stdout.splitlines()) == 1
        assert "64 records, 90 cells counted again, 0 by digest alone; root as given" in done.stdout


def test_any_byte_of_a_crate_is_found_against_its_root(run_root: Path, tmp_path: Path) -> None:
    whole = (run_root / "crates/table3.zip").read_bytes()
    root, draw, crate = hashlib.sha256(whole).hexdigest(), random.Random(0), tmp_path / "table3.zip"
    for _ in range(50):
        crate.write_bytes(whole)
        flip(crate, draw)
        assert check(str(crate), root)[0]


def test_each_member_that_is_altered_removed_added_or_swapped_is_found(
    run_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four kinds of damage to each member without a root; with a root also by one who lists what he altered again."""
    crate = str(run_root / "crates")  # a folder: what it holds is given below
    whole = checker.read_crate(str(run_root / "crates/table3.zip"))
    root, draw = checker.digest(whole[LISTED]), random.Random(0)
    held: dict[str, bytes] = {}
    monkeypatch.setattr(checker, "read_crate", lambda place: held)
    tried = 0
    for name, content in whole.items():
        other = draw.choice([one for one in whole if whole[one] != content])
        place = draw.randrange(max(1, len(content)))
        flipped = (
            content[:place]
            + bytes([(content[place] if content else 0) ^ 1 << draw.randrange(8)])
            + content[place + 1 :]
        )
        kinds = [
            whole | {name: flipped},
            {one: whole[one] for one in whole if one != name},
            whole | {f"{name}.more": b""},
            whole | {name: whole[other], other: content},
        ]
        for damaged in kinds:
            held = damaged
            assert check(crate)[1].startswith("WRONG"), name
            tried += 1
        held = {one: text for one, text in (whole | {name: flipped}).items() if one != LISTED}
        held[LISTED] = digests(held) if name != LISTED else flipped
        assert f"its root is not {root}" in check(crate, root)[0]
    held = whole
    assert check(crate, root)[0] == []
    assert tried == 4 * len(whole) > 600


def test_whoever_lists_an_altered_crate_again_is_found_by_the_root_alone(unpacked: Path) -> None:
    root = sha256(unpacked / LISTED)
    for name in ("check.py", "tables/table3.md", "crate.json", "source/LICENSE"):
        (unpacked / name).write_bytes((unpacked / name).read_bytes() + b"\n")
        relist(unpacked)
        assert check(str(unpacked))[0] == []  # digests show consistency, not origin
        assert check(str(unpacked), root)[0] == [f"its root is not {root}"]


def test_outcomes_cells_and_records_that_do_not_go_together_are_found_without_a_root(unpacked: Path) -> None:
    cells = unpacked / "files/results/demo/fashion-mnist-subset/cells/table3.csv"
    record = unpacked / "records/results/demo/fashion-mnist-subset/select/transfer.csv.prov.json"
    changes = {
        unpacked / OUTCOMES: lambda text: text.replace(",True,", ",False,"),
        cells: lambda text: text.replace(",percent,", ",percent ,", 1),
        record: lambda text: text.replace('"seed": 0', '"seed": 1', 1),
    }
    for path, change in changes.items():
        before, listed = path.read_text(), (unpacked / LISTED).read_bytes()
        assert change(before) != before
        path.write_text(change(before))
        relist(unpacked)
        assert check(str(unpacked))[0], path
        path.write_text(before)
        (unpacked / LISTED).write_bytes(listed)
    assert not check(str(unpacked))[0]


def test_a_name_that_stands_twice_and_what_is_no_crate_are_wrong(run_root: Path, tmp_path: Path) -> None:
    crate = tmp_path / "twice.zip"
    crate.write_bytes((run_root / "crates/table3.zip").read_bytes())
    with zipfile.ZipFile(crate, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("check.py", "print('all is well')")
    assert "a name stands twice" in check(str(crate))[1]
    for content in (b"", b"no zip"):
        crate.write_bytes(content)
        assert "cannot be read" in check(str(crate))[1]
    assert check(str(tmp_path / "nothing.zip"))[0]


CELLS = "results/demo/fashion-mnist-subset/cells/table3.csv"


def zipped(held: dict[str, bytes], path: Path) -> str:
    """A crate of these members, listed as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**held, LISTED: digests({k: v for k, v in held.items() if k != LISTED})}.items():
            archive.writestr(name, content)
    return str(path)


def sealed(record: dict[str, Any]) -> bytes:
    """A record with the seal of what it says, as a forger writes it."""
    whole = {key: record[key] for key in ("stable", "volatile")}
    return (json.dumps({**whole, "seal": checker.digest(whole)}, indent=1, sort_keys=True) + "\n").encode()


def damages(held: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Crates whose digests fit, and whose content does not."""
    record, cells = f"records/{CELLS}.prov.json", f"files/{CELLS}"
    told = json.loads(held[record])

    def forged(change: Callable[[dict[str, Any]], object], text: bytes | None = None) -> dict[str, bytes]:
        new = json.loads(held[record])
        change(new["stable"])
        new["stable"]["sha256"] = new["stable"]["sha256"] if text is None else checker.digest(text)
        return held | {record: sealed(new)} | ({} if text is None else {cells: text, "tables/table3.cells.csv": text})

    def line(old: str, new: str) -> bytes:
        assert old in held[cells].decode()
        return held[cells].decode().replace(old, new, 1).encode()

    first = held[cells].decode().splitlines()[1].split(",")
    value, n = first[9], first[11]
    lost = random.Random(0).sample([name for name in held if name.startswith("records/")], 10)
    without = {name: {one: part for one, part in held.items() if one != name} for name in lost}
    return {
        **{f"without {name}": kept for name, kept in without.items()},
        "no records": {name: part for name, part in held.items() if not name.startswith("records/")},
        "no crate.json": {name: part for name, part in held.items() if name != "crate.json"},
        "no outcomes": {name: part for name, part in held.items() if not name.endswith(".parquet.csv")},
        "nothing": {"check.py": b""},
        "no record": held | {record: b"hi"},
        "a record that is a list": held | {record: b"[]"},
        "a deep record": held | {record: b"[" * 10**5},
        "a record that is no text": held | {record: b"\xff"},
        "a long number": held | {record: b'{"stable": ' + b"9" * 5000 + b"}"},
        "a record under another name": held | {record.replace("table3", "table4"): held[record]},
        "a file without a record": held | {"files/results/more.csv": b"1"},
        "another stage": forged(lambda stable: stable.update(stage="measure", settings={})),
        "no settings": forged(lambda stable: stable.pop("settings")),
        "no replicas": forged(lambda stable: stable["settings"].update(replicas=[])),
        "an unknown metric": forged(lambda stable: stable["settings"]["cells"][0].update(metric="luck")),
        "one line less": forged(lambda stable: None, held[cells].rsplit(b"\n", 2)[0] + b"\n"),
        "no numbers": forged(lambda stable: None, line(value, "abc")),
        "another value": forged(lambda stable: None, line(value, "99.9")),
        "a value nearly right": forged(
            lambda stable: None, line(f"{value},percent", f"{float(value) + 1e-4:.4f},score")
        ),
        "another n": forged(lambda stable: None, line(f"percent,{n}", "percent,999999")),
        "another row": forged(lambda stable: None, line(",".join(first[:2]), f"{first[0]},MyNet")),
        "another metric": forged(lambda stable: None, line(first[8], "certified_accuracy")),
        "no provenance": forged(lambda stable: None, line(f",{first[-1]}\n", ",\n")),
        "other cells in the published table": held | {"tables/table3.cells.csv": line(value, "99.9")},
        "no published cells": {name: part for name, part in held.items() if name != "tables/table3.cells.csv"},
        "a long field": forged(lambda stable: None, line(first[1], "x" * 200_000)),
        "an image twice": twice(held, told),
    }


def twice(held: dict[str, bytes], told: dict[str, Any]) -> dict[str, bytes]:
    """An outcome file in which the image of every line is the first."""
    head, *lines = held[OUTCOMES].decode().splitlines()
    place = head.split(",").index("image")
    same = [",".join(["0" if i == place else one for i, one in enumerate(line.split(","))]) for line in lines]
    assert told["stable"]["stage"] == "cells"
    return held | {OUTCOMES: "\n".join([head, *same, ""]).encode()}


def test_what_fits_its_digests_and_nothing_else_is_found_in_one_line(run_root: Path, tmp_path: Path) -> None:
    held = checker.read_crate(str(run_root / "crates/table3.zip"))
    assert check(zipped(held, tmp_path / "whole.zip"))[0] == []
    for name, damaged in damages(held).items():
        wrong, answer = check(zipped(damaged, tmp_path / "damaged.zip"))
        assert wrong, name
        assert answer.startswith("WRONG"), name
        assert answer.isprintable(), name
        with pytest.raises(LacunaError):
            read_run(str(tmp_path / "damaged.zip"), "demo")


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole + b"more",
        lambda whole: b"more" + whole,
        lambda whole: whole[:-2] + b"\x04\x00note",
    ],
)
def test_a_zip_with_the_same_members_is_another_zip(
    run_root: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    whole = (run_root / "crates/table3.zip").read_bytes()
    crate = tmp_path / "table3.zip"
    crate.write_bytes(change(whole))
    listed = checker.digest(checker.read_crate(str(run_root / "crates/table3.zip"))[LISTED])
    for root in (hashlib.sha256(whole).hexdigest(), listed):
        assert check(str(crate), root)[0] == [f"its root is not {root}"]


def test_a_folder_holds_plain_files_alone(unpacked: Path) -> None:
    root = sha256(unpacked / LISTED)
    assert check(str(unpacked), root)[0] == []
    kept = (unpacked / "crate.json").rename(unpacked.parent / "crate.json")
    (unpacked / "crate.json").symlink_to(kept)
    assert "crate.json is not as listed" in check(str(unpacked), root)[1]
    (unpacked / "crate.json").unlink()
    kept.rename(unpacked / "crate.json")
    for make in (lambda path: path.symlink_to("/etc"), lambda path: path.symlink_to("nowhere"), os.mkfifo):
        make(unpacked / "more")
        assert "more is not as listed" in check(str(unpacked), root)[1]
        (unpacked / "more").unlink()


def test_hostile_names_are_refused_and_break_no_line(run_root: Path, tmp_path: Path) -> None:
    held = checker.read_crate(str(run_root / "crates/table3.zip"))
    for name in ("../evil.py", "/etc/evil", "TABLES/table3.csv", "a/./../b", "folder/"):
        wrong, answer = check(zipped(held | {name: b""}, tmp_path / "hostile.zip"))
        assert wrong, name
        assert "no plain file" in answer
    with zipfile.ZipFile(tmp_path / "forged.zip", "w") as archive:
        archive.writestr(f"x\n{tmp_path}/forged.zip: 604 members, root as given\x1b[2J", b"")
    answer = check(str(tmp_path / "forged.zip"), "no\nroot")[1]
    assert answer.isprintable()
    assert answer.startswith("WRONG")


ABOUT = {"format": 1, "scale": "demo", "seed": 0, "seeds": 1, "tables": ["table3"]}


@pytest.mark.parametrize(
    "about",
    [
        [],
        {},
        *({**ABOUT, "seeds": value} for value in ("3", 0, -5, 1.5, 10**29, None)),
        *({**ABOUT, "seed": value} for value in ("0", -1, 10**30)),
        *({**ABOUT, "format": value} for value in (True, 2, "1")),
        {key: value for key, value in ABOUT.items() if key != "scale"},
        {**ABOUT, "scale": "paper"},
    ],
)
def test_a_crate_that_says_odd_things_of_itself_is_no_baseline(run_root: Path, tmp_path: Path, about: Any) -> None:
    held = checker.read_crate(str(run_root / "crates/table3.zip"))
    place = zipped(held | {"crate.json": json.dumps(about).encode()}, tmp_path / "odd.zip")
    with pytest.raises(LacunaError) as refused:
        read_run(place, "demo")
    assert len(str(refused.value).splitlines()) == 1
    assert read_run(zipped(held, tmp_path / "whole.zip"), "demo").seeds == range(1)


METRICS = {
    **{name: {} for name in ("defense_rate", "test_accuracy", "adversarial_accuracy", "boundary_score")},
    **{name: {} for name in ("success_rate", "success_relaxed", "success_hard")},
    "conditional_accuracy": {"pair": ["a", "b"]},
    "certified_accuracy": {"radius": 0.5},
    **{name: {"radius": 2.0, "reference": 100} for name in ("bounded_accuracy", "bounded_accuracy_8bit")},
    **{name: {"measured": "pgd"} for name in ("psnr", "margin")},
}


def outcomes(draw: np.random.Generator, images: int) -> pd.DataFrame:
    """Outcomes of any kind: wrong answers, sets without a source, distances that are just the radius."""
    whole = {
        name: draw.integers(-1, 3, images)
        for name in ("source_clean", "source_adversarial", "unrounded", "relaxed", "hard", "wanted")
    }
    told = {name: draw.integers(0, 3, images) for name in ("label", "clean", "adversarial")}
    near = draw.choice(np.float32([0.01, 0.04, 0.05]), images)
    real = {
        "distance": near,
        "distance_8bit": draw.permutation(near),
        "radius": draw.choice(np.float32([0, 0.5]), images),
    }
    measured = {"psnr": draw.normal(size=images), "margin": draw.choice([np.nan, 1.5], images)}
    shared = {"attack": "pgd_e1", "source": "s", "image": draw.permutation(images), "valid": draw.random(images) < 0.8}
    return pd.DataFrame(shared | told | whole | real | measured)


@pytest.mark.parametrize("metric", METRICS)
def test_value_and_n_are_those_of_the_library(metric: str) -> None:
    """A second implementation, on whatever outcomes there may be, none included."""
    for seed in range(30):
        draw = np.random.default_rng(seed)
        frames = {name: outcomes(draw, images) for name, images in (("a", seed % 7), ("b", 20))}
        source = str(draw.choice(["a", "s"]))
        frames = {name: frame.assign(source=source) for name, frame in frames.items()}
        cell = {"metric": metric, "target": "a", "model": "a", "source": source, "attack": "pgd_e1", "suite": "x"}
        cell |= METRICS[metric]
        origins = {Origin("evaluate", "x", name): frame for name, frame in frames.items()}
        origins |= {Origin("measure", "pgd", source): frames["a"]}
        theirs = summarise(sample(cell, Outcomes(origins)))
        kept = {
            name: frame if "measured" in cell else frame.drop(columns=["psnr", "margin"])
            for name, frame in frames.items()
        }
        texts = {
            name: frame.astype({"distance": float, "distance_8bit": float}).to_csv() for name, frame in kept.items()
        }
        lines = {name: list(csv.DictReader(io.StringIO(text))) for name, text in texts.items()}
        value, n = checker.summary(cell, lines.__getitem__)
        assert n == theirs["n"]
        expected = np.nan if theirs["value"] is None else theirs["value"]
        np.testing.assert_allclose(value, expected, rtol=1e-5 if metric in ("boundary_score", "psnr", "margin") else 0)
