"""Every stage, killed at random moments until it has run to its end, leaves the bytes of an undisturbed run.

The processes are forked from a server that has imported everything, so that a kill costs no start. States are kept
after every step here; in a real run quick loops keep theirs every few seconds.
"""

import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stages import MODEL, PGD, Stages, made

from lacuna.files import states
from lacuna.language.attacks import attack_code

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["stages", "torch", "foolbox.attacks", "art.attacks.evasion", "lacuna.attacks.core.run", "pandas"]
)

CW = {"steps": 30, "binary_search_steps": 2, "learning_rate": 0.05, "initial_const": 0.1}
WALK = {"steps": 150, "spherical_step": 0.05, "source_step": 0.05, "step_adaptation": 1.5}
AT = {"attack": {"method": "pgd", "epsilon": "8/255", "step": "4/255", "steps": 3, "random_start": True}}


def grid(method: str, *budgets: dict[str, Any]) -> dict[str, Any]:
    return {"method": method, "budgets": {attack_code(method, budget): budget for budget in budgets}}


LONG = {"epochs": 8}
STAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "training": ("train", {}),
    "adversarial training": ("train", {"network": {"model": MODEL.replace("standard", "at"), "training": AT}}),
    "PGD": ("attack", grid("pgd", *({**PGD, "steps": steps} for steps in (5, 20, 40)))),
    "CW": ("attack", grid("cw", CW | {"kappa": 0}, CW | {"kappa": 1})),
    "boundary": ("attack", grid("boundary", WALK)),
    "JSMA": ("attack", grid("jsma", *({"gamma": gamma} for gamma in (0.2, 0.3, 0.4)))),
    "square": ("attack", grid("square", *({"epsilon": f"{e}/255", "queries": 30} for e in (2, 4, 6, 8)))),
    "an attack of one's own": ("attack", grid("test_kills:noise", *({"epsilon": f"{e}/255"} for e in (2, 4, 8)))),
    "evaluation": ("evaluate", {}),
}
KILLS = 3  # of each stage: 27 in all


def noise(model: Any, x: Any, labels: Any, *, epsilon: float) -> Any:
    """An attack of a user's own that draws from torch's global generator, slowly."""
    import torch

    time.sleep(0.05)
    return (x + epsilon * (2 * torch.rand_like(x) - 1)).clamp(0, 1)


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which every stage has run, the attack with many budgets, so that its evaluation takes a while."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("complete")
        patch.chdir(folder)
        stages = made(folder)
        stages.budgets = grid("pgd", *({**PGD, "steps": steps} for steps in range(1, 40)))["budgets"]
        stages.run("attack")
        yield folder


def work(folder: Path, rule: str, changes: dict[str, Any]) -> None:
    """One run of a rule, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    os.chdir(folder)
    states.EVERY, states.SHARE = 0, 0
    stages = Stages(folder, batch=2)
    stages.recipe |= LONG
    stages.network |= changes.get("network", {})
    for name in changes.keys() - {"network"}:
        setattr(stages, name, changes[name])
    stages.run(rule)


def start(folder: Path, rule: str, changes: dict[str, Any]) -> Any:
    process = SERVER.Process(target=work, args=(folder, rule, changes))
    process.start()
    return process


def undisturbed(folder: Path, rule: str, changes: dict[str, Any]) -> float:
    """Runs a rule to its end: the seconds it took."""
    begun = time.monotonic()
    process = start(folder, rule, changes)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begun


def files(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder, hidden ones too; of provenance and logs, which say how long it took, only the name."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    volatile = (".prov.json", ".log")
    return {str(p.relative_to(folder)): None if p.name.endswith(volatile) else p.read_bytes() for p in found}


def kept_states(folder: Path) -> list[Path]:
    """Kept states, whatever comes and goes beside them meanwhile."""
    places = [(Path(place), names) for place, _, names in os.walk(folder) if Path(place).name == "state"]
    return [place / name for place, names in places for name in names if name.endswith(".safetensors")]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_killed_at_random_moments_ends_with_the_bytes_of_an_undisturbed_run(
    name: str, complete: Path, tmp_path: Path
) -> None:
    rule, changes = STAGES[name]
    straight, killed = (Path(shutil.copytree(complete, tmp_path / kind)) for kind in ("straight", "killed"))
    seconds = undisturbed(straight, rule, changes)
    draw, kills, kept = random.Random(name), 0, 0
    while kills < KILLS:
        process = start(killed, rule, changes)
        while kills and process.exitcode is None and not kept_states(killed):
            time.sleep(0.02)  # the first kill comes at any moment, the others when there is something to lose
        process.join(draw.uniform(0, 0.6) * seconds)
        if process.exitcode is None:
            process.kill()
            kills += 1
        process.join()
        kept += bool(kept_states(killed))
    assert kept, "no kill met a kept state"
    undisturbed(killed, rule, changes)
    assert files(killed) == files(straight)
    assert not list(killed.rglob("state/*"))
    assert not list(killed.rglob(".*"))
