"""Reads YAML files: bounded work, no value that a person reads as another, nothing that JSON could not hold."""

import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from stat import S_ISREG
from typing import Any, ClassVar

import yaml

from lacuna.errors import LacunaError

DEEPEST, LARGEST = 60, 200_000  # levels and values of a YAML file; a table of 10,000 networks has 120,000
MERGED = 50_000  # keys that merge keys bring, each of which costs more than a value
BYTES = 5_000_000  # of a file; the largest here has some 60,000
LONGEST = 100  # characters of a key, which may become part of a file's name
TEXT = 600  # characters of a value; the longest notes have some 300
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # what SVG and terminals cannot show

INTEGER = "[-+]?(?:0|[1-9][0-9]*)"
FLOAT = rf"(?:{INTEGER}\.[0-9]*|[-+]?\.[0-9]+)(?:[eE][-+]?[0-9]+)?|{INTEGER}[eE][-+]?[0-9]+|[-+]?\.(?:inf|nan)"
# Of YAML 1.1 and 1.2: leading zeros, underscores, sexagesimal, binary, octal and hexadecimal digits.
OTHERS = r"[-+]?(?:0[box][0-9a-f_]+|\.?[0-9][0-9_]*(?::[0-9_]+)*(?:\.[0-9_]*)?(?:e[-+]?[0-9_]+)?|\.(?:inf|nan))"
CORE = "tag:yaml.org,2002:"
MERGE, UNCLEAR = f"{CORE}merge", "tag:lacuna,2026:unclear"
PLAIN = {  # the core schema of YAML 1.2, without octal and hexadecimal numbers
    f"{CORE}null": re.compile(r"(?:~|null|Null|NULL|)\Z"),
    f"{CORE}bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    f"{CORE}int": re.compile(rf"(?:{INTEGER})\Z"),
    f"{CORE}float": re.compile(rf"(?:{FLOAT})\Z"),
}
NO_PLAIN = re.compile(rf"(?:{OTHERS}|yes|no|on|off)\Z", re.IGNORECASE)
UNLIKE = "is not read alike by all programs; allowed: a number in decimal digits, true, false, or a text"
TOO_MANY = f"more than {LARGEST} values once every alias is followed; allowed: fewer"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast where built
    """Safe YAML of the core schema of YAML 1.2 and of merge keys, in which a number is what a person reads.

    Plain YAML lets the later of two equal keys win; here a key written twice is refused. What versions of YAML read as
    different values, such as ``010``, ``1:30`` or ``yes``, is refused too.
    """

    yaml_implicit_resolvers: ClassVar[dict[str | None, list[tuple[str, re.Pattern[str]]]]] = {}
    merged = 0  # keys that merge keys have brought

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Puts the keys of merged mappings before a mapping's own; raises `LacunaError` for a key written twice."""
        own = [pair for pair in node.value if pair[0].tag != MERGE]
        parents = [part for key, value in node.value if key.tag == MERGE for part in _mappings(value)]
        self._refuse_twice(node, own)
        node.value = own  # before the parents are looked at, of which the mapping itself may be one
        for parent in parents:
            self.flatten_mapping(parent)
            self.merged += len(parent.value)
            if self.merged > MERGED:
                raise LacunaError(f"{self.name}: merge keys bring more than {MERGED} keys; allowed: fewer")
        every = [pair for parent in parents for pair in parent.value] + own
        node.value = list({_identity(key): (key, value) for key, value in every}.values())

    def _refuse_twice(self, node: yaml.MappingNode, pairs: list[tuple[yaml.Node, yaml.Node]]) -> None:
        met: set[Hashable] = set()
        for key, _ in pairs:
            if _identity(key) in met:
                said = f"key '{str(key.value)[:LONGEST]}' is written twice"
                raise LacunaError(f"{self.name}: {said}, line {node.start_mark.line + 1} on")
            met.add(_identity(key))

    def construct_plain(self, node: yaml.ScalarNode) -> Any:
        """A number, true, false or null. Raises `LacunaError` where a program may read another value."""
        kinds = {node.tag, f"{CORE}int"} if node.tag == f"{CORE}float" else {node.tag}  # !!float 3
        if not any(kind in PLAIN and PLAIN[kind].match(node.value) for kind in kinds):
            where = f"{self.name}, line {node.start_mark.line + 1}"
            raise LacunaError(f"{where}: {node.value[:40]} {UNLIKE} in quotes")
        return yaml.SafeLoader.yaml_constructors[node.tag](self, node)


