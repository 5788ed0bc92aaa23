"""Budgets of attacks against what their methods take. No torch here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from lacuna.config.schema import check_value
from lacuna.errors import LacunaError
from lacuna.language.methods import PIXEL_UNITS, Signature, Value, parse_pixels


def check_budget(
    file: str,
    key: str,
    method: str,
    signature: Signature,
    budget: Mapping[str, Any],
    places: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A budget has the parameters that a method takes, each with a value that the method allows.

    ``places`` are those of parameters that stand elsewhere than below ``key``. Raises `LacunaError` for what is wrong.
    """
    _check_names(f"{file}, key {key}", method, signature, budget)
    stands = {name: places.get(name, f"{key}.{name}") for name in signature.parameters}
    for name in sorted(signature.parameters.keys() & budget.keys()):
        _check_parameter(f"{file}, key {stands[name]}", signature.parameters[name].value, budget[name])
    if refused := signature.refuse(budget):
        name, allowed = refused
        if name not in budget:
            raise LacunaError(f"{file}: key {stands[name]} is missing; required: {allowed}")
        raise LacunaError(f"{file}, key {stands[name]}: {budget[name]} is not allowed; allowed: {allowed}")


def _check_names(where: str, method: str, signature: Signature, budget: Mapping[str, Any]) -> None:
    """Nothing is missing, nothing is too much, and of several parameters to choose from there is one."""
    required, one_of, optional = (
        [parameter.name for parameter in kind] for kind in (signature.required, signature.one_of, signature.optional)
    )
    lacking, chosen = set(required) - set(budget), set(one_of) & set(budget)
    if lacking or set(budget) - signature.parameters.keys() - {"match"} or len(chosen) != bool(one_of):
        choice = [" or ".join(one_of)] if one_of else []
        takes = ", ".join([*required, *choice, *(f"{name} (optional)" for name in optional)])
        has = ", ".join(sorted(budget)) or "nothing"
        raise LacunaError(f"{where}: has {has}; {method} takes {takes or 'nothing'}")


def _check_parameter(where: str, value: Value, given: Any) -> None:
    """A value is one that this method allows; others may allow more for a parameter of the same name."""
    check_value(where, given, value.schema)
    if value.unit == PIXEL_UNITS and parse_pixels(given, where) == 0 and not value.zero:
        raise LacunaError(f"{where}: '{given}' is not allowed; allowed: above 0")
