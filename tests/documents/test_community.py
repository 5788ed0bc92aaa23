"""The files that a community of workflows looks for say what the repository has."""

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

PAPERS = {"defective": "1911.08432", "dual": "2005.04272", "advdrop": "2108.09034"}


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def test_whoever_cites_the_software_finds_all_three_papers_and_the_version(root: Path) -> None:
    cited = content(root / "CITATION.cff")
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    found = {reference["url"].rpartition("/")[2]: reference["title"] for reference in cited["references"]}
    for paper, number in PAPERS.items():
        assert found[number] == content(root / f"config/papers/{paper}.yaml")["title"]
    assert all(one["authors"] and one["year"] and one["type"] for one in cited["references"])


def test_the_catalog_is_told_how_the_workflow_is_used(root: Path) -> None:
    usage = content(root / ".snakemake-workflow-catalog.yml")["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    deployed = usage["software-stack-deployment"]
    assert deployed["conda"] == all("conda:" in path.read_text() for path in rule_files(root))
    assert usage["report"] == ("report:" in (root / "Snakefile").read_text())


def rule_files(root: Path) -> list[Path]:
    """The files with a rule that runs a script."""
    return [path for path in (root / "rules").glob("*.smk") if re.search(r"^ +script:", path.read_text(), re.M)]


def test_the_page_of_the_configuration_names_all_of_it(root: Path) -> None:
    page = (root / "config/README.md").read_text()
    for path in (root / "config").iterdir():
        if path.name != "README.md":
            assert f"`config/{path.name}{'/' * path.is_dir()}`" in page


def test_the_changelog_has_the_version(root: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (root / "CHANGELOG.md").read_text(), re.M)
