"""Random input: names and configuration files either mean something or are refused in one sentence (hypothesis).

Each test states how many inputs it tries; they are the same on every run.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from asking import exhibit_inputs, exhibit_settings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lacuna.config.load import load
from lacuna.config.schema import check_schema
from lacuna.config.yaml_files import read_yaml
from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS, attack_code
from lacuna.language.codes import variant_code
from lacuna.language.methods import parse_pixels
from lacuna.language.models import ARCHITECTURES, ModelSpec, parse_model
from lacuna.plan.plan import Plan

CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
FILES = ("config/papers/defective.yaml", "config/scales/demo.yaml", "config/datasets.yaml")
SAFE = re.compile(r"[A-Za-z0-9_.+-]+")
NASTY = [
    "../../x",
    "/etc/passwd",
    "a/b",
    "..",
    ".",
    "",
    "a\n",
    "$(touch x)",
    "`id`",
    ";id",
    "-rf",
    "a b",
    "\x00",
    "é",
    "٣",
]
NASTY += [
    "resnet18-standard-s" + "9" * 5000,
    "9" * 5000,
    "1/" + "9" * 5000,
    "x" * 300,
    "{a}",
    "%s",
    "own-..",
    "null",
    "1/0",
]


def fuzzed(inputs: int) -> settings:
    return settings(max_examples=inputs, deadline=None, derandomize=True, database=None)


def sentence(error: LacunaError) -> None:
    assert "\n" not in str(error)
    assert 10 < len(str(error)) < 2000


# Names -----------------------------------------------------------------------------------------------------------

PARTS = st.sampled_from(["bottom", "nostem", "top", "dc", "sm", "side"])
NUMBERS = st.one_of(st.integers(0, 20).map(str), st.sampled_from(["01", "", "-1", "1" * 4400, "٣", "1\n"]))
KEEPS = st.one_of(
    st.floats(0, 1).map(lambda p: f"{p:.3g}"), st.sampled_from(["0.5", "1", "1.0", ".5", "0", "0.50", "1e-3"])
)


@st.composite
def nearly_names(draw: st.DrawFn) -> str:
    """Texts that look like models' names, most of them wrong in one place."""
    arch = draw(st.sampled_from([*ARCHITECTURES, "resnet19", "own", "ensemble"])) + draw(
        st.sampled_from(["", "", "x2"])
    )
    parts = "".join(f"-{place}{keep}" for place, keep in draw(st.lists(st.tuples(PARTS, KEEPS), max_size=2)))
    masks = draw(st.one_of(st.just(""), NUMBERS.map("m{}".format)))
    training = draw(st.sampled_from(["standard", "at", "own", "Standard", ""]))
    return f"{arch}{parts}-{training}-s{draw(NUMBERS)}{masks}"


def check_model(name: str) -> bool:
    """Whether a name is a model's; if so it reads back, is safe as a file's name, and has a variant."""
    try:
        spec = parse_model(name)
    except LacunaError as error:
        sentence(error)
        return False
    assert str(spec) == name
    assert SAFE.fullmatch(name)
    assert parse_model(str(spec)) == spec
    assert SAFE.fullmatch(spec.variant)
    assert isinstance(variant_code(name, "", {}), str)
    return True


@fuzzed(500)
@given(
    st.one_of(st.text(max_size=60), st.sampled_from(NASTY), st.from_regex(r"[a-z0-9]+(-[a-z]+[0-9.]*){0,3}-s[0-9]+"))
)
def test_500_texts_are_models_or_refused(name: str) -> None:
    check_model(name)


@fuzzed(2000)
@given(nearly_names())
def test_2000_texts_that_look_like_models_are_models_or_refused(name: str) -> None:
    check_model(name)


@fuzzed(500)
@given(
    st.builds(
        ModelSpec,
        arch=st.sampled_from(["resnet18", "vgg19", "wrn32"]),
        training=st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True).filter("own".__ne__),
        seed=st.integers(0, 10**6),
        keep=st.sampled_from([(("bottom", "0.5"),), (("bottom", "0.25"), ("top", "1")), (("sm", "0.1"),)]),
        mask_seed=st.integers(0, 10**6),
    )
)
def test_500_specifications_come_back_from_their_names(spec: ModelSpec) -> None:
    assert check_model(str(spec))
    assert parse_model(str(spec)) == spec


@fuzzed(1000)
@given(
    st.one_of(st.text(max_size=20), st.sampled_from(NASTY), st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?(/[0-9]{1,4})?"))
)
def test_1000_distances_are_in_the_unit_interval_or_refused(text: str) -> None:
    try:
        assert 0 <= parse_pixels(text, "epsilon") <= 1
    except LacunaError as error:
        sentence(error)


VALUES = st.one_of(st.integers(-5, 2000), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=20))


@fuzzed(500)
@given(
    st.sampled_from([*METHODS, "my.module:Attack_1", "a:" + "b" * 30]),
    st.dictionaries(st.sampled_from(["steps", "kappa", "queries", "k", "restarts", "random_start"]), VALUES),
    st.dictionaries(st.text(max_size=10), VALUES, max_size=3),
)
def test_500_codes_of_attacks_are_safe_in_paths(method: str, budget: dict[str, Any], arguments: dict[str, Any]) -> None:
    plain = {key: value for key, value in budget.items() if not isinstance(value, str)}  # as the schema has it
    plain |= {"name": "stylised"} if method == "folder" else {}
    code = attack_code(method, {**plain, "arguments": arguments} if ":" in method else plain)
    assert SAFE.fullmatch(code), code


