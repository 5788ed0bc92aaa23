"""What plots of adversarial examples share: a set and a budget per row, beside the clean images. No torch here."""

from typing import TYPE_CHECKING

from lacuna.reporting.plots.core.plot import Files, Settings

if TYPE_CHECKING:
    from lacuna.plan.figures import Planned


def set_files(planned: "Planned") -> Files:
    """images (the test set), adversarial (one set per row)."""
    sets = [planned.adversarial_set(row["attack"], row["source"]) for row in planned.body["rows"]]
    return {"images": planned.images(), "adversarial": sets}


def set_settings(planned: "Planned") -> Settings:
    """The entry with scale and dataset, classes, and rows as {label, attack}, attack a code."""
    rows = [{"label": row["label"], "attack": planned.code(row)} for row in planned.body["rows"]]
    return {**planned.stated(), "classes": planned.classes(), "rows": rows}
