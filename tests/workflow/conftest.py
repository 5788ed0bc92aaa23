"""A tiny configuration of the whole workflow, run once per session; each test works on its own copy of the result."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
import yaml
from excerpt import excerpt, excerpt_scale
from warm import warm_interpreter

from lacuna.config.load import load
from lacuna.plan.plan import Plan
from lacuna.plan.stray_claims import find_stray

if TYPE_CHECKING:
    from clones import Clone

REPOSITORY = Path(__file__).resolve().parents[2]
TARGETS = ("tables/table3.csv", "figures/defective-table3.svg")
NOTHING = "Nothing to be done"
LEFT_OUT = (".git", ".venv", ".snakemake", "results", "tables", "figures", "reports", "logs", ".*_cache", "__pycache__")
KEPT_ARCHITECTURES = ("resnet18", "vgg19")
KEPT_ROWS = ("ResNet-18", "VGG-19", "0.5-Bottom")


@dataclass
class Tree:
    """A checkout in a folder of its own, with the command line run in it.

    Calls of Snakemake, and the jobs that they start, come from an ``interpreter`` that has imported others' libraries
    (warm.py). Where the tree asks for variables of its own, or is to be ``fresh``, they start as a user's do.
    """

    interpreter: ClassVar[str] = sys.executable
    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = TARGETS
    patience: int = 1500  # seconds that one call may take
    fresh: bool = False

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def results(self) -> Path:
        """Where this configuration's artefacts lie."""
        return self.root / "results/demo/fashion-mnist-subset"

    @property
    def python(self) -> str:
        """The interpreter for calls of this tree's commands."""
        known = self.environment.keys() <= {"PYTHONPATH", "PATH", "HOME", "SNAKEMAKE_PROFILE"}  # none is read before
        return self.interpreter if known and not self.fresh else sys.executable

    def command(self, *arguments: str) -> list[str]:
        """The command line of Snakemake, with the interpreter that runs the tests."""
        return [sys.executable, "-m", "snakemake", *arguments]

    def variables(self) -> dict[str, str]:
        """The environment of a run: this tree's library wins, and nothing outside the tree is consulted."""
        dropped = ("SNAKEMAKE_PROFILE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
        kept = {key: value for key, value in os.environ.items() if key not in dropped}
        own = {"PYTHONPATH": str(self.root / "src"), "GIT_CEILING_DIRECTORIES": str(self.root.parent)}
        return kept | own | self.environment

    def execute(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One call of Snakemake, whatever its exit status."""
        how = {"cwd": self.root, "env": self.variables(), "timeout": self.patience}
        command = [self.python, *self.command(*arguments)[1:]]
        return subprocess.run(command, capture_output=True, text=True, **how)

    def call(self, *arguments: str) -> tuple[int, str]:
        """One call of Snakemake: its exit status, and what it said on stdout and stderr."""
        done = self.execute(*arguments)
        return done.returncode, done.stdout + done.stderr

    def run(self, *arguments: str) -> str:
        """A run on two cores that must succeed; returns what it said."""
        status, said = self.call("--cores", "2", *(arguments or TARGETS))
        assert status == 0, said[-4000:]
        return said

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run plans, each with its number of jobs, as `counted`."""
        return self.counted(self.run("-n", *(arguments or TARGETS)))

    def planned_code(self, *arguments: str) -> set[str]:
        """The parts of the code whose digests a dry run plans to write."""
        return set(re.findall(r"^code_(\S+) +1$", self.run("-n", *(arguments or TARGETS)), re.M))

    @staticmethod
    def counted(said: str) -> dict[str, int]:
        """The table of jobs that a dry run prints, by rule, without the digests of code that jobs wait for.

        Empty where nothing is to be done.
        """
        if NOTHING in said:
            return {}
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total +(\d+)$", said, re.M | re.S)
        assert table, said
        counts = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
        assert sum(counts.values()) == int(table[2])
        kept = {name: count for name, count in counts.items() if not name.startswith("code_")}
        assert kept, "digests are never written for nothing"
        return kept

    def refused(self, *arguments: str) -> str:
        """What a run that must fail says on stderr, without a Python traceback."""
        done = self.execute("--cores", "2", *(arguments or TARGETS))
        assert done.returncode != 0, done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stderr

    def replace(self, name: str, old: str, new: str) -> None:
        """Replaces text in a file, which must hold it."""
        text = (self / name).read_text()
        assert old in text
        (self / name).write_text(text.replace(old, new))

    def append(self, name: str, text: str = "# edited\n") -> None:
        """Adds a comment, or some other text, to a text file."""
        (self / name).write_text((self / name).read_text() + text)

    def configure(self, name: str, change: Callable[[Any], None]) -> None:
        """Rewrites a YAML file after ``change`` has edited its content in place."""
        content = yaml.safe_load((self / name).read_text())
        change(content)
        (self / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    def files(self, folder: str, pattern: str = "*") -> list[Path]:
        """Files below a folder of the tree, relative to the tree's root."""
        found = (path for path in (self / folder).rglob(pattern) if path.is_file())
        return sorted(path.relative_to(self.root) for path in found)

    def contents(self, folder: str) -> dict[str, bytes]:
        """Bytes of the files below a folder, by path."""
        return {str(path): (self.root / path).read_bytes() for path in self.files(folder)}


def copy(source: Path, target: Path) -> Tree:
    """A copy of a tree with all its mtimes and Snakemake's notes."""
    return Tree(Path(shutil.copytree(source, target, symlinks=True)))


def checkout(target: Path) -> None:
    """Copies what git tracks or would track; without git, everything but what runs and tools leave behind."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=REPOSITORY, capture_output=True, text=True
    )
    if listed.returncode != 0:
        shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns(*LEFT_OUT))
        return
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file() and not name.startswith("results/"):  # .dvc files of what was published
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def shrink(tree: Tree) -> None:
    """Cuts data, training, images and table down to seconds: two architectures, two easy classes, few images."""
    name = "data/embedded/fashion-mnist-subset.npz"
    counts, arrays = {"train": 320, "test": 200}, {}
    with np.load(tree / name) as full:
        for split, count in counts.items():
            images, labels = full[f"{split}_images"], full[f"{split}_labels"]
            kept = np.flatnonzero(np.isin(labels, (1, 9)))[:count]  # trousers and ankle boots
            arrays |= {f"{split}_images": images[kept], f"{split}_labels": labels[kept]}
    np.savez_compressed(tree / name, **arrays)

    def dataset(content: Any) -> None:
        entry = content["fashion-mnist-subset"]
        entry["source"]["sha256"] = hashlib.sha256((tree / name).read_bytes()).hexdigest()
        entry.update(counts)

    def excerpted(content: Any) -> None:
        excerpt_scale(content, yaml.safe_load((tree / "config/papers/defective.yaml").read_text()))

    def scale(content: Any) -> None:
        content["images"]["transfer"] = 20
        recipe = content["recipes"]["fashion-mnist-subset"]
        recipe.pop("epochs_of", None)
        recipe.update(epochs=1, batch_size=8, learning_rate=0.01)

    def paper(content: Any) -> None:
        sources = [f"{arch}-standard-s0" for arch in KEPT_ARCHITECTURES]
        excerpt(content, "table3", "defective-table3")
        content["selections"]["transfer"]["sources"] = list(sources)
        content["suites"]["pgd16"]["sources"] = list(sources)
        table = content["tables"]["table3"]
        table["columns"] = [c for c in table["columns"] if c.get("source", sources[0]) in sources]
        table["rows"] = [
            r for r in table["rows"] if r["row"] in KEPT_ROWS and r["model"].split("-")[0] in KEPT_ARCHITECTURES
        ]

    tree.configure("config/datasets.yaml", dataset)
    tree.configure("config/papers/defective.yaml", paper)
    for path in sorted((tree / "config/scales").glob("*.yaml")):
        tree.configure(f"config/scales/{path.name}", excerpted)
    tree.configure("config/scales/demo.yaml", scale)
    for other in (*(tree / "config/papers").glob("*.yaml"), *(tree / "config/claims").glob("*.yaml")):
        if other != tree / "config/papers/defective.yaml":
            other.unlink()


def add_claims(tree: Tree) -> None:
    """Puts back the paper's claims, which the tiny configuration leaves out, without values that no cell of it has.

    A claim that is about nothing else is left out.
    """
    name = "config/claims/defective.yaml"
    (tree / name).parent.mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / name, tree / name)
    plan = Plan(load(tree.root, yaml.safe_load((tree / "config/config.yaml").read_text())))
    stray = [(one.claim, one.value) for one in find_stray(plan, "defective", tree.root)]
    tree.configure(name, lambda content: [_drop(content["claims"], *one) for one in stray])
    rest = {one.claim for one in find_stray(plan, "defective", tree.root)}
    tree.configure(name, lambda content: [content["claims"].pop(claim) for claim in rest])


def _drop(claims: dict[str, Any], claim: str, value: str) -> None:
    """Takes a value out of the lists of a claim's selectors; the claim itself where it stands elsewhere."""
    found = claims.get(claim, {"compare": []})
    sides = [block[side] for block in found["compare"] for side in ("where", "left", "right") if side in block]
    for selector in (one for side in sides for one in (side if isinstance(side, list) else [side])):
        for key, values in selector.items():
            if isinstance(values, list):
                selector[key] = [one for one in values if str(one) != value]
                if not selector[key]:
                    claims.pop(claim, None)
            elif str(values) == value:
                claims.pop(claim, None)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock between the processes of pytest-xdist."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this session see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, filled by ``make`` in whichever process asks for it first."""
    done = folder.with_name(f"{folder.name}.done")
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session", autouse=True)
def bytecode(shared: Path) -> Iterator[None]:
    """Where Python may not leave bytecode beside its sources, a folder of the session: imports take a third then."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(shared / "bytecode"))
        yield


@pytest.fixture(scope="session", autouse=True)
def warm(bytecode: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Python with others' libraries imported, for the calls of this process."""
    with warm_interpreter(tmp_path_factory.mktemp("warm")) as program:
        Tree.interpreter = str(program)
        yield
        Tree.interpreter = sys.executable


@pytest.fixture(scope="session")
def pristine_root(shared: Path) -> Path:
    """The repository as committed and as edited, in its real configuration; nothing was run."""
    return made_once(shared / "pristine", checkout)


@pytest.fixture(scope="session")
def small_root(shared: Path, pristine_root: Path) -> Path:
    """The repository in its tiny configuration; nothing was run."""

    def make(folder: Path) -> None:
        shrink(copy(pristine_root, folder))

    return made_once(shared / "small", make)


@pytest.fixture(scope="session")
def finished_root(shared: Path, small_root: Path) -> Path:
    """The tiny configuration after one run of table and figure."""

    def make(folder: Path) -> None:
        copy(small_root, folder).run()

    return made_once(shared / "finished", make)


@pytest.fixture
def pristine(pristine_root: Path, tmp_path: Path) -> Tree:
    """A copy of the repository in its real configuration, before any run."""
    return copy(pristine_root, tmp_path / "pristine")


@pytest.fixture
def small(small_root: Path, tmp_path: Path) -> Tree:
    """A copy of the tiny configuration, before any run."""
    return copy(small_root, tmp_path / "small")


@pytest.fixture
def finished(finished_root: Path, tmp_path: Path) -> Tree:
    """A copy of the tiny configuration after a run: its files with their mtimes, and Snakemake's notes."""
    return copy(finished_root, tmp_path / "finished")


@pytest.fixture(scope="session")
def world(shared: Path, finished_root: Path) -> Path:
    """A folder with clone A, which built Table 3 and published it, its remote, and clone B, which pulled it."""

    from clones import begin, cloned, shuffle

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
def published(world: Path, tmp_path: Path) -> "Clone":
    """A fresh clone of what was published, before any pull."""
    from clones import cloned

    return cloned(world / "A", tmp_path / "fresh")


@pytest.fixture
def pulled(world: Path, tmp_path: Path) -> "Clone":
    """A copy of the clone that pulled, with all its times."""
    from clones import Clone

    return Clone(copy(world / "B", tmp_path / "pulled").root)
