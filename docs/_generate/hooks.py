"""What `mkdocs build` does besides rendering docs/: it adds pages, and checks every link of the site."""

import re
from collections.abc import Iterable
from pathlib import Path

import audited
import links
import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Link, Navigation, Section
from mkdocs.structure.pages import Page

AUDIT = "results/demo/audit.html"
# Links that lead somewhere in a checkout, and where they lead in the site, which has more.
IN_THE_SITE = {"../README.md#what-you-can-ask-for": "reference/exhibits.md"}
# A cell of a table that is a number, or several: it stays on one line.
NUMBERS = re.compile(r"<td>(?=[-+\d.,| ]*\d[-+\d.,| %]*</td>)")
NAME = re.compile(r"(?<=<code>)[^<\s]{20,}(?=</code>)")
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
        own: list[object] = [entry(path.relative_to(docs)) for path in pages]
        own += [{"The audit": AUDIT}] * (below == docs / Path(AUDIT).parent)
        if inside := own + results_below(docs, below):
            entries.append({below.name: inside})
    return entries


def entry(path: Path) -> object:
    """A page of results as an entry: by its own title, but a table by its name, which is shorter."""
    return path.as_posix() if path.stem == "README" else {path.stem: path.as_posix()}


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts table2 before table10."""
    return [(int(part or 0), word) for word, part in re.findall(r"(\D+)(\d*)", name)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the reference, the audit's page, and CONTRIBUTING.md from the top of the checkout."""
    root = Path(config.config_file_path).parent
    contributing = (root / "CONTRIBUTING.md").read_text().replace("](docs/", "](")
    for name, content in {"contributing.md": contributing, **reference.pages(root), AUDIT: audited.page(root)}.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """An entry such as extend.md#a-row leads to a heading, which MkDocs itself does not know."""
    for link in links_in(nav.items):
        path, _, anchor = link.url.partition("#")
        if file := files.get_file_from_path(path):
            link.url = f"{file.url}#{anchor}" if anchor else file.url


def links_in(items: Iterable[object]) -> list[Link]:
    """All links of a navigation."""
    below = [link for item in items if isinstance(item, Section) for link in links_in(item.children)]
    return [item for item in items if isinstance(item, Link)] + below


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A block that names its file gets the name as a title; a picture that a table links to is shown there.

    Links that lead out of docs/ lead to the page of the site in their place.
    """
    for link, place in IN_THE_SITE.items():
        markdown = markdown.replace(f"]({link})", f"]({place})")
    titled = re.sub(r"^```(\w+) (\S+)$", r'```\1 title="\2"', markdown, flags=re.M)
    lines = titled.splitlines()
    return "\n".join(PICTURE.sub(r"[![\1](\2)](\2)<br>\1", line) if line.startswith("|") else line for line in lines)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Numbers in a table stay on one line; a long name may break after a dot, a slash or an underscore."""
    html = NUMBERS.sub('<td class="number">', html)
    return NAME.sub(lambda found: re.sub(r"(?<=[\w\]])([./_])(?=[\w<&*])", r"\1<wbr>", found[0]), html)


def on_post_build(config: MkDocsConfig) -> None:
    """Raises `mkdocs.exceptions.Abort` where a link of the site leads nowhere, or an asset comes from elsewhere."""
    links.check(Path(config.site_dir))
