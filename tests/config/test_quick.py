"""The quick validator lets a file pass just where the one that writes sentences finds nothing wrong."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lacuna.config import schema
from lacuna.config.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
FILES = {
    "config/papers/dual.yaml": "paper",
    "config/papers/advdrop.yaml": "paper",
    "config/scales/demo.yaml": "scale",
    "config/datasets.yaml": "datasets",
}
VALUES = [None, True, 0, 1, -1, 4.0, 0.5, 1e300, float("nan"), 2**53, "", "a", "a\n", "٣", "1/4", "own-a:b", [], {}]
VALUES += ["resnet18-standard-s0", "8/255", ["a", "a"], {"a": 1}, {1: "a"}, "mypackage.attacks:mine", " ", "\n"]
READ = {file: read_yaml(ROOT / file, ROOT) for file in FILES}


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in parts:
        yield (*place, key)
        yield from places(part, (*place, key))


def changed(content: Any, place: tuple[Any, ...], value: Any, how: str) -> Any:
    whole = copy.deepcopy(content)
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    if how == "put":
        inner[place[-1]] = value
    elif how == "drop":
        del inner[place[-1]]
    elif isinstance(inner, dict):
        inner[str(value)] = inner[place[-1]]
    else:
        inner.append(value)
    return whole


@pytest.mark.parametrize("file", FILES)
def test_both_validators_judge_alike(file: str) -> None:
    text = (ROOT / f"workflow/schemas/{FILES[file]}.schema.yaml").read_text()
    every = list(places(READ[file]))
    quick, slow = schema._quick(FILES[file], text), schema._slow(FILES[file], text)
    refused = 0

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(every), st.sampled_from(VALUES), st.sampled_from(["put", "drop", "add"]))
    def judge(place: tuple[Any, ...], value: Any, how: str) -> None:
        nonlocal refused
        content = changed(READ[file], place, value, how)
        wrong = next(slow.iter_errors(content), None)
        refused += wrong is not None
        if schema._plain(content):
            assert quick.is_valid(content) == (wrong is None), (place, value, how)
        else:
            assert value not in ("a", True, "8/255")

    judge()
    assert refused > 10
    assert schema._plain(READ[file]), "or the quick validator would not be asked"
