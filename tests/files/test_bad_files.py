"""Files that are damaged, of another kind, or not what they claim: one sentence each, and nothing half-written.

Every case runs the script of the rule that reads the file. Cases marked sealed have a provenance that fits the bad
bytes, so that not the sha256 but the content must give them away.
"""

import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from stages import CODE, Stages, flat, made

from lacuna.files.artefacts import Record

DATASET, NET, SELECTION = "dataset/test.safetensors", "train/net.safetensors", "select/all.csv"
FOREGROUND = "foreground/test.safetensors"
SET, OUTCOMES, CELLS = "attack/pgd16/net.safetensors", "evaluate/pgd16/net.parquet", "cells/table3.csv"
SEALED = "; delete it and run again"
CHANGED = "has changed since it was made"
Spoil = Callable[[Path], object]


class Trap:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("executed"),))


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which every stage has run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("complete")
        patch.chdir(folder)
        made(folder)
        yield folder


@pytest.fixture
def stages(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """A copy of that folder to spoil, which is the working directory."""
    monkeypatch.chdir(shutil.copytree(complete, tmp_path / "copy"))
    torch.save(flat().state_dict(), "own.pt")
    return Stages(Path.cwd())


def bytes_(content: bytes) -> Spoil:
    return lambda path: path.write_bytes(content)


def cut(length: int) -> Spoil:
    return lambda path: path.write_bytes(path.read_bytes()[:length])


def flip(place: int) -> Spoil:
    def spoil(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 16
        path.write_bytes(content)

    return spoil


def tensor(name: str, change: Callable[[torch.Tensor], torch.Tensor | None]) -> Spoil:
    """Replaces a tensor of a file, or removes it where ``change`` gives None."""

    def spoil(path: Path) -> None:
        tensors = load_file(path)
        changed = change(tensors.pop(name).clone())
        save_file(tensors | ({} if changed is None else {name: changed.contiguous()}), path)

    return spoil


def put(place: Any, value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(values: torch.Tensor) -> torch.Tensor:
        values[place] = value
        return values

    return change


def column(name: str, change: Callable[[Any], Any]) -> Spoil:
    """Replaces a column of a table, or removes it where ``change`` gives None."""

    def spoil(path: Path) -> None:
        parquet = path.suffix == ".parquet"
        frame = pd.read_parquet(path) if parquet else pd.read_csv(path)
        changed = change(frame[name])
        frame = frame.drop(columns=name) if changed is None else frame.assign(**{name: changed})
        frame.to_parquet(path, index=False) if parquet else frame.to_csv(path, index=False)

    return spoil


def no_lines(path: Path) -> None:
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    (frame[:0].to_parquet if path.suffix == ".parquet" else frame[:0].to_csv)(path, index=False)


def gone(_: Any) -> None:
    return None


def first(value: Any) -> Callable[[Any], Any]:
    return lambda values: [value, *values[1:]]


MASK = "1.stem_mask.mask"
WEIGHT = "1.stem.0.weight"
PICKLE = bytes_(pickle.dumps({"images": Trap()}))

# rule that reads it, file, what is done to it, words of the sentence
UNSEALED: list[tuple[str, str, Spoil, str]] = [
    ("train", "dataset/train.safetensors", bytes_(b""), CHANGED),
    ("train", "dataset/train.safetensors", cut(-1), CHANGED),
    ("select", DATASET, flip(-1), CHANGED),
    ("attack", NET, flip(40), CHANGED),
    ("attack", NET, cut(1000), CHANGED),
    ("attack", SELECTION, flip(-2), CHANGED),
    ("attack", FOREGROUND, flip(-1), CHANGED),
    ("attack", FOREGROUND, cut(100), CHANGED),
    ("evaluate", SET, cut(8), CHANGED),
    ("evaluate", SET, PICKLE, CHANGED),
    ("cells", OUTCOMES, flip(100), CHANGED),
    ("table", CELLS, bytes_(b""), CHANGED),
    ("evaluate", SET, lambda path: path.unlink(), "is not there, and is needed"),
    ("evaluate", SET, lambda path: Path(f"{path}.prov.json").unlink(), "has no provenance"),
    ("evaluate", SET, lambda path: Path(f"{path}.prov.json").write_bytes(b""), "is not readable"),
    ("evaluate", SET, lambda path: Path(f"{path}.prov.json").write_bytes(b"\x80\x04"), "is not readable"),
    ("cells", "printed.csv", bytes_(b""), "is not a CSV file; restore it with git checkout"),
    ("cells", "printed.csv", cut(60), "restore it with git checkout"),
    ("cells", "printed.csv", bytes_(b"\x80\x04\x95\n"), "is not a CSV file; restore"),
    ("cells", "printed.csv", column("value", first("abc")), "'value' must hold numbers; restore it"),
    ("adopt", "own.pt", bytes_(b""), "is not a checkpoint of tensors; allowed: "),
    ("adopt", "own.pt", cut(300), "is not a checkpoint of tensors; allowed: "),
    ("adopt", "own.pt", PICKLE, "is not a checkpoint of tensors; allowed: "),
    ("adopt", "own.pt", lambda path: torch.save([1, 2], path), "is not a checkpoint of tensors; allowed: "),
    ("adopt", "own.pt", lambda path: torch.save({"net": flat().state_dict()}, path), "is not a checkpoint of tensors"),
    ("adopt", "own.pt", lambda path: torch.save(flat(), path), "is not a checkpoint of tensors; allowed: "),
    ("adopt", "own.pt", lambda path: path.unlink(), "is not there, and is needed"),
    ("adopt", "own.pt", lambda path: torch.save({"1.bias": torch.zeros(3)}, path), "does not fit the network"),
    (
        *("adopt", "own.pt"),
        lambda path: torch.save(flat().state_dict() | {"1.bias": torch.tensor([0, 1, torch.nan])}, path),
        "tensor '1.bias' holds numbers that are not finite",
    ),
]
SEALED_CASES: list[tuple[str, str, Spoil, str]] = [
    ("train", "dataset/train.safetensors", PICKLE, "is not a safetensors file"),
    ("train", "dataset/train.safetensors", bytes_(b""), "is not a safetensors file"),
    ("train", "dataset/train.safetensors", tensor("images", lambda x: x[:, 0]), "'images' is uint8 (24, 8, 8), not"),
    ("train", "dataset/train.safetensors", tensor("images", lambda x: x[..., :4]), "not uint8 (n, 1, 8, 8)"),
    (
        "train",
        "dataset/train.safetensors",
        tensor("images", lambda x: x.float() / 255),
        "is float32 (24, 1, 8, 8), not",
    ),
    ("train", "dataset/train.safetensors", tensor("images", lambda x: x[:0]), "is uint8 (0, 1, 8, 8), not"),
    (
        "train",
        "dataset/train.safetensors",
        tensor("labels", lambda x: x[1:]),
        "'labels' is int64 (23,), not int64 (24)",
    ),
    ("train", "dataset/train.safetensors", tensor("labels", put(0, 3)), "labels are 0 to 3, not below 3"),
    ("train", "dataset/train.safetensors", tensor("labels", lambda x: x.double()), "'labels' is float64 (24,), not"),
    ("train", DATASET, tensor("labels", put(0, -1)), "labels are -1 to 2, not below 3"),
    ("select", DATASET, tensor("labels", gone), "has no tensor 'labels'"),
    ("select", DATASET, lambda path: shutil.copy(NET, path), "has no tensor 'images'"),
    ("attack", NET, PICKLE, "is not a safetensors file"),
    (
        "attack",
        NET,
        tensor(WEIGHT, put((0, 0, 0, 0), torch.nan)),
        f"tensor '{WEIGHT}' holds numbers that are not finite",
    ),
    (
        "attack",
        NET,
        tensor(WEIGHT, put((0, 0, 0, 0), torch.inf)),
        f"tensor '{WEIGHT}' holds numbers that are not finite",
    ),
    ("attack", NET, tensor(WEIGHT, lambda x: x.half()), f"tensor '{WEIGHT}' does not fit the network"),
    ("attack", NET, tensor(WEIGHT, lambda x: x[:2]), f"tensor '{WEIGHT}' does not fit the network"),
    ("attack", NET, tensor(WEIGHT, gone), f"tensor '{WEIGHT}' does not fit the network"),
    ("attack", NET, tensor(MASK, lambda x: x * 0.5), f"tensor '{MASK}' is no mask of the network"),
    ("attack", NET, tensor(MASK, torch.ones_like), f"tensor '{MASK}' is no mask of the network"),
    ("attack", NET, tensor(MASK, lambda x: x * torch.nan), f"tensor '{MASK}' holds numbers that are not finite"),
    ("attack", SELECTION, bytes_(b""), "is not a CSV file"),
    ("attack", SELECTION, no_lines, "has no lines"),
    ("attack", SELECTION, column("label", gone), "has no column 'label'"),
    ("attack", SELECTION, column("image", first("x")), "column 'image' must hold whole numbers"),
    ("attack", SELECTION, column("image", first(None)), "column 'image' must hold whole numbers"),
    ("attack", SELECTION, column("image", first(24)), "image ids that stand twice or are not below 24"),
    ("attack", SELECTION, column("image", lambda ids: ids[1]), "image ids that stand twice or are not below 24"),
    ("attack", SELECTION, column("label", lambda labels: (labels + 1) % 3), "has another label for image"),
    ("attack", FOREGROUND, PICKLE, "is not a safetensors file"),
    ("attack", FOREGROUND, tensor("mask", gone), "has no tensor 'mask'"),
    ("attack", FOREGROUND, tensor("mask", lambda x: x[1:]), "'mask' is bool (23, 8, 8), not bool (24, 8, 8)"),
    ("attack", FOREGROUND, tensor("mask", lambda x: x.byte()), "'mask' is uint8 (24, 8, 8), not bool (24, 8, 8)"),
    ("attack", FOREGROUND, tensor("fraction", put(0, torch.nan)), "'fraction' holds numbers that are not finite"),
    ("attack", FOREGROUND, tensor("fraction", put(0, 1.5)), "'fraction' has values outside [0, 1]"),
    ("evaluate", SET, PICKLE, "is not a safetensors file"),
    (
        "evaluate",
        SET,
        tensor(f"{CODE}.images", lambda x: x.repeat(1, 3, 1, 1)),
        "is uint8 (8, 3, 8, 8), not uint8 (8, 1,",
    ),
    ("evaluate", SET, tensor(f"{CODE}.images", lambda x: x.float()), "is float32 (8, 1, 8, 8), not uint8"),
    ("evaluate", SET, tensor(f"{CODE}.images", lambda x: x[:5]), "is uint8 (5, 1, 8, 8), not uint8 (8, 1, 8, 8)"),
    ("evaluate", SET, tensor(f"{CODE}.images", gone), "holds the images of no attack"),
    ("evaluate", SET, tensor(f"{CODE}.valid", gone), f"has no tensor '{CODE}.valid'"),
    ("evaluate", SET, tensor(f"{CODE}.valid", lambda x: x.float()), "is float32 (8,), not bool (8)"),
    ("evaluate", SET, tensor(f"{CODE}.distance", put(0, torch.nan)), "holds numbers that are not finite"),
    ("evaluate", SET, tensor(f"{CODE}.distance", put(0, -1)), "has values below 0"),
    ("evaluate", SET, tensor("image", put(0, 99)), "image ids that stand twice or are not below 24"),
    ("evaluate", SET, tensor("label", lambda x: (x + 1) % 3), "has another label for image"),
    ("export", SET, tensor("source_clean", gone), "has no tensor 'source_clean'"),
    ("cells", OUTCOMES, PICKLE, "is not a Parquet file"),
    ("cells", OUTCOMES, cut(200), "is not a Parquet file"),
    ("cells", OUTCOMES, no_lines, "has no lines"),
    ("cells", OUTCOMES, column("valid", gone), "has no column 'valid'"),
    ("cells", OUTCOMES, column("label", lambda x: x.astype(float)), "column 'label' must hold whole numbers"),
    ("cells", OUTCOMES, column("valid", lambda x: x.astype(int)), "column 'valid' must hold true or false"),
    ("cells", OUTCOMES, column("distance", first(np.inf)), "column 'distance' must hold finite numbers"),
    ("cells", OUTCOMES, column("attack", lambda x: x.astype(str).where(x == "none", None)), "'attack' must hold texts"),
    ("table", CELLS, column("value", first("high")), "column 'value' must hold numbers"),
    ("table", CELLS, column("n", first(np.inf)), "column 'n' must hold numbers"),
    ("table", CELLS, column("provenance", gone), "has no column 'provenance'"),
]


def refused(stages: Stages, rule: str, capfd: pytest.CaptureFixture[str]) -> str:
    """The one sentence with which a rule ends; it leaves nothing in its folder that was not there."""
    outputs = stages.run_outputs(rule)
    others = {path for path in Path().rglob("*") if path.is_file()} - set(outputs)
    with pytest.raises(SystemExit) as ended:
        stages.run(rule)
    assert ended.value.code == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert Path(f"logs/{rule}.log").read_text() == lines[0] + "\n"
    assert {path for path in Path().rglob("*") if path.is_file()} <= others | {Path(f"logs/{rule}.log")}
    assert not Path("executed").exists()
    return lines[0].removeprefix("error: ")


@pytest.mark.parametrize(("rule", "file", "spoil", "words"), UNSEALED)
def test_a_file_with_other_bytes_is_refused_in_one_sentence(
    stages: Stages, rule: str, file: str, spoil: Spoil, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(Path(file))
    message = refused(stages, rule, capfd)
    assert file in message
    assert words in message


@pytest.mark.parametrize(("rule", "file", "spoil", "words"), SEALED_CASES)
def test_wrong_content_with_a_fitting_provenance_is_refused_in_one_sentence(
    stages: Stages, rule: str, file: str, spoil: Spoil, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(Path(file))
    Record("test", "{}").write(file)
    message = refused(stages, rule, capfd)
    assert message.startswith(file)
    assert words in message
    assert message.endswith(SEALED) or "made with other settings?" in message


@pytest.mark.parametrize(
    "rule", ["foreground", "train", "select", "attack", "evaluate", "cells", "table", "export", "adopt"]
)
def test_files_as_they_were_made_pass_every_stage(stages: Stages, rule: str) -> None:
    assert all(Path(path).exists() for path in stages.run(rule))
