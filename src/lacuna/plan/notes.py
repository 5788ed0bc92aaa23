"""The notes below an exhibit: those whose needs it meets at this configuration. No torch here."""

from lacuna.config.notes import Declared, Place, placed_notes
from lacuna.errors import LacunaError
from lacuna.language.notes import Note, Used
from lacuna.plan.lookup import Lookup
from lacuna.plan.shown import Kind, foreground_sentences, used_by
from lacuna.plan.stage import Known

FIXED = ("role", "attack", "defense")  # kinds of which no scale changes what an exhibit uses
OF_NETWORKS = ("training", "mask")  # nor of these, unless it has another victim


def notes_of(known: Known, kind: Kind, name: str) -> list[str]:
    """The sentences below a table or figure: the table's own, its paper's, the scale's, those of its datasets.

    Last stands how the foreground is found, where the exhibit looks at one.
    """
    used = used_by(known, kind, name)
    stand = (note for place, note in _reaching(known.lookup, kind, name) if _about(place, used) and note.stands(used))
    return list(dict.fromkeys([*(note.sentence for note in stand), *foreground_sentences(known, kind, name)]))


def refuse_dead_notes(known: Known) -> None:
    """Raises `LacunaError` for the first note that no exhibit shows, whatever its dataset and the scale's numbers are.

    Where the scale lacks an exhibit that a note may stand below, the note is passed over.
    """
    lookup = known.lookup
    lacking = {one.paper for one in lookup.config.incomplete.values()}
    kinds = (*FIXED, *(() if lookup.config.settings["victims"] else OF_NETWORKS))
    exhibits: list[tuple[Kind, str]] = [("table", name) for name in lookup.tables]
    exhibits += [("figure", name) for name in lookup.figures]
    living = {place for exhibit in exhibits for place in _living(known, *exhibit, kinds)}
    for place, _ in placed_notes(_declared(lookup)):
        unsure = place.paper in lacking if place.paper else bool(lacking)
        if place not in living and not unsure:
            below = f"of {place.table} " if place.table else f"of {place.paper} " if place.paper else ""
            why = f"no table or figure {below}uses all that the note needs"
            raise LacunaError(f"{place.file}, key {place.key}: {why}; allowed: what one of them uses")


def _living(known: Known, kind: Kind, name: str, kinds: tuple[str, ...]) -> list[Place]:
    """The notes that an exhibit may show, by the names in their needs of these kinds."""
    used = used_by(known, kind, name)
    return [place for place, note in _reaching(known.lookup, kind, name) if _named(note, kinds).stands(used)]


def _named(note: Note, kinds: tuple[str, ...]) -> Note:
    return Note(note.sentence, {kind: [*stated] for kind, stated in note.needs.items() if kind in kinds})


def _reaching(lookup: Lookup, kind: Kind, name: str) -> list[tuple[Place, Note]]:
    """The notes that may stand below an exhibit by where they are declared, whatever its dataset."""
    paper, body = (lookup.tables if kind == "table" else lookup.figures)[name]
    papers, tables = ("", paper), ("", name if kind == "table" else body.get("table", ""))
    return [one for one in placed_notes(_declared(lookup)) if one[0].paper in papers and one[0].table in tables]


def _about(place: Place, used: Used) -> bool:
    """Whether a note of a dataset is about one that is used; other notes are about no dataset by their place."""
    return not place.dataset or place.dataset in used["dataset"]


def _declared(lookup: Lookup) -> Declared:
    config = lookup.config
    papers = {name: (config.sources[name].file, content) for name, content in config.papers.items()}
    return Declared(f"config/scales/{config.scale}.yaml", config.settings, config.datasets, papers)
