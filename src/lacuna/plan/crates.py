"""What can be packed as a crate, and the files that each crate is made from. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lacuna.plan.lookup import Lookup
from lacuna.plan.published import Published, note_path
from lacuna.plan.stage import Stage, flat

FOLDER, KIND = "crates", "crate"
CLAIMS = "-claims"  # after a paper's name: its claims alone


@dataclass(frozen=True)
class Parts:
    """What one crate holds: tables, figures, and the papers whose verdicts it holds. ``paper`` is what it is about."""

    paper: str
    tables: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    whole: bool = False


class Crates:
    """The crates of one configuration: of each exhibit, of each paper's claims, and of each whole paper."""

    def __init__(self, lookup: Lookup, published: Published, stages: Mapping[str, Stage]) -> None:
        self.lookup, self.published, self.stages = lookup, published, stages

    @cached_property
    def parts(self) -> dict[str, Parts]:
        """What each crate holds, by its name. Where a paper and an exhibit have one name, it is the paper's."""
        lookup = self.lookup
        exhibits = {
            name: Parts(
                (lookup.tables.get(name) or lookup.figures[name])[0],
                (name,) if name in lookup.tables else self._table_of(name),
                (name,) if name in lookup.figures else self._figures_of(name),
            )
            for name in (*lookup.tables, *lookup.figures)
        }
        claims = {f"{paper}{CLAIMS}": Parts(paper, self._tables(paper), (), (paper,)) for paper in lookup.claimed}
        papers = {paper: self._whole(paper) for paper in lookup.config.papers if self._tables(paper)}
        return exhibits | claims | papers

    def inputs(self, crate: str) -> list[str]:
        """The files that a crate is made from, below results/, without those that are only named in it."""
        parts = self.parts[crate]
        tables = [path for name in parts.tables for path in self.published.table(name)]
        figures = [path for name in parts.figures for path in self.published.figure(name)]
        claims = [path for paper in parts.claimed for path in self.published.claims(paper)]
        counted = [path for name in parts.tables for path in self.counted(name)]
        return list(dict.fromkeys([*tables, *figures, *claims, *counted]))

    def counted(self, table: str) -> list[str]:
        """The outcomes and measures that a table's cells count."""
        return flat({"outcomes": self.stages["cells"].inputs(**self.lookup.wildcards_of(table))["outcomes"]})

    def path(self, crate: str) -> str:
        """Where a crate lies."""
        return f"{FOLDER}/{crate}.zip"

    def note(self, crate: str) -> str:
        """The note that says that a crate was published."""
        return note_path(self.lookup.config.scale, KIND, crate)

    def notes(self, crate: str) -> dict[str, str]:
        """The note and its provenance, as logs of the rule, as those of `lacuna.plan.published.Published.notes`."""
        return {"note": self.note(crate), "note_provenance": f"{self.note(crate)}.prov.json"}

    def copies(self) -> dict[str, dict[str, str]]:
        """The files of every crate by its note; they are copies of nothing."""
        return {self.note(name): dict.fromkeys(files_of(self.path(name)), "") for name in self.parts}

    def _whole(self, paper: str) -> Parts:
        claimed = (paper,) if paper in self.lookup.claimed else ()
        figures = tuple(name for name, (owner, _) in self.lookup.figures.items() if owner == paper)
        return Parts(paper, self._tables(paper), figures, claimed, whole=True)

    def _tables(self, paper: str) -> tuple[str, ...]:
        return tuple(self.lookup.tables_of(paper))

    def _table_of(self, figure: str) -> tuple[str, ...]:
        """The table that a figure shows the cells of."""
        body = self.lookup.figures[figure][1]
        return (body["table"],) if "table" in body else ()

    def _figures_of(self, table: str) -> tuple[str, ...]:
        return tuple(name for name, (_, body) in self.lookup.figures.items() if body.get("table") == table)


def files_of(path: str) -> list[str]:
    """A crate, and the file with its root digest beside it."""
    return [path, f"{path}.sha256"]
