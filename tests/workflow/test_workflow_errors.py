"""What a user reads when something is wrong, and what an auditor reads when a file was tampered with."""

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lacuna.language.models import KNOWN_NETWORKS

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

NETWORK = "vgg19-standard-s1"


def before_any_job(tree: "Tree", *arguments: str) -> str:
    """The one sentence of a run that must stop while the workflow is read."""
    said = tree.refused(*arguments)
    assert "Building DAG" not in said
    assert "Job stats" not in said
    assert not (tree / "results").exists()
    message = re.search(r"^WorkflowError in file .*rules/(?:common|runs)\.smk.*\n(.+)\n", said, re.M)
    assert message, said
    return message[1]


def sentence(said: str) -> str:
    """The one error that a job reports."""
    errors = re.findall(r"^error: (.+)$", said, re.M)
    assert len(errors) == 1, said
    return errors[0]


def test_an_unknown_scale_names_the_allowed_ones(small: "Tree") -> None:
    said = before_any_job(small, "tables/table3.csv", "--config", "scale=big")
    assert said == "config/config.yaml or --config, key scale: 'big'; allowed: demo, laptop, paper"


def test_an_unknown_config_key_names_the_allowed_ones_and_the_likely_one(small: "Tree") -> None:
    said = before_any_job(small, "tables/table3.csv", "--config", "sede=1")
    assert said.startswith("config/config.yaml or --config: key sede is not known (did you mean 'seed'?); allowed: ")


@pytest.mark.parametrize("value", ["seed=-1", "seed=one", "mask_place=somewhere"])
def test_an_impossible_value_names_the_key_and_what_is_allowed(small: "Tree", value: str) -> None:
    said = before_any_job(small, "tables/table3.csv", "--config", value)
    assert said.startswith(f"config/config.yaml or --config, key {value.split('=')[0]}: ")
    assert "; allowed: " in said


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (("--config", "seed=1_0"), "--config, key seed: 1_0 is not read alike by all programs; allowed: "),
        (("--config", "seed=1", "seed=2"), "--config: key 'seed' is written twice"),
        (("--configfile", "octal.yaml"), "octal.yaml, line 1: 010 is not read alike by all programs; allowed: "),
        (("--configfile", "twice.json"), "twice.json: key 'seed' is written twice"),
        (("--configfile", "merged.yaml"), "merged.yaml: merge keys bring more than 50000 keys; allowed: fewer"),
    ],
)
def test_what_a_person_reads_otherwise_is_refused_before_snakemake_reads_it(
    small: "Tree", choice: tuple[str, ...], says: str
) -> None:
    (small / "octal.yaml").write_text("seed: 010\n")
    (small / "twice.json").write_text('{"seed": 1, "seed": 2}')
    levels = [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 20)}], z{i}: 1}}" for i in range(1, 30)]
    (small / "merged.yaml").write_text(
        "\n".join(["a0: &a0 {" + ", ".join(f"k{i}: 1" for i in range(99)) + "}", *levels])
    )
    for profile in ((), ("--workflow-profile", "none")) if "merged.yaml" not in choice else ((),):
        assert says in small.refused("tables/table3.csv", *profile, *choice)


def test_a_typo_in_a_scale_file_names_file_and_key(small: "Tree") -> None:
    small.replace("config/scales/demo.yaml", "batch_size", "batch_sise")
    said = before_any_job(small)
    assert said.startswith("config/scales/demo.yaml: key recipes.fashion-mnist-subset.batch_sise is not known")
    assert "did you mean 'batch_size'?" in said


def test_a_bad_model_name_names_file_place_and_the_allowed_architectures(small: "Tree") -> None:
    small.replace("config/papers/defective.yaml", f"model: {NETWORK}", "model: vgg91-standard-s1")
    said = before_any_job(small)
    assert said.startswith("config/papers/defective.yaml, key tables.table3.rows[2].model: model 'vgg91-standard-s1'")
    assert f"allowed: {', '.join(KNOWN_NETWORKS)}" in said


@pytest.mark.parametrize("name", ["a checkout", "{x}", "a}b"])
def test_a_checkout_below_a_path_with_a_space_or_a_brace_is_refused(
    small_root: Path, tmp_path: Path, small: "Tree", name: str
) -> None:
    spaced = type(small)(Path(shutil.copytree(small_root, tmp_path / name)))
    said = before_any_job(spaced)
    assert "has a space or a brace" in said
    assert str(spaced.root) in said


def test_a_checkout_below_an_odd_path_runs_without_home_cache_temporary_folder_or_locale(
    small_root: Path, tmp_path: Path, small: "Tree"
) -> None:
    odd = type(small)(Path(shutil.copytree(small_root, tmp_path / "Größe-日本-é")))
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), "/proc/nowhere")
    odd.environment = {**nowhere, "TMPDIR": "/nowhere", "LC_ALL": "C"}
    target = "results/demo/fashion-mnist-subset/dataset/train.safetensors"
    odd.run(target)
    assert (odd / target).exists()


