"""What is copied to tables/ and figures/ for the user. No torch here."""

from lacuna.plan.lookup import Lookup
from lacuna.plan.paths import Paths


class Published:
    """The files below results/ that are published of a table, a figure, a paper's claims."""

    def __init__(self, lookup: Lookup, paths: Paths) -> None:
        self.lookup, self.paths = lookup, paths

    def table(self, exhibit: str) -> list[str]:
        """CSV, Markdown, LaTeX, cells."""
        named = self.lookup.wildcards_of(exhibit)
        rendered = [self.paths.of("table", output, **named) for output in ("csv", "markdown", "latex")]
        return [*rendered, self.paths.of("cells", "cells", **named)]

    def figure(self, exhibit: str) -> list[str]:
        """SVG, PNG."""
        named = self.lookup.wildcards_of(exhibit)
        return [self.paths.of("figure", output, **named) for output in ("svg", "png")]

    def claims(self, paper: str) -> list[str]:
        """CSV, Markdown, comparisons; in the folder of the dataset of the paper's first table."""
        named = {"dataset": self.lookup.dataset_of(self.lookup.tables_of(paper)[0]), "paper": paper}
        return [self.paths.of("claims", output, **named) for output in ("claims", "markdown", "comparisons")]
