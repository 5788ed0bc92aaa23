"""YAML and command lines: a number is what a person reads, or is refused; what is read is bounded, and refused soon."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from refusing import CONFIG, DEMO, refusal

from lacuna.config.chosen import check_chosen
from lacuna.config.yaml_files import BYTES, LARGEST, read_yaml
from lacuna.errors import LacunaError

if TYPE_CHECKING:
    from pathlib import Path

    from projects import Project

# Leading zeros, sexagesimal, underscores, other bases, words of YAML 1.1, and the same behind explicit tags.
UNCLEAR = [
    *(
        "010",
        "1:30",
        "1_0",
        "0x10",
        "0o10",
        "0b101",
        "0777",
        "08",
        "-012",
        "12:30:45",
        "1__0",
        "0.1_0",
        "0X1F",
        "1e5_0",
    ),
    *("yes", "No", "on", "OFF", ".Inf", ".NaN", "00", "1:30.5"),
    *("!!int 010", '!!int "0x10"', "!!int 1_0", "!!bool yes", "!!float 1:30", "!!int 3.5"),
]
CLEAR: list[tuple[str, Any]] = [
    *(("0", 0), ("-0", 0), ("+7", 7), ("128", 128), ("1e3", 1000.0), ("1.5e-3", 0.0015), (".5", 0.5), ("5.", 5.0)),
    *(("true", True), ("False", False), ("null", None), ("~", None), ("", None)),
    *(("1/8", "1/8"), ("1.2.3", "1.2.3"), ("'010'", "010"), ('"1:30"', "1:30"), ("2020-01-01", "2020-01-01")),
    *(("y", "y"), ("n", "n"), ("1,000", "1,000"), ("_1", "_1"), ("٣", "٣"), ("8x", "8x"), ("!!float 3", 3.0)),
]
SECONDS = 10  # that a refusal may take at most; without bounds the same files take hours


def read(folder: Path, text: str) -> Any:
    (folder / "some.yaml").write_text(text, encoding="utf-8")
    return read_yaml(folder / "some.yaml", folder)


def refused(folder: Path, text: str) -> str:
    begun = time.monotonic()
    with pytest.raises(LacunaError) as error:
        read(folder, text)
    assert time.monotonic() - begun < SECONDS
    assert str(error.value).startswith("some.yaml")
    assert len(str(error.value)) < 500
    return str(error.value)


@pytest.mark.parametrize("text", UNCLEAR)
def test_a_value_that_programs_read_in_several_ways_is_refused(tmp_path: Path, text: str) -> None:
    assert ", line 2: " in refused(tmp_path, f"a: 1\nepochs: {text}\n")
    assert "is not read alike" in refused(tmp_path, f"- {text}\n")


@pytest.mark.parametrize(("text", "value"), CLEAR)
def test_what_every_person_reads_alike_is_read(tmp_path: Path, text: str, value: Any) -> None:
    found = read(tmp_path, f"a: {text}\n")["a"]
    assert (found, type(found)) == (value, type(value))


def test_the_files_that_come_along_say_what_plain_yaml_reads(root: Path) -> None:
    for path in (root / "config").rglob("*.yaml"):
        assert json.dumps(read_yaml(path, root)) == json.dumps(yaml.safe_load(path.read_text())), path


@settings(max_examples=2000, deadline=None, derandomize=True, database=None)
@given(st.from_regex(r"[-+]?[0-9._:exobEXOB]{1,8}", fullmatch=True))
def test_2000_texts_like_numbers_are_decimal_or_texts_or_refused(tmp_path_factory: Any, text: str) -> None:
    """A number that is read is the one that Python has for the same characters, which have no leading zero."""
    try:
        found = read(tmp_path_factory.getbasetemp(), f"a: {text}\n")["a"]
    except LacunaError:
        return
    if isinstance(found, str):
        assert found == text
        assert not isinstance(yaml.safe_load(f"a: {text}")["a"], int | float)
    elif isinstance(found, int | float):
        assert found == float(text)
        assert not re.match("[-+]?0[0-9]", text)


@pytest.mark.parametrize("text", ["010", "1:30", "1_0", "0x10", "1" + "0" * 30, "100001", "0"])
def test_impossible_epochs_are_refused_in_the_scales_file(project: Project, text: str) -> None:
    project.rewrite(DEMO, lambda content: content.replace("    epochs: 4\n", f"    epochs: {text}\n", 1))
    said = refusal(project)
    assert said.startswith(DEMO)
    assert "; allowed: " in said


@pytest.mark.parametrize("text", ["1000000/1", "7", "999999999/999999999999", "1/1000", "1e3", "08/64:1"])
def test_impossible_widths_are_refused(project: Project, text: str) -> None:
    project.rewrite(DEMO, lambda content: content.replace("width: 1/8\n", f"width: {text}\n"))
    assert refusal(project).startswith(DEMO)


@pytest.mark.parametrize("seeds", [10_000_000, 1001, 10**30, -1])
def test_impossible_numbers_of_seeds_are_refused_at_once(project: Project, seeds: int) -> None:
    begun = time.monotonic()
    assert f"key seeds: {seeds} is not allowed" in refusal(project, seeds=seeds)
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("key", ["batch_size", "images.transfer", "seed"])
def test_an_integer_beyond_2_to_the_53_is_refused(project: Project, key: str) -> None:
    if key == "seed":
        assert "key seed: " in refusal(project, seed=2**53)
        return
    name = key.rpartition(".")[2]
    project.rewrite(DEMO, lambda content: re.sub(rf"( {name}): [0-9]+", rf"\1: {2**53}", content, count=1))
    assert name in refusal(project)


def merge_bomb(levels: int, copies: int) -> str:
    """Each mapping merges the one before many times over, and has keys of its own."""
    lines = ["a0: &a0 {" + ", ".join(f"k{i}: 1" for i in range(100)) + "}"]
    for level in range(1, levels):
        merged = ", ".join([f"*a{level - 1}"] * copies)
        lines.append(f"a{level}: &a{level} {{<<: [{merged}], z{level}: 1}}")
    return "\n".join(lines) + "\n"


def aliases(levels: int) -> str:
    lines = [f"a{i}: &a{i} {{x: *a{i - 1}, y: *a{i - 1}}}" for i in range(1, levels)]
    return "\n".join(["a0: &a0 {x: 1}", *lines])


BOMBS = {
    "merge keys": merge_bomb(30, 20),
    "one wide merge": "a: &a {"
    + ", ".join(f"k{i}: 1" for i in range(9000))
    + "}\nb: {<<: ["
    + "*a, " * 9000
    + "*a]}\n",
    "a deep chain": "x: [["
    + ", ".join(["&a0 {k: 1}", *(f"&a{i} {{<<: *a{i - 1}}}" for i in range(1, 5000))])
    + "]]\ny: {<<: *a4999}\n",
    "too many keys": "".join(f"k{i}: 1\n" for i in range(LARGEST + 1)),
    "aliases": aliases(25),
    "too many anchors": "".join(f"- &a{i} x\n" for i in range(LARGEST + 1)),
    "a long list": "a: [" + "1, " * LARGEST + "1]\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_of_endless_work_is_refused_soon(tmp_path: Path, name: str) -> None:
    refused(tmp_path, BOMBS[name])


def test_a_file_of_20000_keys_is_refused_for_the_first_of_them_soon(project: Project) -> None:
    project.rewrite(DEMO, lambda content: content + "".join(f"k{i}: 1\n" for i in range(20_000)))
    begun = time.monotonic()
    assert "key k0 is not known" in refusal(project)
    assert time.monotonic() - begun < SECONDS


def test_a_file_that_is_too_large_or_no_file_is_refused(tmp_path: Path) -> None:
    assert f"at most {BYTES}" in refused(tmp_path, "#" * (BYTES + 1))
    (tmp_path / "some.yaml").unlink()
    (tmp_path / "some.yaml").mkdir()
    with pytest.raises(LacunaError, match="not a regular file"):
        read_yaml(tmp_path / "some.yaml", tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "some.yaml")
    with pytest.raises(LacunaError, match="not a regular file"):
        read_yaml(tmp_path / "some.yaml", tmp_path)


def test_merged_keys_are_overridden_by_ones_own_wherever_they_are_looked_at_first(tmp_path: Path) -> None:
    text = "a: &a {x: 1, w: 5}\nq: {b: &b {<<: *a, x: 2}}\nc: {<<: *b, y: 3}\nd: {<<: [*b, *a]}\ne: &e {<<: *e, z: 1}\n"
    found = read(tmp_path, text)
    assert found == {
        "a": {"x": 1, "w": 5},
        "q": {"b": {"x": 2, "w": 5}},
        "c": {"x": 2, "w": 5, "y": 3},
        "d": {"x": 2, "w": 5},
        "e": {"z": 1},
    }
    assert list(found["c"]) == ["x", "w", "y"]


@pytest.mark.parametrize("text", ["\\x07", "\\e[2J", "a\\rb", "\\0", "\\ufffe", "\\x9b31m", "a\\bb"])
def test_control_characters_are_refused(tmp_path: Path, text: str) -> None:
    assert "has control characters" in refused(tmp_path, f'a: "{text}"')
    assert read(tmp_path, 'a: "two\\nlines, é"')["a"] == "two\nlines, é"


@pytest.mark.parametrize("text", ["a: 1\na: 2", '{"a": 1, "a": 2}', 'a: 1\n"a": 1', "b: {<<: {x: 1}, y: 1, y: 2}"])
def test_a_key_written_twice_is_refused(tmp_path: Path, text: str) -> None:
    assert "is written twice" in refused(tmp_path, text)


# What a command line chooses.


@pytest.mark.parametrize("value", ["010", "1_0", "0x10", "1:30", "٣", "nan", "infinity", "1__0", " 3", "yes", "0o7"])
def test_a_value_of_config_that_a_person_reads_otherwise_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(LacunaError, match=f"--config, key seed: {re.escape(value)} is not read alike"):
        check_chosen([], [f"seed={value}"], tmp_path)


@pytest.mark.parametrize(
    "entries", [["seed=1", "seed=2"], ["scale=demo", "seed=1", "scale=demo"], ["seeds=1", "seeds="]]
)
def test_a_key_of_config_that_stands_twice_is_refused(tmp_path: Path, entries: list[str]) -> None:
    with pytest.raises(LacunaError, match=r"--config: key '\w+' is written twice"):
        check_chosen([], entries, tmp_path)


def test_a_plain_choice_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("scale: demo\n")
    chosen = ["seed=10", "scale=laptop", "fold_batch_norm=true", "baseline=../other run", "mask_place=paper"]
    check_chosen([tmp_path / "mine.yaml"], chosen, tmp_path)


@pytest.mark.parametrize("text", ["seed: 010", "seed: 1\nseed: 2", '{"seed": 1, "seed": 2}', merge_bomb(30, 20)])
def test_a_configfile_is_read_as_the_projects_own_files_are(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(LacunaError, match=r"mine\.yaml"):
        check_chosen([tmp_path / "mine.yaml"], [], tmp_path / "elsewhere")


def test_the_file_of_choices_itself_is_read_so(project: Project) -> None:
    project.rewrite(CONFIG, lambda text: text.replace("seed: 0\n", "seed: 010\n"))
    assert refusal(project, seed=8).startswith(f"{CONFIG}, line ")
