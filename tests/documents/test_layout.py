"""tests/ has the rooms of src/lacuna, and every file can be read in one sitting."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 400  # lines
BESIDES = {"commands", "documents", "slurm", "support", "workflow"}  # no rooms: commands and errors, texts, whole runs


def folders(path: Path) -> set[str]:
    """Names of the folders that hold Python files."""
    return {file.parent.name for file in path.glob("*/*.py")}


def test_the_tests_have_the_rooms_of_the_package() -> None:
    assert folders(ROOT / "tests") | {"slurm"} == folders(ROOT / "src/lacuna") | BESIDES


def test_no_two_test_modules_have_the_same_name() -> None:
    """Which pytest does not take for modules outside a package."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def test_what_test_modules_share_across_rooms_stands_in_support() -> None:
    """A room's tests run alone."""
    modules = {path.stem: path for path in (ROOT / "tests").glob("*/test_*.py")}
    for path in modules.values():
        shared = re.findall(r"^ *(?:from|import) (test_\w+)", path.read_text(), re.M)
        assert {modules[name].parent for name in shared} <= {path.parent}, path.name


def test_no_module_is_longer_than_one_sitting() -> None:
    modules = [path for folder in ("src", "tests", "workflow") for path in (ROOT / folder).rglob("*.py")]
    assert len(modules) > 200
    assert {str(path): lines for path in modules if (lines := len(path.read_text().splitlines())) > LONGEST} == {}
