"""The documentation site: built strictly, without a network and without torch; complete, linked, self-contained."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from existing import nested, properties
from mkdocs.exceptions import Abort

from lacuna.config.schema import whole_schema
from lacuna.evaluation.outcomes import OUTCOME_COLUMNS
from lacuna.language.attacks import MEASURES, METHODS, OWN_METHOD
from lacuna.language.codes import GRADIENT_METRICS
from lacuna.language.models import ARCHITECTURES
from lacuna.numbers.metrics import METRICS
from lacuna.training.history import COLUMNS

if TYPE_CHECKING:
    from types import ModuleType

REFUSED = "raise ImportError('a documentation site needs no torch')"


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Builds the site of a checkout with the network and torch out of reach."""
    barred = site.parent / "barred"
    barred.mkdir(exist_ok=True)
    (barred / "torch.py").write_text(REFUSED)
    path = os.pathsep.join([str(barred), str(root / "src")])
    away = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    environment = {**os.environ, **away, "PYTHONPATH": path}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    built = build(root, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def links(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that checks the links of a site."""
    monkeypatch.syspath_prepend(root / "docs/_generate")
    return import_module("links")


def code(site: Path, page: str) -> set[str]:
    """What a page shows as code."""
    text = (site / f"{page}.html").read_text()
    return {unescape(re.sub("<[^>]*>", "", span)) for span in re.findall("<code>(.*?)</code>", text, re.S)}


def test_every_document_has_its_page_and_nothing_else_does(site: Path, root: Path) -> None:
    documents = {path.relative_to(root / "docs").with_suffix("") for path in (root / "docs").rglob("*.md")}
    expected = {path.with_name("index") if path.name == "README" else path for path in documents}
    made = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    assert expected <= made
    added = {path for path in made - expected if path.parent != Path("reference")}
    assert added == {Path("contributing"), Path("404"), Path("results/demo/audit")}


def test_every_page_is_reached_from_the_first_by_links(site: Path) -> None:
    seen, waiting = set(), [(site / "index.html").resolve()]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        targets = re.findall(r'<a [^>]*href="?([^"#> ]+\.html)', page.read_text())
        waiting += {(page.parent / target).resolve() for target in targets if "://" not in target} - seen - {*waiting}
    assert {path.resolve() for path in site.rglob("*.html")} - seen == {site.resolve() / "404.html"}


def test_no_page_takes_anything_from_elsewhere(site: Path) -> None:
    for path in [*site.rglob("*.html"), *site.rglob("*.css")]:
        text = path.read_text()
        taken = re.findall(r"(?:src=|url\(|@import )[\"']?((?:https?:)?//[^\"') >]+)", text)
        taken += re.findall(r"<link [^>]*href=[\"']?((?:https?:)?//[^\"' >]+)", text)
        assert taken == [], path


def test_the_search_has_its_index_for_pages_opened_as_files(site: Path) -> None:
    text = (site / "search/search_index.js").read_text()
    assert text.startswith("var __index = ")
    assert "reference/attacks.html" in text
    assert "assets/iframe-worker.js" in (site / "index.html").read_text()


def found_by_the_search(site: Path, words: str) -> list[str]:
    command = ["node", str(Path(__file__).parents[1] / "support/search.js"), str(site), words]
    found: list[str] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("lspga", "reference/attacks.html#lspga"),
        ("columns of files", "reference/columns.html"),
        ("segment-6", "datasets.html#segment-6"),
    ],
)
def test_the_search_of_a_site_opened_as_a_file_finds_what_it_has(site: Path, words: str, place: str) -> None:
    assert place in found_by_the_search(site, words)[:10]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
def test_the_search_takes_numbers(site: Path) -> None:
    """The theme's search fails for the beginning of a number that its index mixes up with another."""
    assert found_by_the_search(site, "0 1 2 3 4 5 6 7 8 9")


def test_no_markdown_is_left_as_text(site: Path) -> None:
    """What MkDocs reads otherwise than GitHub: lists in paragraphs, blocks in lists, tables without a line before."""
    for path in site.rglob("*.html"):
        text = re.sub("<(pre|code|script|style).*?</\\1>", "", path.read_text(), flags=re.S)
        assert re.findall(r"\n[*-] .*|\n\d\. .*|\| ?---.*|```.*|\]\(.*", text) == [], path


def test_a_link_to_the_readmes_list_leads_to_the_longer_list_of_the_site(site: Path, root: Path) -> None:
    assert "](../README.md#what-you-can-ask-for)" in (root / "docs/index.md").read_text()
    assert re.search(r'href="?reference/exhibits\.html', (site / "index.html").read_text())
    assert "README.md" not in re.findall(r'href="?([^" >]+)', (site / "index.html").read_text())


def test_numbers_of_a_table_stay_on_one_line_and_long_names_break_at_their_parts(site: Path) -> None:
    assert '<td class="number">5.98 | 43.04 | -</td>' in (site / "results/demo/defective/table3.html").read_text()
    assert "notes[].<wbr>needs.<wbr>training" in (site / "reference/keys-paper.html").read_text()


def test_there_is_a_light_and_a_dark_palette(site: Path) -> None:
    text = (site / "index.html").read_text()
    assert {"default", "slate"} <= set(re.findall(r"data-md-color-scheme=\"?(\w+)", text))


# The reference -----------------------------------------------------------------------------------------------------


def test_every_table_and_figure_stands_with_its_title(site: Path, root: Path) -> None:
    shown, text = code(site, "reference/exhibits"), unescape((site / "reference/exhibits.html").read_text())
    papers = [yaml.safe_load(path.read_text()) for path in (root / "config/papers").glob("*.yaml")]
    exhibits = {name: body for paper in papers for kind in ("tables", "figures") for name, body in paper[kind].items()}
    assert set(exhibits) <= shown
    assert [body["title"] for body in exhibits.values() if body["title"] not in text] == []


@pytest.mark.parametrize("name", ["config", "scale", "paper", "claims", "datasets", "audit"])
def test_every_key_of_a_schema_stands_in_the_reference(site: Path, root: Path, name: str) -> None:
    schema = whole_schema(name, (root / f"workflow/schemas/{name}.schema.yaml").read_text())
    shown = {part for place in code(site, f"reference/keys-{name}") for part in re.split(r"\.|\[\]", place)}
    keys = {key for node in nested(schema) for key, part in properties(node).items() if isinstance(part, dict)}
    assert keys - shown == set()
    assert len(keys) >= 8


def test_no_schema_is_left_out(root: Path, links: ModuleType) -> None:
    assert {f"{name}.schema.yaml" for name in import_module("keys").SCHEMAS} == {
        path.name for path in (root / "workflow/schemas").iterdir()
    }


def test_every_attack_stands_with_its_parameters(site: Path) -> None:
    sections = re.split("<h2 id=", (site / "reference/attacks.html").read_text())[1:]
    found = {section.partition(">")[0].strip('"'): section for section in sections}
    for name, method in {**METHODS, "an-attack-of-your-own": OWN_METHOD}.items():
        assert set(method.parameters) <= set(re.findall("<code>(.*?)</code>", found[name])), name


def test_every_architecture_stands_with_its_number_of_parameters(site: Path) -> None:
    text = (site / "reference/architectures.html").read_text()
    for name, architecture in ARCHITECTURES.items():
        assert re.search(rf'<code>{name}</code></td>\s*<td class="number">{architecture.parameters:,}</td>', text), name


def test_every_metric_and_every_column_stands(site: Path) -> None:
    assert {*METRICS, *MEASURES, *GRADIENT_METRICS} <= code(site, "reference/metrics")
    assert {*OUTCOME_COLUMNS, *COLUMNS} <= code(site, "reference/columns")


# What is refused ---------------------------------------------------------------------------------------------------


def write(site: Path, pages: dict[str, str]) -> Path:
    for name, text in pages.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    return site


GOOD = {
    "index.html": '<a href="a/b.html#here">x</a> <a href="https://example.org/">y</a>',
    "a/b.html": '<h2 id="here">',
}


def test_a_site_whose_links_lead_somewhere_passes(links: ModuleType, tmp_path: Path) -> None:
    links.check(write(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('<a href="a/c.html">', "a/c.html: there is no such file"),
        ("<a href=a/c.html>", "a/c.html: there is no such file"),
        ('<a href="a/">', "a/: there is no such file"),
        ('<a href="a/b.html#nowhere">', "a/b.html#nowhere: there is no such heading"),
        ('<a class="x" href="#nowhere">', "#nowhere: there is no such heading"),
        ('<a href="../outside.html">', "../outside.html: there is no such file"),
        ('<img alt="" src="picture.png">', "picture.png: there is no such file"),
        ('<script src="https://example.org/x.js"></script>', "<script> takes https://example.org/x.js from elsewhere"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "<link> takes //example.org/x.css from elsewhere"),
        ('<img src="http://example.org/x.png">', "<img> takes http://example.org/x.png from elsewhere"),
    ],
)
def test_a_link_to_nothing_and_an_asset_from_elsewhere_are_named(
    links: ModuleType, tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "outside.html").write_text("")
    with pytest.raises(Abort, match=re.escape(f"index.html: {sentence}")):
        links.check(write(tmp_path / "site", {**GOOD, "index.html": text}))


def test_a_page_that_nothing_links_to_and_a_heading_that_is_not_there_fail_the_build(
    root: Path, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(root / "docs", checkout / "docs", ignore=shutil.ignore_patterns("demo", "cifar10-jpeg", "*.png"))
    for name in ("config", "workflow", "data", "src", "CONTRIBUTING.md"):
        (checkout / name).symlink_to(root / name)
    (checkout / "mkdocs.yml").write_text((root / "mkdocs.yml").read_text().replace("md#a-row\n", "md#a-rowboat\n"))
    (checkout / "docs/forgotten.md").write_text("# Forgotten\n")
    built = build(checkout, tmp_path / "site")
    assert built.returncode != 0
    assert 'not included in the "nav" configuration:\n  - forgotten.md' in built.stderr
    assert "extend.html#a-rowboat: there is no such heading" in built.stdout
