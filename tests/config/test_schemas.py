"""The schemas are what a user reads, in sentences about mistakes and in reference pages: each key says what it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

SCHEMAS = sorted((Path(__file__).parents[2] / "workflow/schemas").glob("*.schema.yaml"))
LONGEST = 280  # characters of a description, which ends one sentence
# What is allowed without a word on what it is for.
BARE = r"(an? (text|sentence|number|integer|path)( of at least [\d.]+| above \d+| in [\[(].*[\])])?|true or false)"
# Parts that are put together from what attacks and plots say of their own parameters.
ELSEWHERE = ("$defs.budget.", "$defs.training.properties.attack.", "$defs.figure.")
Place = tuple[str, ...]


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def walk(schema: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every part of a schema with its place."""
    yield place, schema
    parts = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for key, part in parts:
        yield from walk(part, (*place, str(key)))


def keys(schema: Any) -> Iterator[tuple[str, str]]:
    """Every key of a file that a schema knows, and its description: its own, or that of what it refers to."""
    for place, part in walk(schema):
        if place[-2:-1] == ("properties",) and isinstance(part, dict) and not _case(place, part):
            named = schema.get("$defs", {}).get(part.get("$ref", "").removeprefix("#/$defs/"), {})
            yield ".".join(place), part.get("description", named.get("description", ""))


def _case(place: Place, part: dict[str, Any]) -> bool:
    """Whether a part only tells apart the values of a key that is described where it is allowed."""
    return "if" in place or bool({"const", "not"} & part.keys()) or ("oneOf" in place and part.keys() == {"enum"})


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_each_key_says_what_it_is(path: Path) -> None:
    schema = content(path)
    assert schema["description"]
    found = dict(keys(schema))
    assert len(found) >= 5
    mute = {key: text for key, text in found.items() if re.fullmatch(BARE, text) or not text}
    assert not {key: text for key, text in mute.items() if not key.startswith(ELSEWHERE)}


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_description_can_end_a_sentence(path: Path) -> None:
    """It stands after "allowed: "; a comma in a text without quotes would cut it off, and leave a key of no value."""
    texts = [(place, part) for place, part in walk(content(path)) if place[-1:] == ("description",)]
    for place, text in texts:
        if isinstance(text, str):
            assert re.fullmatch(r"(DeepGaze|[^A-Z\s]).*[^.\s]", text), (place, text)
            assert len(text) <= LONGEST, (place, text)
    assert not [place for place, part in walk(content(path)) if part is None]
