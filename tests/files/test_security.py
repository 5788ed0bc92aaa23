"""Nothing from a file is executed, no name leads out of the results folder, and HTML escapes what it is given."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lacuna.plan.paths import WILDCARDS
from lacuna.reporting.examples import Examples
from lacuna.reporting.study.pairs import deal, study_page

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")])
RULES = sorted([ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")])
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib", "cloudpickle", "torch.hub", "pty"}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "pd.read_pickle", "runpy.run_path"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "torch.hub.load", "subprocess.getoutput"),
}
# DeepGaze's code is its own repository's, at a fixed tag, and runs only where the configuration names it.
ALLOWED = {
    "src/lacuna/foreground/deepgaze.py": ["torch.hub.load"],
    "src/lacuna/exports/forms.py": ["runpy.run_path"],  # of the loader that it has just written itself
}
NEEDED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False), "np.savez": ("allow_pickle", False)}


def dangers(source: str) -> Iterator[str]:
    """What a module imports or calls that could run what a file says, or give a text to a shell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", "") or ""
            names = {alias.name for alias in node.names} | {f"{module}.{alias.name}" for alias in node.names} | {module}
            yield from sorted(names & FORBIDDEN_IMPORTS)
        if isinstance(node, ast.Call):
            name, keywords = ast.unparse(node.func), {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            if name in FORBIDDEN_CALLS or keywords.get("shell"):
                yield name
            if name in NEEDED and keywords.get(NEEDED[name][0]) is not NEEDED[name][1]:
                yield name
            if name.endswith("Loader") and not re.fullmatch(r"_Loader|.*Safe.*|PackageLoader|FileSystemLoader", name):
                yield name


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_runs_nothing_from_a_file_and_calls_no_shell(path: Path) -> None:
    assert list(dangers(path.read_text())) == ALLOWED.get(path.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "from torch import hub",
        "eval(x)",
        "torch.load(x)",
        "torch.load(x, weights_only=False)",
        "np.load(x)",
        "yaml.load(x, Loader=yaml.Loader)",
        "subprocess.run(x, shell=True)",
        "yaml.UnsafeLoader(x)",
    ],
)
def test_the_check_of_modules_finds_what_it_is_for(source: str) -> None:
    assert list(dangers(source))


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_builds_a_shell_command(path: Path) -> None:
    assert not re.search(r"^\s*(shell|run)\s*:|\bshell\(|os\.system|subprocess", path.read_text(), re.M)


def test_every_wildcard_is_constrained_to_characters_of_a_name() -> None:
    """No constraint lets a slash, a space or a line break through, so that a path stays below its folder."""
    constrained = WILDCARDS
    assert "    **WILDCARDS" in (ROOT / "rules/common.smk").read_text().partition("wildcard_constraints:")[2]
    used = {
        name for path in RULES for name in re.findall(r"(?<!\{)\{(\w+)\}(?!\})", path.read_text()) if name.islower()
    }
    assert {"dataset", "exhibit", "model", "source", "attack", "suite", "target", "selection"} <= constrained.keys()
    listed = {"crate", "kind"}  # which their rules constrain to names of the configuration
    assert used <= constrained.keys() | listed | {"error", "name", "path", "stage"}, used  # the last stand in f-strings
    for name, pattern in constrained.items():
        for text in ("../x", "a/b", "a b", "a\n", "a;b", "$(a)", "", "/a"):
            assert not re.fullmatch(pattern, text), name


EVIL = "<script>alert('x')</script>\"&"


def test_pages_escape_every_name() -> None:
    ids, images = np.arange(3), np.zeros((3, 1, 4, 4), np.uint8)
    one, two = (Examples(name + EVIL, ids, ids, images, ids + 1, ids >= 0, ids) for name in "ab")
    pairs = deal(one, two, [EVIL] * 4, 2, 0)
    made = study_page(pairs, EVIL, EVIL, EVIL, 0)
    assert "<script>alert" not in made
    assert made.count("&lt;script&gt;alert") >= 2
    assert made.count("\\u003cscript\\u003ealert") >= 4


def test_every_template_of_a_page_escapes() -> None:
    for path in PYTHON:
        for call in re.findall(r"Environment\([^\n]*(?:\n[^\n]*){0,3}", path.read_text()):
            pages = list(path.parent.glob("*.html*")) and "PackageLoader" in call
            assert "autoescape=True" in call or not (pages or "html" in call.lower()), path
