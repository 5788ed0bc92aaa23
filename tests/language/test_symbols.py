"""Symbols stand where people read; files of cells spell them out."""

import pytest

from lacuna.language.symbols import with_symbols


@pytest.mark.parametrize(
    ("spelt", "shown"),
    [
        ("dual, eps_B 20", "dual, ε_B 20"),
        ("eps_F 2, eps_B 0", "ε_F 2, ε_B 0"),
        ("FS, lambda 10", "FS, λ 10"),
        ("lambda", "λ"),
        ("targeted, eps 20 (Section 4.5)", "targeted, ε 20 (Section 4.5)"),
        ("(eps_B)", "(ε_B)"),
    ],
)
def test_spelt_symbols_become_letters(spelt: str, shown: str) -> None:
    assert with_symbols(spelt) == shown
    assert with_symbols(shown) == shown


@pytest.mark.parametrize(
    "text", ["steps", "eps20", "lambdas", "LambdaNet", "dual_l2_f0_b20", "eps_Background", "a.eps"]
)
def test_other_words_stay(text: str) -> None:
    assert with_symbols(text) == text
