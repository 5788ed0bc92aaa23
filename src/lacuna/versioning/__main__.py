"""``python -m lacuna.versioning track|push|pull|take|verify|guard|aliases``, called by the Makefile and by dvc.yaml."""

import argparse
import sys

from lacuna.files.artefacts import write_text
from lacuna.jobs.commands import command
from lacuna.jobs.progress import say_to_stderr
from lacuna.versioning.aliases import alias_text
from lacuna.versioning.experiments import refuse_experiments
from lacuna.versioning.store import Store, find_scales

COMMANDS = {
    "track": "check what was made and add what agrees with the configuration to DVC (every scale unless one is given)",
    "push": "send what is tracked to the remote (every scale unless one is given)",
    "pull": "fetch what is tracked, check it, and make Snakemake take what agrees as made",
    "take": "copy what agrees from another folder of results, and make Snakemake take it as made",
    "verify": "check what is here against the configuration",
    "guard": "like verify, but stops only where Snakemake would build on something that disagrees",
    "aliases": "write dvc.yaml from the configuration",
}


def main() -> bool:
    """Runs one command in the working directory, which must be the checkout's root. Returns whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m lacuna.versioning")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        command.add_argument("--scale", help="one of config/scales (default: that of config/config.yaml)")
        command.add_argument("--table", help="only what this table needs, for example table3")
        if name == "take":
            command.add_argument("folder", help="results/ of another checkout, a copy of it, or that checkout")
    chosen = parser.parse_args()
    if chosen.command == "guard":
        refuse_experiments()
    stores = [Store(scale, chosen.table, say_to_stderr) for scale in _scales(chosen.command, chosen.scale)]
    if chosen.command == "aliases":
        write_text("dvc.yaml", alias_text(stores[0].plan))
        return True
    given = [chosen.folder] if chosen.command == "take" else []
    outcomes = [getattr(store, chosen.command)(*given) for store in stores]
    return all(outcomes)


def _scales(command: str, scale: str | None) -> list[str | None]:
    """The scale that was given. Else all that have files for track and push, and the configuration's for the rest."""
    ending = {"track": ".prov.json", "push": ".dvc"}.get(command)
    here = find_scales(ending) if ending and scale is None else []
    return [*here] or [scale]


if __name__ == "__main__":
    with command():
        sys.exit(0 if main() else 1)
