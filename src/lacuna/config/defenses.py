"""Ready-made defenses: they exist, and take the arguments that they are given. No torch here."""

from collections.abc import Mapping
from typing import Any

from lacuna.config.budgets import check_budget
from lacuna.config.joined import known
from lacuna.config.parts import Paper
from lacuna.language.methods import Signature
from lacuna.purify import READY

PREFIX = "lacuna.purify:"


def check_defenses(papers: Mapping[str, Paper]) -> None:
    """Every ready-made defense of the papers' files against what `lacuna.purify` declares above it."""
    for paper in papers.values():
        for name, body in paper.content["defenses"].items():
            if body.get("function", "").startswith(PREFIX):
                file = paper.scale_file if name in paper.settings.get("defenses", {}) else paper.file
                ready, key = body["function"].removeprefix(PREFIX), f"defenses.{name}"
                known(file, f"{key}.function", ready, READY)
                check_budget(file, f"{key}.arguments", ready, READY[ready], body.get("arguments", {}))


def ready_made(defense: Mapping[str, Any]) -> Signature | None:
    """What a ready-made defense declares; None for smoothing, and for functions of the user's own."""
    function = defense.get("function", "")
    return READY.get(function.removeprefix(PREFIX)) if function.startswith(PREFIX) else None
