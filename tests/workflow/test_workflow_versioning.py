"""Two clones and a remote: what is tracked, pulled, named as wrong, taken as made, and planned after that."""

import base64
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from conftest import Tree, copy, made_once

from lacuna.artefacts import text_digest
from lacuna.config import load
from lacuna.inventory import Artefact
from lacuna.plan import Plan

if TYPE_CHECKING:
    from subprocess import CompletedProcess

pytestmark = pytest.mark.workflow

DATA = "results/demo/fashion-mnist-subset"
CHECKPOINT = f"{DATA}/train/vgg19-standard-s1.safetensors"  # a target's: one outcome and the cells depend on it
OUTCOME = f"{DATA}/evaluate/pgd16/vgg19-standard-s1.parquet"
CELLS = f"{DATA}/cells/table3.csv"
RENDERED = {"table": 1, "publish_table": 1}
COMPUTED = {"cells": 1, **RENDERED, "figure": 1, "publish_figure": 1}


class Clone(Tree):
    """A git clone with the project's commands; nothing of the user's own git or DVC settings is consulted."""

    def variables(self) -> dict[str, str]:
        own = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "DVC_GLOBAL_CONFIG_DIR": str(self.root.parent / "dvc-global"),
            "DVC_SYSTEM_CONFIG_DIR": str(self.root.parent / "dvc-system"),
            "DVC_SITE_CACHE_DIR": str(self.root.parent / "dvc-site"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        return super().variables() | own

    def do(self, *command: str) -> "CompletedProcess[str]":
        """Any command in the clone, whatever its exit status."""
        return subprocess.run(command, cwd=self.root, env=self.variables(), capture_output=True, text=True, timeout=300)

    def must(self, *command: str) -> str:
        """A command that must succeed; what it said."""
        done = self.do(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def git(self, *arguments: str) -> str:
        return self.must("git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "c")

    def make(self, *arguments: str) -> "CompletedProcess[str]":
        """One of the project's make targets, in the environment that runs the tests."""
        return self.do("make", "-o", "install", f"BIN={Path(sys.executable).parent}", *arguments)

    def made(self, *arguments: str) -> str:
        """A make target that must succeed; what it said."""
        done = self.make(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def complains(self, *arguments: str) -> list[str]:
        """The lines of a make target that must fail without a traceback."""
        done = self.make(*arguments)
        assert done.returncode != 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()

    def tracked(self) -> set[str]:
        """Files with a ``.dvc`` file, below results/."""
        return {str(path).removesuffix(".dvc") for path in self.files("results", "*.dvc")}

    def plan(self, scale: str) -> dict[str, Artefact]:
        """What the tables of this clone's configuration need at a scale, by path and in order of the flow."""
        chosen = yaml.safe_load((self / "config/config.yaml").read_text()) | {"scale": scale}
        return {artefact.path: artefact for artefact in Plan(load(self.root, chosen)).artefacts()}

    def known(self) -> set[str]:
        """Files that Snakemake has a record of."""
        notes = (path for path in (self / ".snakemake/metadata").rglob("*") if path.is_file())
        return {base64.b64decode(note.name).decode() for note in notes}


def begin(source: Path, target: Path, remote: str) -> Clone:
    """A finished tree as the first commit of a repository with a default remote."""
    clone = Clone(copy(source, target).root)
    clone.git("init", "-q", "-b", "main")
    clone.must("dvc", "remote", "add", "-q", "-d", "storage", remote)
    clone.commit()
    return clone


def cloned(source: Path, target: Path) -> Clone:
    clone = Clone(target)
    subprocess.run(["git", "clone", "-q", source, target], env=clone.variables(), check=True, capture_output=True)
    return clone


def shuffle(tree: Tree, seed: int) -> None:
    """Gives all files but git's and DVC's own times from the last ten years."""
    draw, now = random.Random(seed), time.time()
    for name in tree.files("."):
        if name.parts[0] not in {".git", ".dvc", ".snakemake"}:
            when = now - draw.uniform(0, 10 * 365 * 86400)
            os.utime(tree / str(name), (when, when))


def flip(path: Path) -> None:
    """Changes one bit and keeps size and times, as a failing disk does."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture(scope="session")
def world(shared: Path, finished_root: Path) -> Path:
    """A folder with clone A, which built Table 3 and published it, its remote, and clone B, which pulled it."""

    def make(folder: Path) -> None:
        a = begin(finished_root, folder / "A", str(folder / "remote"))
        (folder / "track.txt").write_text(a.made("track"))
        a.commit()
        (folder / "push.txt").write_text(a.made("push"))
        b = cloned(folder / "A", folder / "B")
        shuffle(b, 0)
        (folder / "pull.txt").write_text(b.made("pull"))

    return made_once(shared / "versioning", make)


@pytest.fixture
def published(world: Path, tmp_path: Path) -> Clone:
    """A fresh clone of what was published, before any pull."""
    return cloned(world / "A", tmp_path / "fresh")


@pytest.fixture
def pulled(world: Path, tmp_path: Path) -> Clone:
    """A copy of the clone that pulled, with all its times."""
    return Clone(copy(world / "B", tmp_path / "pulled").root)


# Track and push --------------------------------------------------------------------------------------------


def test_every_artefact_and_its_provenance_is_tracked_as_a_file_of_its_own(world: Path) -> None:
    a = Clone(world / "A")
    artefacts = {str(name).removesuffix(".prov.json") for name in a.files("results", "*.prov.json")}
    assert {Path(name).parent.name for name in artefacts} == {"dataset", "train", "select", "pgd16", "cells"}
    assert a.tracked() == artefacts | {f"{name}.prov.json" for name in artefacts}
    assert a.git("status", "--porcelain", "-uall") == "", "all is committed or ignored"
    said = (world / "track.txt").read_text()
    assert "scale demo: 16 artefacts, " in said
    assert "32 of 32 .dvc files are new or changed" in said
    assert "32 .dvc files are not committed" in said
    assert "scale demo: 32 tracked files, 31 files pushed" in (world / "push.txt").read_text(), "two are equal"


def test_the_plan_lists_what_the_run_made_with_the_inputs_it_recorded(world: Path) -> None:
    a = Clone(world / "A")
    artefacts = a.plan("demo")
    assert artefacts.keys() == {str(name).removesuffix(".prov.json") for name in a.files("results", "*.prov.json")}
    for path, artefact in artefacts.items():
        stable = json.loads((a / f"{path}.prov.json").read_text())["stable"]
        assert (stable["stage"], stable["settings_digest"]) == (artefact.stage, text_digest(artefact.settings))
        assert set(stable["inputs"]) == set(artefact.inputs)


def test_the_plan_lists_what_snakemake_would_make_of_the_real_configuration(pristine: Tree) -> None:
    said = pristine.run("--summary", "tables").splitlines()
    files = {line.split("\t")[0] for line in said if line.startswith("results/")}
    made = {name.removesuffix(".prov.json") for name in files if name.endswith(".prov.json")}
    assert made == Clone(pristine.root).plan("demo").keys()


def test_nothing_that_differs_from_its_provenance_is_added(finished_root: Path, tmp_path: Path) -> None:
    a = begin(finished_root, tmp_path / "A", str(tmp_path / "remote"))
    wrong = [f"{DATA}/train/vgg19-bottom0.5-standard-s1m1.safetensors", f"{DATA}/select/transfer.csv"]
    flip(a / wrong[0])
    (a / wrong[1]).write_text((a / wrong[1]).read_text()[:-3])
    (a / f"{DATA}/train/state").mkdir()
    (a / f"{DATA}/train/state/vgg19-standard-s1.safetensors").write_text("an interrupted training")
    said = a.complains("track")
    assert named(said) == wrong
    assert "  7 more cannot be confirmed without these" in said, "2 sets, 4 outcomes, cells"
    kept = {f"dataset/{split}" for split in ("train", "test")}
    kept |= {f"train/{arch}-standard-s{seed}" for arch in ("resnet18", "vgg19") for seed in (0, 1)}
    kept |= {"train/resnet18-bottom0.5-standard-s1m1"}
    names = {f"{DATA}/{name}.safetensors" for name in kept}
    assert a.tracked() == names | {f"{name}.prov.json" for name in names}


def test_tracking_again_changes_nothing_and_other_settings_are_not_added(world: Path, tmp_path: Path) -> None:
    a = Clone(copy(world / "A", tmp_path / "A").root)
    assert "  0 of 32 .dvc files are new or changed" in a.made("track")
    a.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    for name in a.files(f"{DATA}/attack", "*.dvc"):
        (a / str(name)).unlink()
    said = a.complains("track")
    sets = [line for line in said if line.startswith(f"disagrees: {DATA}/attack/pgd16/")]
    assert len(sets) == 2
    assert all("was made with other settings than the configuration's: budgets.pgd_e" in line for line in sets)
    assert not a.files(f"{DATA}/attack", "*.dvc")


# Pull ------------------------------------------------------------------------------------------------------


def test_a_clone_that_pulled_plans_nothing_though_times_are_shuffled(world: Path, pulled: Clone) -> None:
    said = (world / "pull.txt").read_text()
    assert "32 tracked files, 31 files fetched and 32 files added" in said
    assert "16 artefacts, " in said
    assert "Snakemake takes 16 artefacts as made; rendered: tables/table3.csv, figures/defective-table3.svg" in said
    assert pulled.planned("tables/table3.csv") == {}
    shuffle(pulled, 1)
    assert pulled.planned("all", "data", "models", "adversarial") == {}
    a = Clone(world / "A")
    for folder in ("results", "tables", "figures"):
        assert pulled.contents(folder) == a.contents(folder)


def test_after_a_pull_an_edit_plans_what_it_plans_where_all_was_made(pulled: Clone) -> None:
    pulled.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    assert pulled.planned() == {"attack": 2, "evaluate": 4, **COMPUTED}
    pulled.git("checkout", "-q", "config")
    assert pulled.planned() == {}
    pulled.append("src/lacuna/evaluation.py")
    assert pulled.planned() == {"select": 1, "attack": 2, "evaluate": 4, **COMPUTED}


def test_a_deleted_checkpoint_is_named_and_only_its_making_is_planned(pulled: Clone) -> None:
    (pulled / CHECKPOINT).unlink()
    assert f"missing: {CHECKPOINT} is tracked but not here" in pulled.complains("verify")
    assert pulled.planned(CHECKPOINT) == {"train_vgg19": 1}
    assert pulled.planned("tables/table3.csv") == {}, "the cells stand without it"


def test_a_deleted_checkpoint_and_table_plan_exactly_what_depends_on_them(pulled: Clone) -> None:
    (pulled / CHECKPOINT).unlink()
    (pulled / "tables/table3.csv").unlink()
    assert pulled.planned("tables/table3.csv") == {"publish_table": 1}, "a copy needs no checkpoint"
    shutil.rmtree(pulled / f"{DATA}/table")
    assert pulled.planned("tables/table3.csv") == RENDERED
    for name in (CELLS, OUTCOME):
        (pulled / name).unlink()
    assert pulled.planned("tables/table3.csv") == {"train_vgg19": 1, "evaluate": 1, "cells": 1, **RENDERED}


def named(said: list[str], mark: str = "disagrees: ") -> list[str]:
    """The files of the lines that begin with the mark."""
    return [line.removeprefix(mark).split()[0] for line in said if line.startswith(mark)]


@pytest.mark.parametrize("damage", [flip, lambda path: os.truncate(path, path.stat().st_size - 1)], ids=["flip", "cut"])
def test_a_damaged_file_is_named_before_anything_is_built_on_it(pulled: Clone, damage: Callable[[Path], None]) -> None:
    for name in (f"{DATA}/attack/pgd16/vgg19-standard-s0.safetensors", OUTCOME, CELLS, CHECKPOINT):
        content = (pulled / name).read_bytes()
        damage(pulled / name)
        assert named(pulled.complains("verify")) == [name]
        guard = pulled.do(sys.executable, "-m", "lacuna.versioning", "guard", "--table", "table3")
        assert guard.returncode == 1
        assert named(guard.stderr.splitlines(), "error: ") == [name]
        (pulled / name).write_bytes(content)
    pulled.made("verify")


def test_a_damaged_publication_is_named_and_not_taken_as_made(world: Path, tmp_path: Path) -> None:
    """The checkpoint was damaged and added by hand: for DVC all is in order."""
    a = Clone(copy(world / "A", tmp_path / "A").root)
    flip(a / CHECKPOINT)
    (a / CHECKPOINT).touch()
    a.must("dvc", "add", "-q", CHECKPOINT)
    a.must("dvc", "push", "-q", "-r", "storage", CHECKPOINT)
    a.commit()
    b = cloned(a.root, tmp_path / "B")
    said = b.complains("pull")
    assert named(said) == [CHECKPOINT]
    assert "  2 more cannot be confirmed without these" in said, "its outcome and the cells"
    assert "Snakemake takes 13 artefacts as made; rendered: nothing" in said
    assert not (b / "tables").exists()
    assert b.planned("tables/table3.csv") == {"train_vgg19": 1, "evaluate": 1, "cells": 1, **RENDERED}
    assert b.known().isdisjoint({CHECKPOINT, OUTCOME, CELLS})
    assert f"{DATA}/train/vgg19-standard-s0.safetensors" in b.known()


FASTER = ("config/scales/demo.yaml", "learning_rate: 0.01", "learning_rate: 0.02")
OTHER = "made with other settings than the configuration's: recipe.learning_rate is 0.01, not 0.02"


def test_other_settings_are_named_not_taken_as_made_and_planned_again(published: Clone) -> None:
    published.replace(*FASTER)
    said = published.complains("pull")
    wrong = [line for line in said if line.startswith("disagrees: ")]
    assert len(wrong) == 6
    assert all(OTHER in line for line in wrong)
    assert "Snakemake takes 2 artefacts as made; rendered: nothing" in said
    data = {f"{DATA}/dataset/{split}.safetensors{end}" for split in ("train", "test") for end in ("", ".prov.json")}
    assert published.known() == data
    assert published.planned() == {
        "train_resnet18": 3,
        "train_vgg19": 3,
        "select": 1,
        "attack": 2,
        "evaluate": 4,
        **COMPUTED,
    }


def test_an_alias_stops_where_snakemake_would_build_on_other_settings(published: Clone) -> None:
    """After a plain `dvc pull` Snakemake knows times only; here they say that all is up to date."""
    published.must("dvc", "pull", "-q")
    published.replace(*FASTER)
    shuffle(published, 2)
    for name in published.plan("demo"):
        for file in (name, f"{name}.prov.json"):
            (published / file).touch()
    assert published.planned() == {**RENDERED, "figure": 1, "publish_figure": 1}
    stopped = published.do("dvc", "repro", "table3")
    assert stopped.returncode != 0
    assert len([line for line in stopped.stderr.splitlines() if line.startswith("error: ") and OTHER in line]) == 6
    assert "> snakemake" not in stopped.stdout


def test_what_snakemake_will_make_again_by_itself_does_not_stop_an_alias(pulled: Clone) -> None:
    pulled.replace("config/papers/defective.yaml", "epsilon: 16/255", "epsilon: 8/255")
    assert len(named(pulled.complains("verify"))) == 3, "two sets, and the cells, whose settings say which attack"
    pulled.must(sys.executable, "-m", "lacuna.versioning", "guard", "--table", "table3")


def test_an_interrupted_pull_goes_on(world: Path, tmp_path: Path, published: Clone) -> None:
    remote = Path(shutil.copytree(world / "remote", tmp_path / "remote"))
    published.configure("config/papers/defective.yaml", lambda content: content["figures"].clear())
    published.must("dvc", "remote", "modify", "--local", "storage", "url", str(remote))
    lost = max((path for path in remote.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    lost.rename(tmp_path / "lost")
    cache = published / ".dvc/cache/files/md5"
    pull = [sys.executable, "-m", "lacuna.versioning", "pull"]
    process = subprocess.Popen(
        ["dvc", "pull", "-q"], cwd=published.root, env=published.variables(), stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not list(cache.glob("*/*")):
        time.sleep(0.001)
    process.kill()
    process.wait()
    half = published.do(*pull)
    assert half.returncode == 1
    gone = f"{DATA}/train/vgg19-bottom0.5-standard-s1m1.safetensors"
    assert named(half.stderr.splitlines(), "missing: ") == [gone]
    assert published.known() >= {OUTCOME, CELLS}
    assert gone not in published.known()
    (tmp_path / "lost").rename(lost)
    said = published.must(*pull)
    assert "32 tracked files, 1 file fetched and 1 file added" in said
    assert published.planned("tables/table3.csv") == {}


def test_a_file_of_ones_own_is_kept_named_and_does_not_hold_up_the_rest(published: Clone) -> None:
    own = published / CHECKPOINT
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("a training of my own")
    said = published.complains("pull", "TABLE=table3")
    assert any(line.startswith(f"kept: {CHECKPOINT} differs from the tracked version") for line in said)
    assert any(line.startswith(f"disagrees: {CHECKPOINT} ") for line in said)
    assert own.read_text() == "a training of my own"
    assert (published / CELLS).exists()


def test_without_anything_tracked_or_without_a_remote_one_sentence_says_so(published: Clone) -> None:
    assert "error: scale paper: nothing is tracked, there are no .dvc files; `make track` writes them" in (
        published.complains("pull", "SCALE=paper")
    )
    assert "error: table 'table33' is in no config/papers/*.yaml; allowed: table3" in (
        published.complains("pull", "TABLE=table33")
    )
    published.must("dvc", "remote", "remove", "storage")
    said = published.complains("push")
    assert any("no remote specified" in line for line in said)


# Scales, datasets, tables ----------------------------------------------------------------------------------


def second_scale(tree: Clone) -> None:
    """A scale and a dataset more, with the first one's artefacts under their names: the same bytes, other records."""
    tree.configure("config/datasets.yaml", lambda c: c.update(second=c["fashion-mnist-subset"] | {"title": "Second"}))
    shutil.copy(tree / "config/scales/demo.yaml", tree / "config/scales/other.yaml")

    def scale(content: Any) -> None:
        content["datasets"]["cifar10"] = "second"
        content["recipes"]["second"] = content["recipes"]["fashion-mnist-subset"]

    tree.configure("config/scales/other.yaml", scale)
    for artefact in tree.plan("other").values():
        source = artefact.path.replace("results/other/second", DATA)
        text = (tree / f"{source}.prov.json").read_text().replace(DATA, "results/other/second")
        record = json.loads(text)
        record["stable"] |= {"settings": json.loads(artefact.settings)}
        record["stable"]["settings_digest"] = text_digest(artefact.settings)
        (tree / artefact.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / source, tree / artefact.path)
        (tree / f"{artefact.path}.prov.json").write_text(json.dumps(record))


def test_two_scales_and_datasets_share_a_remote_and_each_table_is_pulled_alone(
    finished_root: Path, tmp_path: Path
) -> None:
    a = begin(finished_root, tmp_path / "A", str(tmp_path / "remote"))

    def one_row(content: Any) -> None:
        table = content["tables"]["table3"]
        content["figures"] = {}  # not needed here, and slow to draw
        content["tables"]["short"] = table | {"rows": table["rows"][:1]}

    a.configure("config/papers/defective.yaml", one_row)
    assert a.planned("tables/short.csv") == {"cells": 1, **RENDERED}, "the outcomes are those of Table 3"
    a.run("tables/short.csv")
    second_scale(a)
    said = a.made("track")
    assert "scale demo: 17 artefacts, " in said
    assert "scale other: 17 artefacts, " in said
    a.commit()
    a.made("push")

    b = cloned(a.root, tmp_path / "B")
    b.made("pull", "TABLE=short")
    files = {name for name in b.files("results") if name.suffix != ".dvc"}
    trained = {name.name for name in files if name.parts[3] == "train" and name.suffix == ".safetensors"}
    assert trained == {
        f"{name}.safetensors" for name in ("resnet18-standard-s0", "vgg19-standard-s0", "resnet18-standard-s1")
    }
    assert {name.parts[1] for name in files} == {"demo"}
    assert b.planned("tables/short.csv") == {}
    assert not (b / "tables/table3.csv").exists()

    b.made("pull", "TABLE=table3", "SCALE=other")
    assert (b / "results/other/second/train/vgg19-standard-s1.safetensors").exists()
    assert not (b / CHECKPOINT).exists()
    assert b.planned("tables/table3.csv", "--config", "scale=other") == {}
    assert "scale other" in b.made("verify", "SCALE=other", "TABLE=table3")


# Aliases ---------------------------------------------------------------------------------------------------


def test_dvc_repro_builds_or_does_nothing_and_never_removes_a_checkpoint(pulled: Clone) -> None:
    before = {name: (pulled / str(name)).stat().st_mtime_ns for name in pulled.files(f"{DATA}/train")}
    table = (pulled / "tables/table3.csv").read_bytes()
    pulled.must("dvc", "repro", "-q", "table3")
    (pulled / "tables/table3.csv").unlink()
    pulled.must("dvc", "repro", "-q", "table3")
    assert (pulled / "tables/table3.csv").read_bytes() == table
    assert {name: (pulled / str(name)).stat().st_mtime_ns for name in pulled.files(f"{DATA}/train")} == before
    flip(pulled / CHECKPOINT)
    stopped = pulled.do("dvc", "repro", "table3")
    assert stopped.returncode != 0
    assert f"error: {CHECKPOINT} has changed since it was made" in stopped.stderr
    assert "> snakemake" not in stopped.stdout


def test_the_collecting_aliases_build_or_do_nothing(pulled: Clone) -> None:
    pulled.must("dvc", "repro", "-q", "data", "models", "adversarial")
    assert f"missing: {CHECKPOINT}" not in pulled.made("verify")


# Remotes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an S3 server on this machine with an empty bucket `lacuna`."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed: no local S3 to try")
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}").create_bucket(Bucket="lacuna")
    yield f"http://{host}:{port}"
    server.stop()


def test_an_s3_remote_holds_what_is_pushed_and_gives_it_back(
    world: Path, tmp_path: Path, published: Clone, s3: str
) -> None:
    a = Clone(copy(world / "A", tmp_path / "A").root)
    for clone in (a, published):
        clone.must("dvc", "remote", "modify", "--local", "storage", "url", "s3://lacuna/store")
        clone.must("dvc", "remote", "modify", "--local", "storage", "endpointurl", s3)
    assert "31 files pushed" in a.made("push")
    assert "31 files fetched" in published.made("pull")
    assert published.contents("results") == a.contents("results")
    assert published.planned("tables/table3.csv") == {}
