"""What documents, docstrings and comments name exists: files, names, keys, targets, headings, settings."""

import re
from pathlib import Path

import pytest
from checking import Checker, checker_of
from mentions import Source, read

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "config/README.md",
    *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md"))),
]
CODE = ("src/lacuna/**/*.py", "workflow/scripts/*.py", "rules/*.smk", "Snakefile")
COMMENTED = (
    "config/**/*.yaml",
    "workflow/schemas/*.yaml",
    "slurm/*.yaml",
    "gpu/*.yaml",
    "profiles/**/*.yaml",
    "Makefile",
)


def faults(checker: Checker, *patterns: str) -> list[str]:
    """Of all files that match, at least one for each pattern."""
    found = [sorted(ROOT.glob(pattern)) for pattern in patterns]
    assert all(found)
    names = [str(path.relative_to(ROOT)) for paths in found for path in paths]
    return [fault for name in names for fault in checker.faults(read(ROOT, name))]


@pytest.fixture
def checker(root: Path) -> Checker:
    return checker_of(root)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("docs/results/")])
def test_what_a_document_names_exists(checker: Checker, name: str) -> None:
    assert checker.faults(read(ROOT, name)) == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("docs/results/")])
def test_links_of_committed_results_lead_somewhere(checker: Checker, name: str) -> None:
    assert list(checker.links(read(ROOT, name))) == []


def test_what_docstrings_and_comments_of_the_code_name_exists(checker: Checker) -> None:
    assert faults(checker, *CODE) == []


def test_what_comments_of_the_configuration_name_exists(checker: Checker) -> None:
    assert faults(checker, *COMMENTED) == []


def test_the_package_names_each_of_its_rooms_once() -> None:
    package = ROOT / "src/lacuna"
    rooms = [path.parent.name for path in package.glob("*/__init__.py")]
    hall = [path.stem for path in package.glob("*.py") if not path.stem.startswith("__")]
    named = re.findall(r"``(\w+)``|python -m lacuna\.(\w+)", read(ROOT, "src/lacuna/__init__.py").prose)
    assert sorted(room or command for room, command in named) == sorted(rooms + hall)


def test_no_room_counts_what_it_has() -> None:
    """A count has to be kept, and was not."""
    counts = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[0-9]+"
    for path in (ROOT / "src/lacuna").glob("*/__init__.py"):
        assert not re.search(rf"\b(?:{counts}) \w+s\b", read(ROOT, str(path.relative_to(ROOT))).prose), path


# The checker itself ------------------------------------------------------------------------------------------


def named(source: Source, *spans: str) -> Source:
    """The source with nothing but these pieces of code."""
    return Source(source.name, "", spans, own=source.own)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("docs/results/")])
def test_a_word_of_a_document_misspelt_is_found(checker: Checker, name: str) -> None:
    words = {span for span in read(ROOT, name).spans if re.fullmatch(r"[A-Za-z_]\w{2,}", span)}
    wrong = {word[:-1] + "qz" + word[-1] for word in words}
    found = checker.faults(named(read(ROOT, name), *wrong))
    assert len(found) == len(wrong), wrong - {re.findall("`(.*)`", fault)[0] for fault in found}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_link_of_a_document_misspelt_is_found(checker: Checker, name: str) -> None:
    links = set(re.findall(r"\]\(([^)]*)\)", read(ROOT, name).prose))
    wrong = [f"[a]({link[:-1]}qz{link[-1]})" for link in links if "://" not in link]
    assert len(list(checker.links(Source(name, "\n".join(wrong), ())))) == len(wrong)


@pytest.mark.parametrize("name", [*DOCUMENTS[:2], "docs/tours.md", "docs/versioning.md", "docs/extend.md"])
def test_a_target_of_a_command_misspelt_is_found(checker: Checker, name: str) -> None:
    commands = {
        command for command in read(ROOT, name).commands if re.match(r"(?:snakemake|make|python -m lacuna) ", command)
    }
    named = {command for command in commands if re.search(r" (?!FROM=)\S*[a-z]$", command)}  # FROM= is any folder
    for command in named - {"snakemake audit --config baseline=before", "python -m lacuna.study study.html"}:
        assert list(checker.commands(Source(name, "", (f"{command}qz",)))), command
