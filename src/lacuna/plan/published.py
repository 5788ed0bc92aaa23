"""What is copied to tables/ and figures/ for the user, and where it is recorded that it was. No torch here."""

from typing import Literal

from lacuna.plan.lookup import Lookup
from lacuna.plan.paths import Paths

Kind = Literal["table", "figure", "claims"]
FOLDER = "published"  # below results/<scale>/
COPIES: dict[Kind, tuple[str, ...]] = {  # in the order of the originals
    "table": ("tables/{}.csv", "tables/{}.md", "tables/{}.tex", "tables/{}.cells.csv"),
    "figure": ("figures/{}.svg", "figures/{}.png"),
    "claims": ("tables/{}-claims.csv", "tables/{}-claims.md", "tables/{}-claims.comparisons.csv"),
}


def note_path(scale: str, kind: str, name: str) -> str:
    """The file that says what was published of an exhibit, or of a paper's claims, at a scale."""
    return f"results/{scale}/{FOLDER}/{name}.{kind}.json"


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

    def note(self, kind: Kind, name: str) -> str:
        """The file that says what was published of an exhibit, or of a paper's claims."""
        return note_path(self.lookup.config.scale, kind, name)

    def notes(self, kind: Kind, name: str) -> dict[str, str]:
        """The note and its provenance, as logs of the rule that publishes.

        As outputs that are not there yet they would keep Snakemake from seeing that copies are of another scale.
        """
        note = self.note(kind, name)
        return {"note": note, "note_provenance": f"{note}.prov.json"}

    def copies(self) -> dict[str, dict[str, str]]:
        """The originals of all that may be published, by note and by copy."""
        named: dict[Kind, list[str]] = {"table": [*self.lookup.tables], "figure": [*self.lookup.figures]}
        named["claims"] = self.lookup.claimed
        originals = {"table": self.table, "figure": self.figure, "claims": self.claims}
        return {
            self.note(kind, name): {
                copy.format(name): original for copy, original in zip(COPIES[kind], originals[kind](name), strict=True)
            }
            for kind, names in named.items()
            for name in names
        }
