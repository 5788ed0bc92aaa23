"""What plots of adversarial examples share: a set and a budget per row, beside the clean images. No torch here."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.plot import Files, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import FigurePlan


def set_files(plan: "FigurePlan") -> Files:
    """images (the test set), adversarial (one set per row)."""
    sets = [plan.adversarial_set(row["attack"], row["source"]) for row in plan.body["rows"]]
    return {"images": plan.images(), "adversarial": sets}


def set_settings(plan: "FigurePlan") -> Settings:
    """The entry with scale and dataset, classes, and rows as {label, attack}, attack a code."""
    rows = [{"label": row["label"], "attack": plan.code(row)} for row in plan.body["rows"]]
    return {**plan.base_settings(), "classes": plan.classes(), "rows": rows}
