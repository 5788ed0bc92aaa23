"""Declarations are found by listing a folder, and a reference that names nothing is refused in one sentence."""

import sys
from itertools import count
from pathlib import Path

import pytest

from lacuna.config.schema import complete
from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS, OWN_METHOD, method_of
from lacuna.language.declared import Declaration, path_of, read_declarations, resolve
from lacuna.language.methods import Method, Signature
from lacuna.language.models import ARCHITECTURES, KNOWN_NETWORKS, PACKAGED

NUMBERS = count()  # each package has a name of its own, since Python keeps what it has imported
DECLARED = """
from lacuna.language.methods import Method
METHOD = Method(function="{module}:make", modules=("numerics/seeding",), loss="")
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package with the declarations b and a."""
    name = f"declarations{next(NUMBERS)}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    for one in "ba":
        (tmp_path / name / f"{one}.py").write_text(DECLARED.format(module=f"lacuna.attacks.{one}"))
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_every_module_of_a_folder_is_found_in_alphabetical_order(package: str) -> None:
    found = read_declarations(package, "METHOD", Method)
    assert [*found] == ["a", "b"]
    assert found["a"].modules == (f"{package}/a", "attacks/a", "numerics/seeding")


def test_what_is_of_another_kind_is_not_taken(package: str) -> None:
    with pytest.raises(AssertionError):
        read_declarations(package, "METHOD", type("Other", (Declaration,), {}))


@pytest.mark.parametrize("reference", ["lacuna.attacks.nosuch:pgd", "lacuna.attacks.pgd:nosuch", "nosuch:f", "json:"])
def test_a_reference_to_nothing_is_refused_in_one_sentence(reference: str) -> None:
    with pytest.raises(LacunaError, match=r"^'.*' cannot be imported \(.*\); allowed: module:name, on PYTHONPATH$"):
        resolve(reference)


def test_every_declaration_names_a_function_that_exists() -> None:
    trained = [method.training for method in METHODS.values() if method.training]
    for declaration in (*METHODS.values(), OWN_METHOD, *trained, *ARCHITECTURES.values(), *PACKAGED.values()):
        assert callable(resolve(declaration.function))
        assert path_of(declaration.function.partition(":")[0]).split("/")[0] in ("attacks", "models")


def test_to_read_a_declaration_imports_no_function() -> None:
    assert {path_of(name) for name in sys.modules} >= {f"attacks/methods/{name}" for name in METHODS}
    source = "\n".join(
        Path(str(sys.modules[f"lacuna.attacks.methods.{name}"].__file__)).read_text() for name in METHODS
    )
    assert "torch" not in source


def test_a_method_of_the_users_own_takes_epsilon_and_arguments() -> None:
    assert method_of("my.module:attack") is OWN_METHOD
    assert [*OWN_METHOD.parameters] == ["epsilon", "arguments"]
    assert method_of("pgd") is METHODS["pgd"]


def signatures() -> list[Signature]:
    return [*METHODS.values(), OWN_METHOD, *(method.training for method in METHODS.values() if method.training)]


def test_no_method_takes_a_parameter_twice() -> None:
    for signature in signatures():
        assert len(signature.parameters) == len(signature.required + signature.one_of + signature.optional)


def test_training_takes_no_parameter_that_the_method_does_not_take() -> None:
    for method in METHODS.values():
        if method.training:
            assert method.training.parameters.keys() <= method.parameters.keys()


def test_a_parameter_has_one_letter_whatever_method_takes_it() -> None:
    letters: dict[str, set[str]] = {}
    for parameter in (parameter for signature in signatures() for parameter in signature.parameters.values()):
        if parameter.letter is not None:
            letters.setdefault(parameter.name, set()).add(parameter.letter)
    assert {name for name, found in letters.items() if len(found) > 1} == set()


def test_a_schema_takes_what_is_declared_and_keeps_its_own() -> None:
    own = {"match": {"enum": ["l2"]}}
    whole = complete({"type": "object", "declared": "parameters", "properties": own})
    assert "declared" not in whole
    taken = {name for method in (*METHODS.values(), OWN_METHOD) for name in method.parameters}
    assert whole["properties"].keys() == taken | {"match"}
    assert whole["properties"]["epsilon_background"]["description"].endswith(", or an l2 length of at least 0")
    nested = complete({"properties": {"attack": {"declared": "training"}}})["properties"]["attack"]["properties"]
    assert nested["method"]["enum"] == [name for name, method in METHODS.items() if method.training]
    assert nested["weight"] == {"const": 0, "description": "0: the paper trains without the salience term"}
    assert complete({"declared": "architectures"})["properties"].keys() == set(KNOWN_NETWORKS)