for _tag, _pattern in PLAIN.items():
    _Loader.add_implicit_resolver(_tag, _pattern, None)
    _Loader.add_constructor(_tag, _Loader.construct_plain)
_Loader.add_implicit_resolver(MERGE, re.compile(r"<<\Z"), ["<"])
_Loader.add_implicit_resolver(UNCLEAR, NO_PLAIN, None)
_Loader.add_constructor(UNCLEAR, _Loader.construct_plain)


def _mappings(node: yaml.Node) -> list[yaml.MappingNode]:
    """What a merge key names; the last wins, which in a list is the first."""
    parts = node.value[::-1] if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(part, yaml.MappingNode) for part in parts):
        raise yaml.constructor.ConstructorError(None, None, "<< takes mappings", node.start_mark)
    return list(parts)


def _identity(key: yaml.Node) -> Hashable:
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def read_yaml(path: Path, root: Path) -> Any:
    """A YAML file's content. Raises `LacunaError` naming the file, as `name_of` does, where it does not parse."""
    name = name_of(path, root)
    try:
        content = _loaded(name, _text(name, path))
    except OSError as error:
        ours = path.is_relative_to(root)
        mend = "restore it with git checkout" if ours else "allowed: a file of YAML that may be read"
        raise LacunaError(f"{name} cannot be read ({error.strerror}); {mend}") from None
    except RecursionError:  # a chain of merge keys, the last of which is looked at first
        raise LacunaError(f"{name}: merge keys follow each other too deeply; allowed: some hundred levels") from None
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, LookupError, TypeError) as error:  # !!set x
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).partition("\n")[0]
        raise LacunaError(f"{name}{where}: not valid YAML ({problem})") from None
    for problem in _strange(content):
        raise LacunaError(f"{name}: {problem}")
    return content


def name_of(path: Path, root: Path) -> str:
    """How a sentence names a file: relative to ``root`` where it lies below it."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def refuse_misread(where: str, text: str) -> None:
    """Raises `LacunaError` for a value of a command line that Python reads as a number and a person may not.

    Snakemake reads ``1_0`` as 10 there, and ``010`` as 10 where YAML has 8.
    """
    if PLAIN[f"{CORE}int"].match(text) or PLAIN[f"{CORE}float"].match(text):
        return
    try:
        float(text)
    except ValueError:
        if not NO_PLAIN.match(text):
            return
    raise LacunaError(f"{where}: {text[:40]} {UNLIKE}")


def _text(name: str, path: Path) -> str:
    status = path.stat()
    if not S_ISREG(status.st_mode):
        raise LacunaError(f"{name} is not a regular file; allowed: a file of YAML")
    if status.st_size > BYTES:
        raise LacunaError(f"{name} has {status.st_size} bytes; allowed: at most {BYTES}")
    return path.read_text(encoding="utf-8")


def _loaded(name: str, text: str) -> Any:
    _refuse_size(name, text)
    loader = _Loader(text)
    loader.name = name
    return loader.get_single_data()


def _refuse_size(name: str, text: str) -> None:
    """Before anything is built from it: the parser's recursion ends the process at some ten thousand levels."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_Loader):
        values += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise LacunaError(f"{name}: nested deeper than {DEEPEST} levels; allowed: at most {DEEPEST}")
        if values > LARGEST:
            raise LacunaError(f"{name}: {TOO_MANY}")


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
        elif isinstance(value, str) and CONTROL.search(value):
            yield f"the text {value[:40]!r} has control characters; allowed: printable ones and line breaks"
        elif not isinstance(value, str | int | float | None):
            allowed = "texts (in quotes), numbers, true, false, null"
            yield f"{str(value)[:40]!r} is a {type(value).__name__}; allowed: {allowed}"
    if left:
        yield TOO_MANY


def _strange_key(key: Any) -> str | None:
    if not isinstance(key, str):
        return f"key {key!r} is not a text; put it in quotes"
    if len(key) > LONGEST or not key.isprintable():
        return f"key {key[:40]!r} is too long or has control characters; allowed: at most {LONGEST} printable ones"
    return None