# Files -----------------------------------------------------------------------------------------------------------

LINES = st.sampled_from(
    ["a: 1", "- b", "  c: [1, 2]", "? x", ": y", "<<: *a", "&a", "*a", "!!bool x", "{", "[", "]", "'", "#"]
)


@fuzzed(1000)
@given(
    st.one_of(
        st.text(max_size=200).map(str.encode),
        st.binary(max_size=60),
        st.lists(LINES, max_size=8).map("\n".join).map(str.encode),
        st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(VALUES, inner))
        .map(yaml.safe_dump)
        .map(str.encode),
    )
)
@example(b"[" * 100_000)
@example(b"- " * 30_000)
@example(b"a: &a [*a, *a]")
@example(
    b"a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\n"
    + b"".join(b"%c: &%c [*%c,*%c,*%c]\n" % (i + 1, i + 1, i, i, i) for i in range(98, 120))
)
@example(b"!!python/object/apply:os.system [touch executed]")
@example(b"!!timestamp x")
def test_1000_yaml_files_are_plain_values_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "fuzzed.yaml").write_bytes(content)
    try:
        json.dumps(read_yaml(folder / "fuzzed.yaml", folder))
    except LacunaError as error:
        sentence(error)
    assert not Path("executed").exists()


@pytest.fixture(scope="module")
def excerpt_root(table3_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration to spoil, again and again."""
    return Path(shutil.copytree(table3_root, tmp_path_factory.mktemp("fuzz") / "project"))


def places(content: Any) -> list[tuple[Any, Any]]:
    """Every mapping or list of a file with one of its keys or positions."""
    found, left = [], [content]
    while left:
        part = left.pop()
        inner = list(part.items() if isinstance(part, dict) else enumerate(part))
        found += [(part, key) for key, _ in inner]
        left += [value for _, value in inner if isinstance(value, dict | list)]
    return found


STRANGE = st.one_of(
    st.sampled_from(NASTY),
    st.integers(-2, 300),
    st.floats(),
    st.booleans(),
    st.none(),
    st.just([]),
    st.just({}),
    st.just([{}]),
)


def mutate(content: Any, draw: Any) -> None:
    """Replaces, removes, adds or renames something anywhere in a file."""
    part, key = draw(st.sampled_from(places(content)))
    action = draw(st.sampled_from(["replace", "replace", "remove", "add", "rename"]))
    if action == "remove":
        del part[key]
    elif action == "replace" or isinstance(part, list):
        part[key] = draw(STRANGE)
    elif action == "add":
        part[draw(st.one_of(st.sampled_from(NASTY), st.integers(), st.none()))] = draw(STRANGE)
    else:
        part[draw(st.sampled_from([*NASTY, 1, None, True]))] = part.pop(key)


def check_paths(plan: Plan) -> None:
    """Whatever the workflow writes lies below results/<scale>, and every name of an exhibit is a file's name."""
    written = [artefact.path for artefact in plan.inventory.artefacts()]
    written += [path for table in plan.lookup.tables for path in plan.published.table(table)]
    for figure in plan.lookup.figures:
        written += plan.published.figure(figure)
        exhibit_settings(plan, "figure", figure)
        exhibit_inputs(plan, "figure", figure)
    for path in written:
        assert os.path.normpath(path) == path
        assert path.startswith("results/demo/")
        assert all(SAFE.fullmatch(name) and len(name) < 200 for name in path.split("/")), path
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in [*plan.lookup.tables, *plan.lookup.figures])


@fuzzed(400)
@given(st.data())
def test_400_spoilt_configurations_are_refused_or_stay_below_results(excerpt_root: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    original = (excerpt_root / name).read_text()
    content = json.loads(json.dumps(yaml.load(original, Loader=yaml.CSafeLoader)))
    mutate(content, data.draw)
    (excerpt_root / name).write_text(yaml.safe_dump(content, allow_unicode=True))
    try:
        check_paths(Plan(load(excerpt_root, CHOSEN)))
    except LacunaError as error:
        sentence(error)
    finally:
        (excerpt_root / name).write_text(original)


@fuzzed(300)
@given(st.dictionaries(st.sampled_from([*CHOSEN, "sede", "../x"]), STRANGE, max_size=3))
def test_300_choices_on_the_command_line_are_taken_or_refused(excerpt_root: Path, given: dict[str, Any]) -> None:
    try:
        assert load(excerpt_root, CHOSEN | given).scale in ("demo", "laptop", "paper")
    except LacunaError as error:
        sentence(error)


@pytest.mark.parametrize("key", ["tables", "figures", "suites", "attacks"])
def test_a_name_with_a_line_break_at_its_end_is_refused_by_the_schema(table3_root: Path, key: str) -> None:
    content = yaml.safe_load((table3_root / "config/papers/defective.yaml").read_text())
    name = next(iter(content[key]))
    content[key][f"{name}\n"] = content[key].pop(name)
    with pytest.raises(LacunaError, match="is not allowed; allowed: a name of lower-case letters"):
        check_schema(content, "paper", "a file", table3_root)
