"""Results that no exhibit needs: ``python -m lacuna.unneeded [--scale paper] [--delete]`` lists or removes them."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from lacuna.files.artefacts import find_files, provenance_path
from lacuna.jobs.commands import command
from lacuna.plan.checkout import plan_of_checkout
from lacuna.plan.plan import Plan

ASKED_FOR = "export"  # a stage whose files are made because somebody named them
SEED = re.compile(r"(results/[^/]+/[a-z0-9-]+?)-seed\d+/")  # the folder of a further seed


def unneeded_artefacts(plan: Plan) -> list[str]:
    """Files with provenance below results/<scale>/ that no table, figure or claim of the configuration is made from.

    What a further seed made is needed where the first seed's is, whatever ``seeds`` says now. Exported adversarial sets
    are left out. So are files that no stage of this version would make: nobody can say whose they are.
    """
    needed = set(_needed(plan))
    here = [str(path).removesuffix(".prov.json") for path in find_files(_folder(plan), ".prov.json")]
    return [path for path in here if (first := SEED.sub(r"\1/", path)) not in needed and _removable(plan, first)]


def _needed(plan: Plan) -> Iterator[str]:
    yield from (artefact.path for artefact in plan.inventory.artefacts())
    for paper in plan.lookup.claimed:
        yield from (artefact.path for artefact in plan.inventory.claims(paper))


def _removable(plan: Plan, path: str) -> bool:
    try:
        return plan.paths.parse(path).stage != ASKED_FOR
    except KeyError:
        return False


def _folder(plan: Plan) -> Path:
    return Path("results", plan.config.scale)


def lines_of(paths: list[str], scale: str) -> Iterator[str]:
    """What is said of files: each with its size, the largest first, then the sum."""
    sizes = {path: Path(path).stat().st_size if Path(path).exists() else 0 for path in paths}
    for path in sorted(paths, key=lambda one: (-sizes[one], one)):
        yield f"{sizes[path] / 1e6:10.1f} MB  {path}"
    yield f"{len(paths)} files of scale {scale} that no exhibit needs, {sum(sizes.values()) / 1e9:.2f} GB"


def remove(paths: list[str]) -> None:
    """Removes files, each after its record, so that what an interrupt leaves is a file that nothing takes as made."""
    for path in paths:
        provenance_path(path).unlink(missing_ok=True)
        Path(path).unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m lacuna.unneeded")
    parser.add_argument("--scale", help="one of config/scales (default: that of config/config.yaml)")
    parser.add_argument("--delete", action="store_true", help="remove them; .dvc files stay, so that DVC has them back")
    with command():
        asked = parser.parse_args()
        plan = plan_of_checkout(asked.scale)
        found = unneeded_artefacts(plan)
        print("\n".join(lines_of(found, plan.config.scale)))
        if asked.delete:
            remove(found)
