"""A made-up run with the files of the workflow beside it, and crates of it, packed once."""

import shutil
import zipfile
from pathlib import Path

import pytest
from projects import Project

from lacuna.crates.build import build
from lacuna.crates.pack import pack
from lacuna.plan.plan import Plan

ALONE = ("Snakefile", "LICENSE", "CITATION.cff", "docs/claims.md", "docs/differences.md")


def beside(root: Path, target: Path) -> None:
    """Puts the workflow where the crate takes it from."""
    for folder in ("rules", "workflow/scripts"):
        shutil.copytree(root / folder, target / folder, dirs_exist_ok=True)
    for name in ALONE:
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, target / name)


@pytest.fixture(scope="session")
def run_root(root: Path, made_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Table 3, its figure and its claims, made up, in a whole checkout; crates/ has the crates of all three."""
    target = tmp_path_factory.mktemp("crates") / "run"
    shutil.copytree(made_root, target)
    beside(root, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(target)
        plan = Plan(Project(target).load())
        for name in plan.crates.parts:
            path = plan.crates.path(name)
            pack(build(plan, name), path, f"{path}.sha256")
    return target


@pytest.fixture
def run(run_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the run, as the working directory."""
    target = Path(shutil.copytree(run_root, tmp_path / "run"))
    monkeypatch.chdir(target)
    return Project(target)


@pytest.fixture
def unpacked(run_root: Path, tmp_path: Path) -> Path:
    """The crate of Table 3, unpacked."""
    with zipfile.ZipFile(run_root / "crates/table3.zip") as archive:
        archive.extractall(tmp_path / "table3")
    return tmp_path / "table3"
