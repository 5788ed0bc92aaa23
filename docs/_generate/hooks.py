"""What `mkdocs build` does besides rendering docs/: it adds pages, and checks every link of the site."""

import re
from collections.abc import Iterable
from pathlib import Path

import links
import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page

PICTURE = re.compile(r"(?<!!)\[([^]]*)\]\(([\w./-]+\.png)\)")


def on_config(config: MkDocsConfig) -> None:
    """Every page below docs/results/ stands in the navigation."""
    (results,) = (section["Results"] for section in config.nav or [] if "Results" in section)
    results += results_below(Path(config.docs_dir), Path(config.docs_dir) / "results")


def results_below(docs: Path, folder: Path) -> list[object]:
    """An entry of the navigation for each folder with pages below ``folder``; its README comes first."""
    entries: list[object] = []
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        pages = sorted(below.glob("*.md"), key=lambda path: (path.stem != "README", *natural(path.stem)))
        own: list[object] = [path.relative_to(docs).as_posix() for path in pages]
        entries.append({below.name: own + results_below(docs, below)})
    return entries


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts table2 before table10."""
    return [(int(part or 0), word) for word, part in re.findall(r"(\D+)(\d*)", name)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the reference, and CONTRIBUTING.md from the top of the checkout."""
    root = Path(config.config_file_path).parent
    contributing = (root / "CONTRIBUTING.md").read_text().replace("](docs/", "](")
    for name, content in {"contributing.md": contributing, **reference.pages(root)}.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """An entry such as extend.md#a-row leads to a heading, which MkDocs itself does not know."""
    for link in links_in(nav.items):
        path, _, anchor = link.url.partition("#")
        if file := files.get_file_from_path(path):
            link.url = f"{file.url}#{anchor}"


def links_in(items: Iterable[object]) -> list[Link]:
    """All links of a navigation."""
    below = [link for item in items if isinstance(item, Section) for link in links_in(item.children)]
    return [item for item in items if isinstance(item, Link)] + below


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A block that names its file gets the name as a title; a picture that a table links to is shown there."""
    titled = re.sub(r"^```(\w+) (\S+)$", r'```\1 title="\2"', markdown, flags=re.M)
    lines = titled.splitlines()
    return "\n".join(PICTURE.sub(r"[![\1](\2)](\2)<br>\1", line) if line.startswith("|") else line for line in lines)


def on_post_build(config: MkDocsConfig) -> None:
    """Raises `mkdocs.exceptions.Abort` where a link of the site leads nowhere, or an asset comes from elsewhere."""
    links.check(Path(config.site_dir))
