"""References to code of the user's own: what is not there is refused while planning, and nothing of it is run."""

import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from lacuna.config.load import Config, load
from lacuna.config.sources import Source
from lacuna.config.yaml_files import read_yaml
from lacuna.errors import LacunaError
from lacuna.language.declared import resolve
from lacuna.plan.own import own_code
from lacuna.plan.references import refuse_missing_code

NUMBERS = count()
KEYS = {"networks": "factory", "attacks": "method", "defenses": "function"}


def configured(kind: str, reference: str, scale: dict[str, Any] | None = None) -> Config:
    """A configuration whose only paper has one part of this kind."""
    papers = {"mine": {kind: {"part": {KEYS[kind]: reference}}}}
    sources = {"mine": Source("config/papers/mine.yaml")}
    return Config("demo", 0, "paper", False, scale or {}, {}, papers, sources)


def refused(reference: str) -> str:
    """What is said of a reference; empty where it is let pass."""
    start, said = f"config/papers/mine.yaml, key attacks.part.method: '{reference}' cannot be imported: ", ""
    try:
        refuse_missing_code(configured("attacks", reference))
    except LacunaError as error:
        said = str(error)
    assert said.startswith(start) or not said
    assert "\n" not in said
    return said.removeprefix(start)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write(home: Path, name: str, text: str) -> str:
    """A module below the folder, in ordinary packages; ``name`` gets a number, since Python keeps what it imported."""
    first, *rest = name.split(".")
    parts = [f"{first}{next(NUMBERS)}", *rest]
    path = home.joinpath(*parts).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    for i in range(1, len(parts)):
        home.joinpath(*parts[:i], "__init__.py").write_text("print('loud')\nraise SystemExit('executed')\n")
    path.write_text(text)
    return ".".join(parts)


BOUND = {
    "def wanted(x): ...": "a function",
    "async def wanted(x): ...": "an asynchronous function",
    "class wanted: ...": "a class",
    "from os import path as wanted": "an import under another name",
    "from os.path import join\nfrom json import loads, dumps as wanted": "one import of several",
    "import wanted.deeper": "an imported package",
    "wanted = print": "an assignment",
    "one, (two, *wanted) = range(9)": "an assignment of several",
    "wanted: int = 3": "an annotated assignment",
    "if sum([1]) > 2:\n    def wanted(): ...\nelse:\n    other = 1": "a block",
    "try:\n    import nosuch as wanted\nexcept ImportError:\n    pass": "an attempt",
    "try:\n    pass\nexcept ValueError:\n    pass\nelse:\n    class wanted: ...": "the end of an attempt",
    "with open('a') as wanted:\n    pass": "a context",
    "for wanted in (1, 2):\n    pass": "a loop",
    "while True:\n    wanted = 1": "a loop without end",
    "print(wanted := 4)": "an expression",
    "match 3:\n    case [*_, {'a': wanted}]:\n        pass": "a pattern",
    "match 3:\n    case {'a': 1, **wanted}:\n        pass": "the rest of a pattern",
    "def make():\n    global wanted\n    wanted = 1\nmake()": "a function that makes it global",
}
UNKNOWN = {
    "from os.path import *": "a star import",
    "def __getattr__(name): ...": "names made when asked for",
    "globals()['wan' + 'ted'] = 1": "a dictionary of names",
    "for name in ('wan', 'ted'):\n    exec(f'{name} = 1')": "code in texts",
    "import sys\nsys.modules[__name__] = object()": "a module that replaces itself",
}


@pytest.mark.parametrize("text", [*BOUND, *UNKNOWN], ids=[*BOUND.values(), *UNKNOWN.values()])
def test_a_name_that_the_source_defines_or_may_define_is_let_pass(home: Path, text: str) -> None:
    assert refused(f"{write(home, 'mine', text)}:wanted") == ""


HIDDEN = {
    "": "nothing",
    "# wanted\n'wanted'": "words",
    "def other():\n    wanted = 1\n    def wanted_too(): ...": "a function's own",
    "class Other:\n    def wanted(self): ...\n    wanted_too = wanted": "a class's own",
    "other = lambda wanted: wanted": "an argument",
    "print(other.wanted)\nother.wanted = 1": "an attribute of something else",
    "from os import path\npath.wanted = 1": "an attribute of a module",
    "for module in network.modules():\n    print(module)": "modules of a network",
}


@pytest.mark.parametrize("text", HIDDEN, ids=HIDDEN.values())
def test_a_name_that_the_module_does_not_have_is_refused(home: Path, text: str) -> None:
    module = write(home, "mine", text)
    assert refused(f"{module}:wanted").startswith(f"{module}.py has no 'wanted'; ")


@pytest.mark.parametrize(
    ("name", "closest"),
    [("Gray", "Grey"), ("grey_net", "GreyNet"), ("quantize", "quantise"), ("GREYNET", "GreyNet"), ("loade", "loads")],
)
def test_the_closest_name_is_said(home: Path, name: str, closest: str) -> None:
    text = "from json import loads\nclass Grey: ...\nclass GreyNet: ...\ndef quantise(x): ...\n__version__ = 1"
    module = write(home, "mine", text)
    assert refused(f"{module}:{name}") == f"{module}.py has no '{name}'; closest: {closest}"
    assert refused(f"{module}:entirely_else").endswith("has no 'entirely_else'; allowed: module:name, on PYTHONPATH")


def test_a_missing_module_is_said_with_the_closest_one(home: Path) -> None:
    module = write(home, "attacking", "")
    near = module.replace("attack", "atack")
    assert refused(f"{near}:f") == f"there is no module '{near}'; closest: {module}"
    assert refused("qqqqqqqqzz:f") == "there is no module 'qqqqqqqqzz'; allowed: module:name, on PYTHONPATH"


