"""Checks the links of a site that was built."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urldefrag

from mkdocs.exceptions import Abort

TAG = re.compile(r"<(\w+)\s([^>]*)>")
TARGET = re.compile(r'(?<![\w-])(?:href|src)="?([^\s">]+)')
NAMED = re.compile(r'\sid="?([^\s">]+)')


def check(site: Path) -> None:
    """Raises `mkdocs.exceptions.Abort` that names every link to nothing, and every asset that lies elsewhere."""
    pages = {path.resolve(): path.read_text() for path in site.rglob("*.html") if path.name != "404.html"}
    named = {path: set(NAMED.findall(text)) for path, text in pages.items()}
    if wrong := sorted({fault for path in pages for fault in faults(site.resolve(), path, pages[path], named)}):
        raise Abort("\n".join(["links of the site that lead nowhere:", *wrong]))


def faults(site: Path, page: Path, text: str, named: dict[Path, set[str]]) -> Iterator[str]:
    """One line for each wrong link of a page; ``named`` are the anchors of every page."""
    for tag, attributes in TAG.findall(text):
        for target in TARGET.findall(attributes):
            where, anchor = urldefrag(unquote(target))
            if re.match(r"[a-z]+:|//", target):
                if tag != "a" and not target.startswith("data:"):
                    yield f"{page.relative_to(site)}: <{tag}> takes {target} from elsewhere"
                continue
            file = (page.parent / where).resolve() if where else page
            if not file.is_file() or site not in file.parents:
                yield f"{page.relative_to(site)}: {target}: there is no such file"
            elif anchor and file in named and anchor not in named[file] and not anchor.startswith("__"):
                yield f"{page.relative_to(site)}: {target}: there is no such heading"
