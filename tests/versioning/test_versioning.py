"""What agrees with the plan and what does not, file by file; the aliases of DVC; what git and DVC look at."""

import json
import random
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from forging import edit_record

from lacuna.files.artefacts import Record, provenance_path, read_record, text_digest
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact, canonical
from lacuna.versioning.aliases import COLLECTIONS, alias_text
from lacuna.versioning.findings import differences, examine, find_other_code, recorded_artefact
from lacuna.versioning.planned import planned

if TYPE_CHECKING:
    from projects import Project

SCALES = ("demo", "laptop", "paper")


# The inventory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_table_3_needs_64_artefacts_each_after_its_inputs(project: "Project", scale: str) -> None:
    artefacts = Plan(project.load(scale=scale)).inventory.artefacts("table3")
    stages = [artefact.stage for artefact in artefacts]
    counts = {"dataset": 2, "train": 20 + 20, "select": 1, "attack": 5, "evaluate": 15, "cells": 1}  # with histories
    assert {stage: stages.count(stage) for stage in dict.fromkeys(stages)} == counts
    assert_in_order(artefacts)


def assert_in_order(artefacts: list[Artefact]) -> None:
    place = {artefact.path: i for i, artefact in enumerate(artefacts)}
    assert len(place) == len(artefacts), "each path once"
    for i, artefact in enumerate(artefacts):
        assert artefact.settings == canonical(json.loads(artefact.settings))
        for name in artefact.inputs:
            assert place[name] < i if name.startswith("results/") else (not name.startswith("/"))


@pytest.mark.parametrize("scale", SCALES)
def test_all_tables_together_list_each_artefact_once_and_after_its_inputs(project: "Project", scale: str) -> None:
    plan = Plan(project.load(scale=scale))
    assert_in_order(plan.inventory.artefacts())
    exhibits = [*plan.lookup.tables, *plan.lookup.figures]
    every = {artefact.path for exhibit in exhibits for artefact in plan.inventory.artefacts(exhibit)}
    assert {artefact.path for artefact in plan.inventory.artefacts()} == every


def test_a_network_of_the_users_own_is_adopted_not_trained(project: "Project") -> None:
    own = {"own-net": {"factory": "torchvision.models:alexnet", "checkpoint": "net.pth"}}
    row = {"row": "own", "model": "own-net"}

    def add(content: Any) -> None:
        content["networks"] = own
        content["tables"]["table3"]["rows"].append(row)

    project.edit("config/papers/defective.yaml", add)
    adopted = [a for a in Plan(project.load()).inventory.artefacts("table3") if a.stage == "adopt"]
    assert [(Path(a.path).name, a.inputs) for a in adopted] == [("own-net.safetensors", ("net.pth",))]


# What agrees -----------------------------------------------------------------------------------------------


