"""Every file with provenance that exhibits and claims are made from: rule, path, settings and inputs. No torch here."""

from collections.abc import Iterable, Mapping

from lacuna.plan.lookup import Lookup
from lacuna.plan.paths import Paths
from lacuna.plan.published import Published
from lacuna.plan.stage import Artefact, Stage, flat


class Inventory:
    """Lists, for one configuration, artefacts after all that they are made from."""

    def __init__(self, lookup: Lookup, paths: Paths, stages: Mapping[str, Stage]) -> None:
        self.lookup, self.paths, self.stages = lookup, paths, stages
        self.published = Published(lookup, paths)

    def artefacts(self, *exhibits: str) -> list[Artefact]:
        """All that these tables and figures are made from (of all if none is named), each once and after its inputs."""
        names = exhibits or [*self.lookup.tables, *self.lookup.figures]
        return self.chain(*(path for exhibit in names for path in self.made_from(exhibit)))

    def made_from(self, exhibit: str) -> list[str]:
        """The files that a figure is drawn from, and a table's cells."""
        drawn = self.drawn_from(exhibit) if exhibit in self.lookup.figures else []
        return [*drawn, *([self.cells_of(exhibit)] if exhibit in self.lookup.tables else [])]

    def drawn_from(self, figure: str) -> list[str]:
        """The files that a figure is drawn from."""
        return flat(self.stages["figure"].inputs(**self.lookup.wildcards_of(figure)))

    def cells_of(self, table: str) -> str:
        """The file of a table's cells."""
        return self.published.table(table)[-1]

    def claims(self, paper: str) -> list[Artefact]:
        """The verdicts on a paper's claims, which every table of the paper goes into, and their comparisons."""
        place = self.paths.parse(self.published.claims(paper)[0])
        return self.stages["claims"].artefacts(**place.wildcards)

    def chain(self, *paths: str) -> list[Artefact]:
        """Artefacts, and before each all that it is made from. KeyError for a path below results/ of no stage."""
        found: dict[str, Artefact] = {}

        def add(path: str) -> None:
            if path in found or not path.startswith("results/"):
                return
            place = self.paths.parse(path)
            for artefact in self.stages[place.stage].artefacts(**place.wildcards):
                for needed in artefact.inputs:
                    add(needed)
                found[artefact.path] = artefact

        for path in paths:
            add(path)
        return list(found.values())


def without_repeats(artefacts: Iterable[Artefact]) -> list[Artefact]:
    """Each artefact once."""
    return list({artefact.path: artefact for artefact in artefacts}.values())
