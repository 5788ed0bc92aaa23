"""Git clones of the tiny tree, with the project's DVC commands, for tests of publishing and pulling."""

import base64
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from subprocess import CompletedProcess

import yaml
from conftest import Tree, copy

from lacuna.config.load import load
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact

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

    def do(self, *command: str) -> CompletedProcess[str]:
        """Any command in the clone, whatever its exit status."""
        return subprocess.run(
            command, cwd=self.root, env=self.variables(), capture_output=True, text=True, timeout=self.patience
        )

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

    def make(self, *arguments: str) -> CompletedProcess[str]:
        """One of the project's make targets, in the environment that runs the tests."""
        return self.do("make", "-o", "install", f"BIN={Path(self.python).parent}", *arguments)

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

    def objects(self) -> int:
        """How many different files there are among the tracked ones: what a remote holds."""
        return len({(self / name).read_bytes() for name in self.tracked()})

    def plan(self, scale: str) -> dict[str, Artefact]:
        """What the tables of this clone's configuration need at a scale, by path and in order of the flow."""
        chosen = yaml.safe_load((self / "config/config.yaml").read_text()) | {"scale": scale}
        return {artefact.path: artefact for artefact in Plan(load(self.root, chosen)).inventory.artefacts()}

    def known(self) -> set[str]:
        """Files that Snakemake has a record of, but for the digests of code."""
        notes = (path for path in (self / ".snakemake/metadata").rglob("*") if path.is_file())
        names = {base64.b64decode(note.name).decode() for note in notes}
        return {name for name in names if not name.startswith("results/code/")}


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


def named(said: list[str], mark: str = "disagrees: ") -> list[str]:
    """The files of the lines that begin with the mark."""
    return [line.removeprefix(mark).split()[0] for line in said if line.startswith(mark)]
