"""The tours of docs/tours.md as a new user would take them: every command runs, and says what the page shows."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import REPOSITORY, add_claims

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

TEXT = (REPOSITORY / "docs/tours.md").read_text()
TOURS: dict[str, str] = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))


def blocks(tour: str) -> Iterator[tuple[str, str, str]]:
    """Language, file and content of each fenced block."""
    return iter(re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", tour, re.M | re.S))


def merge(content: Any, added: Any) -> None:
    """Puts an excerpt of a YAML file where a reader would: new keys into mappings, lines at the end of lists."""
    for key, value in added.items():
        if isinstance(content.get(key), list):
            content[key].extend(value)
        elif isinstance(content.get(key), dict):
            merge(content[key], value)
        else:
            content[key] = value


def run(tree: "Tree", commands: str) -> str:
    """What a block of commands says; each of them must succeed."""
    environment = tree.variables()
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    script = f"set -euo pipefail\n{commands}\ndeclare -p PYTHONPATH > .exported\n"
    how = {"cwd": tree.root, "env": environment, "timeout": tree.patience}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, **how)
    assert done.returncode == 0, f"{commands}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
    found = re.search(r'PYTHONPATH="(.*)"', (tree / ".exported").read_text())
    tree.environment["PYTHONPATH"] = found[1] if found else ""
    return done.stdout + done.stderr


@pytest.fixture
def tree(finished: "Tree") -> "Tree":
    """The finished tiny configuration with the claims that it has cells for."""
    add_claims(finished)
    return finished


def test_there_is_a_tour_for_each_kind_of_user() -> None:
    assert len(TOURS) == 3
    for title in TOURS:
        anchor = re.sub(r"[^a-z0-9 ]", "", title.lower()).replace(" ", "-")
        assert f"](#{anchor})" in TEXT
    languages = {language for tour in TOURS.values() for language, _, _ in blocks(tour)}
    assert languages == {"sh", "yaml", "text"}
    assert TEXT.count("```") == 2 * sum(len(list(blocks(tour))) for tour in TOURS.values())


@pytest.mark.parametrize("title", TOURS)
def test_a_tour_can_be_taken(tree: "Tree", title: str) -> None:
    said = ""
    for language, name, content in blocks(TOURS[title]):
        if language == "sh":
            said = run(tree, content)
        elif language == "yaml":
            tree.configure(name, lambda file, added=content: merge(file, yaml.safe_load(added)))
        else:
            for line in content.splitlines():
                assert line in said, f"'{line}' is not in: {said[-3000:]}"