def test_nested_packages_are_searched_folder_by_folder(home: Path) -> None:
    module = write(home, "pack.inner.part", "def f(): ...")
    package = module.partition(".")[0]
    assert refused(f"{module}:f") == ""
    assert refused(f"{module}:g") == f"{package}/inner/part.py has no 'g'; allowed: module:name, on PYTHONPATH"
    assert refused(f"{package}.inner.prat:f") == f"there is no module '{package}.inner.prat'; closest: part"
    assert refused(f"{package}.iner.part:f") == f"there is no module '{package}.iner'; closest: inner"
    assert refused(f"{module}.deeper:f").startswith(f"there is no module '{module}.deeper'")
    assert refused(f"{package}..part:f").startswith(f"there is no module '{package}.'")
    assert own_code(f"{module}:f") == [f"{package}/inner/part.py"]


def test_folders_without_init_are_packages_without_names(home: Path) -> None:
    folder = f"bare{next(NUMBERS)}"
    (home / folder / "deep").mkdir(parents=True)
    (home / folder / "deep/part.py").write_text("def f(): ...")
    assert refused(f"{folder}.deep.part:f") == ""
    assert own_code(f"{folder}.deep.part:f") == [f"{folder}/deep/part.py"]
    assert refused(f"{folder}.deep:f").startswith(f"{folder}/deep has no 'f'")
    assert refused(f"{folder}.deep.past:f") == f"there is no module '{folder}.deep.past'; closest: part"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n    pass", ".py, line 1, cannot be read as Python (invalid syntax)"),
        ("x = 1\n\n  y = 2", ".py, line 3, cannot be read as Python (unexpected indent)"),
        ("print 'two'", ".py, line 1, cannot be read as Python (Missing parentheses"),
        ("a = '\0'", "cannot be read as Python (source code string cannot contain null bytes)"),
    ],
)
def test_a_file_that_is_no_python_is_said_with_its_line(home: Path, text: str, words: str) -> None:
    assert words in refused(f"{write(home, 'mine', text)}:f")


def test_a_file_in_another_encoding_is_read_as_it_says(home: Path) -> None:
    module = write(home, "mine", "")
    (home / f"{module}.py").write_bytes("# -*- coding: latin-1 -*-\nname = 'é'\ndef f(): ...".encode("latin-1"))
    assert refused(f"{module}:f") == ""
    (home / f"{module}.py").write_bytes("name = 'é'\ndef f(): ...".encode("latin-1"))
    assert "cannot be read as Python" in refused(f"{module}:f")


def test_nothing_is_run_and_nothing_is_written(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "from pathlib import Path\nprint('loud')\nPath('made').write_text('')\nre = '\\d'\ndef f(): ..."
    module = write(home, "pack.part", text)
    before = sorted(path for path in home.rglob("*"))
    assert refused(f"{module}:f") == ""
    assert refused(f"{module}:nosuch")
    assert refused(f"{module.partition('.')[0]}:nosuch")
    assert sorted(path for path in home.rglob("*")) == before, "not even a __pycache__"
    assert "".join(capfd.readouterr()) == ""
    assert not {module, module.partition(".")[0]} & sys.modules.keys()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("foolbox.attacks:LinfDeepFoolAttack", ""),
        ("foolbox.attacks:LinfDeepFolAttack", "closest: LinfDeepFoolAttack"),
        ("torch.nn:Linear", ""),
        ("os.path:join", ""),
        ("math:sqrt", ""),
        ("time:nosuch", ""),
        ("lacuna.attacks.pgd:pdg", "src/lacuna/attacks/pgd.py has no 'pdg'; closest: pgd"),
        ("lacuna.purify:nosuch", ""),
    ],
)
def test_installed_modules_are_looked_up_too_and_those_in_c_let_pass(reference: str, words: str) -> None:
    """Ready-made defenses have a check of their own."""
    said = refused(reference)
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize("kind", KEYS)
def test_the_file_and_the_key_are_those_to_mend(home: Path, kind: str) -> None:
    place = f"key {kind}.part.{KEYS[kind]}: 'nosuch:f' cannot be imported"
    with pytest.raises(LacunaError, match=f"^config/papers/mine.yaml, {place}"):
        refuse_missing_code(configured(kind, "nosuch:f"))
    scale = {kind: {"part": {KEYS[kind]: "nosuch:f"}}}
    with pytest.raises(LacunaError, match=f"^config/scales/demo.yaml, {place}"):
        refuse_missing_code(configured(kind, "nosuch:f", scale))


@pytest.mark.parametrize("scale", ["demo", "laptop", "paper"])
def test_what_is_configured_passes(root: Path, scale: str) -> None:
    refuse_missing_code(load(root, read_yaml(root / "config/config.yaml", root) | {"scale": scale}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nosuch_library", "No module named 'nosuch_library'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit('a\\nb')", "SystemExit: a b"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("open('nosuch.txt')", "FileNotFoundError"),
        ("g = 1", "has no attribute 'f'"),
        ("f = 3", "is of type int; allowed: what can be called"),
        ("f = 'text'", "is of type str; allowed: what can be called"),
    ],
)
def test_the_first_job_says_in_one_sentence_what_only_an_import_shows(home: Path, text: str, words: str) -> None:
    module = write(home, "mine", text)
    with pytest.raises(LacunaError, match=f"^'{module}:f' ") as caught:
        resolve(f"{module}:f")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
