"""``python -m lacuna``: everything that can be asked for; ``python -m lacuna show table3``: what one consists of."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from lacuna.catalogue.checking import checked
from lacuna.catalogue.contents import Part, contents_of, part_cost
from lacuna.catalogue.entries import Entry, entries
from lacuna.catalogue.text import as_json, listing, shown
from lacuna.cost.learnt_file import read_learnt
from lacuna.plan.checkout import plan_of_checkout
from lacuna.plan.names import named_exhibit
from lacuna.plan.notes import notes_of
from lacuna.plan.plan import Plan
from lacuna.plan.presence import refuse_incomplete


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the list, or what one exhibit consists of. Raises `LacunaError` for a name that does not exist."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if (asked.command == "show") != (asked.name is not None):
        parser.error("show takes the name of one table or figure, and list takes none")
    plan = plan_of_checkout(asked.scale)
    plan.learnt = read_learnt(plan.config.scale)
    name = named_exhibit(plan, asked.name) if asked.name else None
    refuse_incomplete(plan, [f"tables/{name}.csv", f"figures/{name}.svg"] if name else ["all"])
    found = [one for one in entries(plan, None if name else asked.paper) if name in (None, one.name)]
    if asked.check:
        found = checked(plan, found)
    if name is not None:
        print(as_json(_shown_record(plan, found, name)) if asked.json else _shown_text(plan, found, name))
    else:
        print(as_json([one.record for one in found]) if asked.json else listing(plan, found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lacuna", description="Lists what can be asked for.")
    parser.add_argument("command", nargs="?", choices=["list", "show"], default="list")
    parser.add_argument("name", nargs="?", help="with show: a table or figure, such as table3")
    parser.add_argument("--scale", help="one of config/scales (default: that of config/config.yaml)")
    parser.add_argument("--paper", help="list only what one paper has, such as dual")
    parser.add_argument("--json", action="store_true", help="for programs: seconds of one device, bytes")
    parser.add_argument("--check", action="store_true", help="ask Snakemake how many jobs it would run for each")
    return parser


def _shown_text(plan: Plan, found: list[Entry], name: str) -> str:
    notes = dict.fromkeys(note for one in found for note in notes_of(plan.known, one.kind, name))
    return shown(plan, found, contents_of(plan, name), notes)


def _shown_record(plan: Plan, found: list[Entry], name: str) -> dict[str, object]:
    contents = contents_of(plan, name)
    files = [asdict(artefact) | {"there": Part("", [artefact]).there == 1} for artefact in contents.artefacts]
    return {
        "exhibits": [one.record for one in found],
        "datasets": contents.datasets,
        "stand_ins": contents.stand_ins,
        "networks": [_part_record(plan, part) for part in contents.networks],
        "attacks": [_part_record(plan, part) for part in contents.attacks],
        "files": [{key: one[key] for key in ("path", "stage", "there")} for one in files],
    }


def _part_record(plan: Plan, part: Part) -> dict[str, object]:
    counts = {"files": len(part.artefacts), "there": part.there}
    return {"name": part.name, **part.facts, "seconds": round(part_cost(plan, part).seconds), **counts}
