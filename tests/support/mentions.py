"""What a document or a source file mentions: code in backticks, commands, links, paths, excerpts of YAML."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

FENCED = re.compile(r"^```([\w-]*) ?(\S*)\n(.*?)^```$", re.M | re.S)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)((?: {4}\S[^\n]*\n)+)")
SPAN = re.compile(r"(?<!`)(``?)(?!`)((?:[^`\n]|\n(?!\n))+?)\1(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
PLACEHOLDER = re.compile(r"<[a-z][^<>`|]*>|DIGITS\b")  # <name>, and a cell's digits


@dataclass(frozen=True)
class Block:
    """A fenced or indented block: its language, the file that it is an excerpt of, its text."""

    language: str
    file: str
    text: str


@dataclass(frozen=True)
class Source:
    """A text of the repository that people read: ``name`` is its path, ``prose`` is what it says outside blocks.

    ``spans`` are its pieces of code in backticks. ``own`` are the words of the code that it describes: a docstring
    names parameters and attributes, which exist nowhere but there.
    """

    name: str
    prose: str
    spans: tuple[str, ...]
    blocks: tuple[Block, ...] = ()
    own: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def anchors(self) -> set[str]:
        """Anchors of the headings, as GitHub makes them."""
        found: dict[str, int] = {}
        for heading in HEADING.findall(self.prose):
            text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            found[slug] = found.get(slug, -1) + 1
        return {f"{slug}-{n}" if n else slug for slug, last in found.items() for n in range(last + 1)}

    @property
    def commands(self) -> Iterator[str]:
        """Lines of blocks and pieces of code, one command each, without prompt and comment."""
        lines = [
            line for block in self.blocks if block.language in ("", "sh") for line in joined(block.text).splitlines()
        ]
        for line in [*lines, *self.spans]:
            for command in re.split(r" \|\| | && | \| |; ", re.sub(r"\s#\s.*$", "", line.removeprefix("$ "))):
                yield command.strip()


def joined(text: str) -> str:
    """Shell lines with those that a backslash continues."""
    return text.replace("\\\n", " ")


def flat(span: str) -> str:
    """A piece of code on one line."""
    return " ".join(span.split())


def spans_of(text: str) -> tuple[str, ...]:
    return tuple(flat(found[2]) for found in SPAN.finditer(text))


def markdown(name: str, text: str) -> Source:
    """A Markdown document."""
    fenced = [Block(*found.groups()) for found in FENCED.finditer(text)]
    prose = FENCED.sub("", text)
    indented = [Block("", "", re.sub(r"^ {4}", "", found[1], flags=re.M)) for found in INDENTED.finditer(prose)]
    prose = INDENTED.sub("", prose)
    return Source(name, prose, spans_of(prose), tuple(fenced + indented))


def python(name: str, text: str) -> Source:
    """Docstrings and comments of a Python module."""
    tree = ast.parse(text)
    holders = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    documented = [(node, ast.get_docstring(node)) for node in holders]
    said = [text for _, text in documented if text]
    for node, docstring in documented:
        if docstring:
            node.body = node.body[1:] or [ast.Pass()]
    prose = "\n\n".join([*said, comments_of(text)])
    return Source(name, prose, spans_of(prose), own=frozenset(re.findall(r"\w+", ast.unparse(tree))))


def rules(name: str, text: str) -> Source:
    """Docstrings and comments of a file of rules, which is nearly Python."""
    docstring = re.compile(r'^ *"""(.*?)"""', re.M | re.S)
    prose = "\n\n".join([*docstring.findall(text), comments_of(text)])
    code = re.sub(r"(?m)(?:^|\s)#.*$", "", docstring.sub("", text))
    return Source(name, prose, spans_of(prose), own=frozenset(re.findall(r"\w+", code)))


def comments_of(text: str) -> str:
    """Comments of a text that has Python's tokens; lines that follow each other are one."""
    found, last = [""], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            found.append("\n" if token.start[0] == last + 1 else "\n\n")
            found.append(token.string.lstrip("#: "))
            last = token.start[0]
    return "".join(found)


def hashed(name: str, text: str) -> Source:
    """Comments of a YAML file or a Makefile."""
    lines = re.findall(r"(?:^|\s)# ?(.*)$|^()", text, re.M)
    prose = "\n".join(comment for comment, _ in lines)
    return Source(name, prose, spans_of(prose))


def excerpt(text: str) -> object:
    """The content of a piece of YAML in which `...` stands for whatever else there may be, a dotted key for a place."""
    content = yaml.safe_load(re.sub(r", \.\.\.(?=[}\]])|(?<=\[)\.\.\.(?=\])|\w+: \.\.\.(?:, |(?=}))", "", text))
    for key in [key for key in content if "." in str(key)] if isinstance(content, dict) else ():
        first, _, rest = key.partition(".")
        content[first] = excerpt(f"{rest}: {content.pop(key)}")
    return content


def read(root: Path, name: str) -> Source:
    """A file of the repository."""
    text = (root / name).read_text()
    how = {".md": markdown, ".py": python, ".smk": rules, ".yaml": hashed}
    return how.get(Path(name).suffix, rules if name == "Snakefile" else hashed)(name, text)
