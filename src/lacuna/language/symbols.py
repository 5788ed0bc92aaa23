"""Symbols of the papers, which configuration and files of cells spell out, for what people read."""

import re

_SPELT = re.compile(r"(?<![\w.])(?:eps(?P<index>_[BF])?|lambda)(?!\w)")


def with_symbols(text: str) -> str:
    """A text with ε, ε_B, ε_F and λ in place of the words eps, eps_B, eps_F and lambda; other words stay."""
    return _SPELT.sub(lambda found: "λ" if found[0] == "lambda" else f"ε{found['index'] or ''}", text)