def test_a_table_that_is_not_configured_is_no_target(small: "Tree") -> None:
    assert "tables/table99.csv" in small.refused("tables/table99.csv")
    assert not (small / "results").exists()


def test_the_paper_scale_without_network_or_data_says_what_to_put_where(pristine: "Tree") -> None:
    nowhere = "http://127.0.0.1:9"
    names = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
    pristine.environment = {key: nowhere for name in names for key in (name, name.upper())} | {"no_proxy": ""}
    said = pristine.refused("tables/table3.csv", "--config", "scale=paper")
    assert "results/downloads" in sentence(said)
    assert "cifar-10-python.tar.gz" in sentence(said)
    assert "train_" not in said.partition("Select jobs to execute")[2], "no training was started"
    assert {path.parts[1] for path in pristine.files("results")} == {"code"}, "nothing half-written"


def flip_a_byte(path: Path) -> None:
    """Changes the last byte of a file and none of its times."""
    times, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_flipped_byte_in_a_checkpoint_stops_its_evaluation_and_deleting_it_mends_all(finished: "Tree") -> None:
    checkpoint = finished.results / f"train/{NETWORK}.safetensors"
    outcome = finished.results / f"evaluate/pgd16/{NETWORK}.parquet"
    weights, outcomes, target = checkpoint.read_bytes(), outcome.read_bytes(), str(outcome.relative_to(finished.root))
    flip_a_byte(checkpoint)
    outcome.unlink()

    said = sentence(finished.refused(target))
    assert said.startswith(f"{checkpoint.relative_to(finished.root)} has changed since it was made")
    assert said.endswith("delete it and run again")
    assert not outcome.exists()

    checkpoint.unlink()
    finished.run(target)
    assert checkpoint.read_bytes() == weights
    assert outcome.read_bytes() == outcomes


def test_a_checkpoint_without_provenance_stops_its_evaluation(finished: "Tree") -> None:
    checkpoint = finished.results / f"train/{NETWORK}.safetensors"
    outcome = finished.results / f"evaluate/pgd16/{NETWORK}.parquet"
    Path(f"{checkpoint}.prov.json").unlink()
    outcome.unlink()
    said = sentence(finished.refused(str(outcome.relative_to(finished.root))))
    assert said.startswith(f"{checkpoint.relative_to(finished.root)} has no provenance")
    assert not outcome.exists()


@pytest.mark.parametrize(
    ("stage", "harmed", "needed"),
    [
        ("dataset", "test.safetensors", "select/transfer.csv"),
        ("select", "transfer.csv", "attack/pgd16/vgg19-standard-s0.safetensors"),
        ("attack", "pgd16/vgg19-standard-s0.safetensors", f"evaluate/pgd16/{NETWORK}.parquet"),
        ("evaluate", f"pgd16/{NETWORK}.parquet", "cells/table3.csv"),
        ("cells", "table3.csv", "table/table3.md"),
    ],
)
def test_a_flipped_byte_stops_the_stage_that_reads_it(finished: "Tree", stage: str, harmed: str, needed: str) -> None:
    flip_a_byte(finished.results / stage / harmed)
    (finished.results / needed).unlink()
    said = finished.refused(str((finished.results / needed).relative_to(finished.root)))
    assert sentence(said).startswith(f"results/demo/fashion-mnist-subset/{stage}/{harmed} has changed")


def test_a_run_without_a_profile_takes_all_cores(finished: "Tree") -> None:
    (finished / "tables/table3.csv").unlink()
    assert finished.call("-n", "tables/table3.csv")[0] == 0
    status, said = finished.call("tables/table3.csv")
    assert status == 0, said
    assert re.search(rf"Provided cores: {len(os.sched_getaffinity(0))}\b", said), said


def test_cores_of_a_profile_on_the_command_line_stay_and_without_any_all_are_used(
    finished: "Tree", tmp_path: Path
) -> None:
    (finished / "tables/table3.csv").unlink()
    profile = tmp_path / "elsewhere"
    profile.mkdir()
    (profile / "profile.yaml").write_text("keep-going: true\n")
    status, said = finished.call("tables/table3.csv", f"--profile={profile}")
    assert status == 0, said
    assert re.search(rf"Provided cores: {len(os.sched_getaffinity(0))}\b", said), said
    (finished / "tables/table3.csv").unlink()
    (profile / "profile.yaml").write_text("cores: 1\n")
    status, said = finished.call("tables/table3.csv", "--profile", str(profile))
    assert status == 0, said
    assert "Provided cores: 1 " in said
