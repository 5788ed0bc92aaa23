"""Inputs by name: their order decides nothing, and a file that is missing, foreign or another's is refused."""

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from stages import Stages, made

from lacuna.errors import LacunaError
from lacuna.files.artefacts import Record, write_text
from lacuna.files.named import named_inputs

KEYS = ("attack", "source")


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Three files in the working directory, each recorded as itself, and what settings say of them."""
    monkeypatch.chdir(tmp_path)
    names = [("pgd16", "b"), ("pgd16", "a"), ("cw", "a")]
    for attack, source in names:
        write_text(f"{attack}/{source}.bin", f"{attack} {source}")
        Record("attack", "{}").write(f"{attack}/{source}.bin")
    return [{"attack": attack, "source": source, "path": f"{attack}/{source}.bin"} for attack, source in names]


@pytest.mark.parametrize("seed", range(5))
def test_files_come_in_the_order_of_the_settings_whatever_the_order_of_paths(
    said: list[dict[str, str]], seed: int
) -> None:
    paths = random.Random(seed).sample([one["path"] for one in said], 3)
    found = named_inputs(said, KEYS, paths)
    assert list(found.items()) == [((one["attack"], one["source"]), one["path"]) for one in said]


@pytest.mark.parametrize("place", range(3))
def test_a_missing_file_is_named_with_what_it_is(said: list[dict[str, str]], place: int) -> None:
    paths = [one["path"] for one in said]
    gone = paths.pop(place)
    with pytest.raises(LacunaError) as refused:
        named_inputs(said, KEYS, paths)
    what = f"attack {said[place]['attack']}, source {said[place]['source']}"
    assert str(refused.value).startswith(f"{gone} ({what}) is not among the inputs")


def test_a_foreign_file_is_named(said: list[dict[str, str]]) -> None:
    with pytest.raises(LacunaError, match=r"^cw/b\.bin is among the inputs, though the settings do not name it"):
        named_inputs(said, KEYS, [*(one["path"] for one in said), "cw/b.bin"])


def test_a_file_under_another_ones_name_is_refused(said: list[dict[str, str]]) -> None:
    for ending in ("", ".prov.json"):
        Path(f"pgd16/a.bin{ending}").write_text(Path(f"pgd16/b.bin{ending}").read_text())
    with pytest.raises(
        LacunaError, match=r"^pgd16/a\.bin should be of attack pgd16, source a, but was made as pgd16/b"
    ):
        named_inputs(said, KEYS, [one["path"] for one in said])


# A whole evaluation ----------------------------------------------------------------------------------------


@pytest.fixture
def two_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    """The tiny stages with an evaluation of two adversarial sets."""
    monkeypatch.chdir(tmp_path)
    stages = made(tmp_path)
    first, read, _ = stages.evaluate()
    settings, inputs, _ = stages.attack()
    second = {"method": "fgsm", "budgets": {"fgsm_e64": {"epsilon": "64/255"}}}
    stages.attack = lambda: (settings | second, inputs, {"adversarial": "attack/fgsm64/net.safetensors"})  # type: ignore[method-assign]
    stages.run("attack")
    said = [*first["sets"], {"attack": "fgsm64", "source": "net", "path": "attack/fgsm64/net.safetensors"}]
    asked: list[Any] = [first | {"sets": said}, read | {"adversarial": [one["path"] for one in said]}]
    stages.evaluate = lambda: (*asked, {"outcomes": "evaluate/pgd16/net.parquet"})  # type: ignore[method-assign]
    return stages


def test_outcomes_do_not_depend_on_the_order_of_the_inputs(two_sets: Stages) -> None:
    (path,) = two_sets.run("evaluate")
    before = Path(path).read_bytes()
    assert list(dict.fromkeys(pd.read_parquet(path)["attack"])) == ["none", "pgd_e16_a4_t3", "fgsm_e64"]
    two_sets.evaluate()[1]["adversarial"].reverse()
    two_sets.run("evaluate")
    assert Path(path).read_bytes() == before


def test_an_evaluation_without_one_of_its_sets_ends_with_one_sentence(
    two_sets: Stages, capsys: pytest.CaptureFixture[str]
) -> None:
    two_sets.evaluate()[1]["adversarial"].pop()
    with pytest.raises(SystemExit):
        two_sets.run("evaluate")
    assert "error: attack/fgsm64/net.safetensors (attack fgsm64, source net) is not among" in capsys.readouterr().err
    assert not Path("evaluate/pgd16/net.parquet").exists()
