"""``python -m lacuna.study page.html``: a page on which a person judges pairs of adversarial examples.

Source: Defective CNN, appendix A.4 (13 people judged 50 pairs each, and picked 14 more of the defective network's).
"""

import argparse
from pathlib import Path
from typing import Any

from lacuna.config.yaml_files import read_yaml
from lacuna.data.classes import answer_names
from lacuna.errors import LacunaError, without_controls
from lacuna.files.artefacts import stable_part, write_text
from lacuna.files.contents import read_adversarial
from lacuna.jobs.commands import command
from lacuna.plan.paths import folder_of
from lacuna.reporting.drawing.core.inputs import note_of
from lacuna.reporting.examples import Examples
from lacuna.reporting.study.pairs import deal, study_page


def make_page(standard: str, defective: str, attack: str, pairs: int, seed: int, root: Path) -> str:
    """The page from two adversarial sets of the same scale and dataset. Their paths are relative to ``root``.

    ``attack`` is the code of the attack. Raises `LacunaError` where the sets do not fit together or hold too few pairs.
    """
    places = {_place(path) for path in (standard, defective)}
    if len(places) > 1:
        raise LacunaError(f"{standard} and {defective} are of two scales or datasets; allowed: both of one")
    scale, dataset = places.pop()
    classes = answer_names(read_yaml(root / "config/datasets.yaml", root)[dataset])
    first, second = (Examples.read(read_adversarial(path), attack, Path(path).stem) for path in (standard, defective))
    dealt = deal(first, second, classes, pairs, seed)
    note = f"{note_of(scale, dataset, scale == 'paper')} Attack {attack}."
    return study_page(dealt, "Which image looks more like its label?", note, f"study-{dataset}-{seed}", seed)


def _place(path: str) -> tuple[str, str]:
    """Scale and dataset of an artefact, as its provenance records them."""
    return folder_of(str(stable_part(path)["artefact"]))


def _arguments() -> Any:
    parser = argparse.ArgumentParser(prog="python -m lacuna.study", description=__doc__)
    parser.add_argument("output", help="the page to write, such as study.html")
    for name in ("standard", "defective"):
        parser.add_argument(f"--{name}", required=True, help=f"adversarial set of the {name} network, a .safetensors")
    parser.add_argument("--attack", required=True, help="code of the attack, such as mifgsm_e16_a1_t20")
    parser.add_argument("--pairs", type=int, default=50, help="number of pairs, 50 as in the paper")
    parser.add_argument("--seed", type=int, default=0, help="deals the pairs; another seed for each person")
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    with command():
        text = make_page(asked.standard, asked.defective, asked.attack, asked.pairs, asked.seed, Path.cwd())
        write_text(asked.output, text)
        print(without_controls(f"{asked.output}: {asked.pairs} pairs, seed {asked.seed}"))
