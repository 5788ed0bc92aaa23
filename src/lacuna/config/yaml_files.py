"""Reads YAML files, of which it refuses what JSON could not hold and keys that are written twice."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml

from lacuna.errors import LacunaError

DEEPEST, LARGEST = 60, 200_000  # levels and values of a YAML file; the largest here has 6 and some thousands
LONGEST = 100  # characters of a key, which may become part of a file's name
TEXT = 600  # characters of a value; the longest notes have some 300


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast where built
    """Safe YAML that refuses a key written twice, which plain YAML lets the later one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping; raises `LacunaError` naming a key that stands in it twice."""
        merge = "tag:yaml.org,2002:merge"  # `<<: *anchor`, which may be overridden on purpose
        keys = [self.construct_object(key, deep) for key, _ in node.value if key.tag != merge]
        for key in keys:
            if keys.count(key) > 1:
                raise LacunaError(f"{self.name}: key '{key}' is written twice, line {node.start_mark.line + 1} on")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, root: Path) -> Any:
    """A YAML file's content. Raises `LacunaError` naming the file, relative to ``root``, where it does not parse."""
    name = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
        _refuse_depth(name, text)
        loader = _Loader(text)
        loader.name = name
        content = loader.get_single_data()
    except OSError as error:
        raise LacunaError(f"{name} cannot be read ({error.strerror}); restore it with git checkout") from None
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, LookupError, TypeError) as error:  # !!bool x
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).partition("\n")[0]
        raise LacunaError(f"{name}{where}: not valid YAML ({problem})") from None
    for problem in _strange(content):
        raise LacunaError(f"{name}: {problem}")
    return content


def _refuse_depth(name: str, text: str) -> None:
    """Before anything is built from it: the parser's recursion ends the process at some ten thousand levels."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise LacunaError(f"{name}: nested deeper than {DEEPEST} levels; allowed: at most {DEEPEST}")


def _strange(content: Any) -> Iterator[str]:
    """What JSON could not hold: keys that are no texts, dates, bytes, sets, and what contains itself."""
    left, met = [content], 0
    while left and met < LARGEST:
        value, met = left.pop(), met + 1
        if isinstance(value, dict):
            yield from filter(None, map(_strange_key, value))
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, str) and len(value) > TEXT:
            yield f"a text of {len(value)} characters that begins with {value[:40]!r}; allowed: at most {TEXT}"
        elif not isinstance(value, str | int | float | None):
            allowed = "texts (in quotes), numbers, true, false, null"
            yield f"{str(value)[:40]!r} is a {type(value).__name__}; allowed: {allowed}"
    if left:
        yield f"more than {LARGEST} values once every alias is followed; allowed: fewer"


def _strange_key(key: Any) -> str | None:
    if not isinstance(key, str):
        return f"key {key!r} is not a text; put it in quotes"
    if len(key) > LONGEST or not key.isprintable():
        return f"key {key[:40]!r} is too long or has control characters; allowed: at most {LONGEST} printable ones"
    return None