def make(stage: str, path: str, settings: Any, inputs: tuple[str, ...] = (), content: str = "content") -> Artefact:
    """A text file with true provenance, and what the plan says about it."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content)
    Record(stage, canonical(settings), list(inputs), ["code.py"]).write(path)
    return Artefact(stage, path, canonical(settings), inputs)


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Artefact]:
    """A committed file, data made from it, two checkpoints made from the data, outcomes of each, cells of both."""
    monkeypatch.chdir(tmp_path)
    Path("official.npz").write_text("official")
    Path("code.py").write_text("code")
    data = make("dataset", "data.bin", {"title": "t"}, ("official.npz",))
    first, second = (make("train", f"{n}.bin", {"recipe": {"rate": 0.1}, "seed": n}, ("data.bin",)) for n in (1, 2))
    tried = [make("evaluate", f"o{n}.csv", {"network": n}, ("data.bin", f"{n}.bin")) for n in (1, 2)]
    cells = make("cells", "cells.csv", {"exhibit": "t"}, ("o1.csv", "o2.csv"))
    return [data, first, second, *tried, cells]


def states(artefacts: list[Artefact]) -> dict[str, str]:
    findings = examine(artefacts)
    for finding in findings:
        assert bool(finding.why) == (finding.state == "disagrees") or finding.state == "absent"
        assert "\n" not in finding.why
    return {finding.path: finding.state for finding in findings}


AGREE = dict.fromkeys(("data.bin", "1.bin", "2.bin", "o1.csv", "o2.csv", "cells.csv"), "agrees")
FIRST_WRONG = AGREE | {"1.bin": "disagrees", "o1.csv": "unconfirmed", "cells.csv": "unconfirmed"}


def test_what_was_made_as_planned_agrees(chain: list[Artefact]) -> None:
    assert states(chain) == AGREE


@pytest.mark.parametrize("seed", range(5))
def test_one_changed_bit_anywhere_is_named_and_nothing_made_from_it_is_confirmed(
    chain: list[Artefact], seed: int
) -> None:
    draw = random.Random(seed)
    content = bytearray(Path("1.bin").read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    Path("1.bin").write_bytes(content)
    assert states(chain) == FIRST_WRONG
    assert "1.bin has changed since it was made" in examine(chain)[1].why


@pytest.mark.parametrize("size", [0, 1, 6])
def test_a_truncated_file_is_named(chain: list[Artefact], size: int) -> None:
    Path("1.bin").write_bytes(Path("1.bin").read_bytes()[:size])
    assert states(chain) == FIRST_WRONG


def test_other_settings_are_named_with_what_differs(chain: list[Artefact]) -> None:
    make("train", "1.bin", {"recipe": {"rate": 0.2}, "seed": 1}, ("data.bin",))
    assert states(chain) == FIRST_WRONG
    why = examine(chain)[1].why
    assert why == "1.bin was made with other settings than the configuration's: recipe.rate is 0.2, not 0.1"


def test_a_digest_that_is_not_of_the_plans_settings_is_enough(chain: list[Artefact]) -> None:
    edit("1.bin", lambda stable: stable.update(settings_digest=text_digest("other")))
    assert states(chain) == FIRST_WRONG


def edit(path: str, change: Any) -> None:
    """Edits the stable part of a provenance, and seals it again."""
    edit_record(path, lambda record: change(record["stable"]), seal=True)


def test_a_checkpoint_that_was_replaced_disagrees_with_what_was_made_from_the_old_one(chain: list[Artefact]) -> None:
    make("train", "1.bin", {"recipe": {"rate": 0.1}, "seed": 1}, ("data.bin",), "other content")
    assert states(chain) == AGREE | {"o1.csv": "disagrees", "cells.csv": "unconfirmed"}
    assert examine(chain)[3].why.startswith("o1.csv was made from another 1.bin (sha256 ")


def test_another_committed_file_is_named(chain: list[Artefact]) -> None:
    Path("official.npz").write_text("other")
    assert states(chain) == dict.fromkeys(AGREE, "unconfirmed") | {"data.bin": "disagrees"}


def test_a_file_under_another_ones_name_is_named(chain: list[Artefact]) -> None:
    for ending in ("", ".prov.json"):
        shutil.copy(f"2.bin{ending}", f"1.bin{ending}")
    assert states(chain)["1.bin"] == "disagrees"
    assert examine(chain)[1].why.startswith("1.bin was made as 2.bin")


def test_inputs_other_than_the_plans_are_named(chain: list[Artefact]) -> None:
    Path("another.csv").write_text("a")
    make("evaluate", "o1.csv", {"network": 1}, ("data.bin", "1.bin", "another.csv"))
    assert "was made from other files than the configuration says: another.csv" in examine(chain)[3].why


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stable": []}', '{"stable": {}}', '{"stable": {"inputs": [1]}}'])
def test_a_provenance_that_cannot_be_read_is_named(chain: list[Artefact], text: str) -> None:
    provenance_path("1.bin").write_text(text)
    assert states(chain) == FIRST_WRONG


@pytest.mark.parametrize("inputs", [None, [], {"data.bin": 1}, "data.bin"])
def test_a_record_without_digests_of_its_inputs_is_named(chain: list[Artefact], inputs: Any) -> None:
    edit("1.bin", lambda stable: stable.update(inputs=inputs))
    assert states(chain) == FIRST_WRONG


def test_a_file_without_provenance_is_named(chain: list[Artefact]) -> None:
    provenance_path("1.bin").unlink()
    assert states(chain) == FIRST_WRONG


def test_what_was_made_from_an_absent_file_stands_on_that_files_provenance(chain: list[Artefact]) -> None:
    Path("1.bin").unlink()
    assert states(chain) == AGREE | {"1.bin": "absent"}
    edit("1.bin", lambda stable: stable.update(settings_digest="0"))
    assert states(chain) == FIRST_WRONG | {"1.bin": "absent"}


def test_without_the_provenance_of_an_absent_file_nothing_made_from_it_is_confirmed(chain: list[Artefact]) -> None:
    Path("1.bin").unlink()
    provenance_path("1.bin").unlink()
    assert states(chain) == FIRST_WRONG | {"1.bin": "absent"}


def test_an_absent_file_made_from_wrong_data_confirms_nothing(chain: list[Artefact]) -> None:
    Path("1.bin").unlink()
    Path("data.bin").write_text("tampered")
    assert states(chain)["o1.csv"] == states(chain)["cells.csv"] == "unconfirmed"


def test_versions_host_and_time_never_make_an_artefact_disagree(chain: list[Artefact]) -> None:
    versions, elsewhere = {"python": "4.0", "torch": "9"}, {"host": "elsewhere", "seconds": 1e9, "commit": None}
    for artefact in chain:
        made_from = {name: read_record(name).digest for name in artefact.inputs if name != "official.npz"}
        edit(artefact.path, lambda stable: stable.update(versions=versions, records=made_from))  # noqa: B023
        edit_record(artefact.path, lambda record: record.update(volatile=elsewhere), seal=True)
    assert states(chain) == AGREE


def test_other_code_is_reported_and_does_not_disagree(chain: list[Artefact]) -> None:
    assert find_other_code(examine(chain)) == {}
    Path("code.py").write_text("edited")
    assert states(chain) == AGREE
    assert find_other_code(examine(chain)) == {"code.py": list(AGREE)}


def test_what_no_table_needs_is_checked_against_its_own_record(chain: list[Artefact]) -> None:
    stray = make("train", "stray.bin", {"seed": 9}, ("data.bin",))
    assert recorded_artefact("stray.bin") == stray
    Path("stray.bin").write_text("tampered")
    assert states([*chain, recorded_artefact("stray.bin")]) == AGREE | {"stray.bin": "disagrees"}
    provenance_path("stray.bin").write_text("{")
    assert states([*chain, recorded_artefact("stray.bin")]) == AGREE | {"stray.bin": "disagrees"}


def test_differences_of_settings_are_named_by_their_path() -> None:
    recorded = {"a": {"b": 1, "c": [1, 2]}, "d": None, "gone": "x" * 99}
    planned = {"a": {"b": 1.5, "c": [1, 2]}, "d": {"e": 1}}
    shown = list(differences(recorded, planned))
    assert shown == ["a.b is 1, not 1.5", 'd is null, not {"e": 1}', f'gone is "{"x" * 35}..., not null']
    assert list(differences(planned, planned)) == []


# Aliases ---------------------------------------------------------------------------------------------------


def test_dvc_yaml_has_an_alias_for_each_table_of_the_configuration(root: Path, project: "Project") -> None:
    written = alias_text(Plan(project.load()))
    assert (root / "dvc.yaml").read_text() == written, (
        "dvc.yaml does not agree with config/papers/*.yaml: run `make aliases` (python -m lacuna.versioning aliases)"
    )


def test_a_table_added_to_the_configuration_changes_the_aliases(project: "Project") -> None:
    before = alias_text(Plan(project.load()))
    project.edit("config/papers/defective.yaml", lambda c: c["tables"].update(table99=c["tables"]["table3"]))
    after = alias_text(Plan(project.load()))
    assert before != after
    assert yaml.safe_load(after)["stages"].keys() - yaml.safe_load(before)["stages"].keys() == {"table99"}


def test_aliases_verify_then_call_snakemake_and_own_nothing_but_what_is_small(root: Path) -> None:
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    assert {"planned", *COLLECTIONS} < stages.keys()
    for name, stage in stages.items():
        assert stage.keys() <= {"cmd", "deps", "outs"}, "no always_changed, by which a status says nothing"
        first, build = stage["cmd"]
        if name == "planned":
            assert (first, build) == ("python -m lacuna.versioning.experiments", "snakemake planned")
            continue
        made = [f"metrics/{name}.json"] if name not in ("tables", "figures") else []
        target = [name] if name in COLLECTIONS else [f"tables/{name}.csv"]
        option = "" if name in COLLECTIONS else f" --table {name}"
        assert (first, build) == (f"python -m lacuna.versioning guard{option}", f"snakemake {' '.join(target + made)}")
        outs = made if name in COLLECTIONS else target + made
        assert stage.get("outs", []) == [{out: {"cache": False, "persist": True}} for out in outs]
        assert stage["deps"][0] == f"results/planned/{name}.txt"


@pytest.mark.parametrize(
    ("file", "change", "concerned"),
    [
        ("config/papers/defective.yaml", lambda c: c["tables"]["table4"]["rows"].pop(), {"table4"}),
        ("config/papers/dual.yaml", lambda c: c["tables"]["dual-cw"].update(title="Other"), {"dual-cw"}),
    ],
)
def test_an_edit_changes_the_digests_of_what_it_concerns(
    project: "Project", file: str, change: Any, concerned: set[str]
) -> None:
    before = planned(Plan(project.load()))
    project.edit(file, change)
    after = planned(Plan(project.load()))
    changed = {name for name in after if after[name] != before[name]}
    assert concerned <= changed <= concerned | {"tables", "figures", "adversarial", "models"}


# What git and DVC look at ----------------------------------------------------------------------------------


def test_below_results_git_sees_the_dvc_files_only(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    train = "results/demo/set/train"
    names = [f"{train}/a.safetensors", f"{train}/a.safetensors.dvc", f"{train}/a.safetensors.prov.json"]
    names += [f"{train}/a.safetensors.prov.json.dvc", f"{train}/state/a.safetensors", "results/downloads/x/y.gz"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    command = ["git", "ls-files", "-o", "--exclude-standard", "results"]
    seen = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert seen == [name for name in names if name.endswith(".dvc")]


def test_dvc_sends_no_analytics(root: Path) -> None:
    text = (root / ".dvc/config").read_text()
    assert "analytics = false" in text
    assert "url" not in text, "a remote is everyone's own"


@pytest.mark.parametrize("plugin", ["dvc_s3", "dvc_ssh"])
def test_the_remotes_of_the_documentation_are_installed(plugin: str) -> None:
    assert find_spec(plugin)
