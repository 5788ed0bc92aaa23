"""Shared fixtures: the repository, and a light copy of its configuration that a test may spoil."""

import gc
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from excerpt import excerpt, excerpt_scale
from projects import Project, copied

from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from drawing import Ask

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs of the workflow come first, so that no process waits for the other at the end."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


def pytest_collection_finish() -> None:
    """What is imported by now stays: collections of garbage, of which statsmodels asks for many, pass it over."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's folder."""
    return REPOSITORY


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Project:
    """A copy of config/, workflow/schemas/ and data/printed/ to edit."""
    return copied(root, tmp_path / "project")


def table3_alone(source: Path, target: Path) -> Project:
    """A copy of the configuration, cut down to Table 3 and its heat map."""
    project = copied(source, target)
    for kind in ("papers", "claims"):
        for path in {*(project.root / "config" / kind).glob("*.yaml")} - {
            project.root / f"config/{kind}/defective.yaml"
        }:
            path.unlink()
    project.edit("config/papers/defective.yaml", lambda content: excerpt(content, "table3", "defective-table3"))
    paper = yaml.safe_load((project.root / "config/papers/defective.yaml").read_text())
    for scale in ("demo", "laptop", "paper"):
        project.edit(f"config/scales/{scale}.yaml", lambda content: excerpt_scale(content, paper))
    return project


def cut_to_table3(source: Path, target: Path) -> Project:
    """A copy of the configuration, cut down to Table 3 and its heat map; none of the claims on it is contradicted."""
    project = table3_alone(source, target)
    project.edit("config/claims/defective.yaml", lambda content: content["claims"].pop("OBS07"))
    return project


@pytest.fixture(scope="session")
def table3_root(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration cut down to Table 3 and its heat map."""
    return table3_alone(root, tmp_path_factory.mktemp("table3")).root


@pytest.fixture
def table3(table3_root: Path, tmp_path: Path) -> Project:
    """Table 3 and its heat map alone, to edit: no other exhibit stands in the way of a change."""
    return copied(table3_root, tmp_path / "project")


@pytest.fixture
def asked(tmp_path: Path, root: Path) -> "Ask":
    """Settings and files of a small figure of each kind, of one's own."""
    from drawing import Store, asked_for  # torch, which most tests need not import

    return lambda kind: asked_for(kind, Store(tmp_path), root)


@pytest.fixture(scope="session")
def made_root(table3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Table 3, its figure and the claims on it, as if they had been run, and none of the claims contradicted."""
    from madeup import run

    project = copied(table3_root, tmp_path_factory.mktemp("made") / "project")
    project.edit("config/claims/defective.yaml", lambda content: content["claims"].pop("OBS07"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        run(Plan(project.load()))
    return project.root


@pytest.fixture
def made(made_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the made-up run, as the working directory."""
    root = Path(shutil.copytree(made_root, tmp_path / "made"))
    monkeypatch.chdir(root)
    return Project(root)
