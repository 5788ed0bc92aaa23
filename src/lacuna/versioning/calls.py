"""The command lines of DVC and Snakemake, with this interpreter, in the checkout's root."""

import os
import re
import subprocess
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lacuna.errors import LacunaError
from lacuna.versioning.anchors import ENDING, md5, md5_in

ERROR = "ERROR: "  # how DVC's errors begin
EXCEPTION = re.compile(r"[A-Za-z]+(Error|Exception)( in .*)?:")  # how Snakemake's do; the reason is on the next line
LONGEST = 400  # characters of a reason
LINE = 1_000_000  # characters of a command line; Linux takes twice as many
RENDERING = ("table", "publish_table", "figure", "publish_figure")


def run_dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Calls DVC; gives its exit status and all that it says."""
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True)


def transfer(command: str, files: Sequence[str]) -> tuple[bool, str]:
    """A push or a pull, its progress on the terminal: whether it succeeded, and its closing counts or why it failed."""
    counts = []
    for batch in batches(_notes(files)):
        done, said = _transfer(command, *batch)
        if not done:
            return False, said
        counts.append(said)
    return True, "; ".join(counts)


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    """The names, in order, by as many as a command line takes."""
    batch: list[str] = []
    length = 0
    for name in names:
        if batch and length + len(name) + 1 > LINE:
            yield batch
            batch, length = [], 0
        batch.append(name)
        length += len(name) + 1
    if batch:
        yield batch


def _notes(files: Iterable[str]) -> list[str]:
    """The ``.dvc`` files, by which DVC finds a file at once; by its own name it compares it with every tracked one."""
    return [f"{file}{ENDING}" for file in files]


def _transfer(*arguments: str) -> tuple[bool, str]:
    """As `transfer`, in one call of DVC."""
    bars = {"DVC_IGNORE_ISATTY": "1"} if sys.stderr.isatty() else {}  # into a pipe, which goes to the terminal
    command, pipe, environment = [sys.executable, "-m", "dvc", *arguments], subprocess.PIPE, os.environ | bars
    with (
        subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as process,
        ThreadPoolExecutor(1) as beside,
    ):
        assert process.stdout
        assert process.stderr
        said = beside.submit(_passed_on, process.stderr.fileno())
        count = process.stdout.read().decode(errors="replace").splitlines()[-1:]
        done = process.wait() == 0
        return done, "".join(count) if done else failure_reason(said.result(), process.returncode)


def _passed_on(stream: int) -> str:
    """What a program says on a stream, shown as it comes up to an error of DVC's, which the caller tells."""
    said, decoder = "", getincrementaldecoder("utf-8")("replace")
    while part := os.read(stream, 4096):
        shown = len(said.partition(ERROR)[0])
        said += decoder.decode(part)
        sys.stderr.write(said.partition(ERROR)[0][shown:])
        sys.stderr.flush()
    return said


def remote_name() -> str:
    """The name of the remote that a pull asks: the default one, else the first."""
    default, listed = (run_dvc("remote", what).stdout.split() for what in ("default", "list"))
    return next(iter([*default, *listed]), "storage")


def add_files(files: list[str]) -> None:
    """Adds files to DVC, but for those that its cache holds as their ``.dvc`` files name them.

    Raises `LacunaError` with DVC's own words where it failed.
    """
    noted = {file: md5_in(Path(f"{file}{ENDING}").read_bytes()) for file in files if Path(f"{file}{ENDING}").is_file()}
    cache = _cache() if noted else Path()
    held = {file for file, digest in noted.items() if digest and _object(cache, digest).is_file()}
    for batch in batches(file for file in files if file not in held or md5(file) != noted[file]):
        done = run_dvc("add", *batch)  # with --quiet it does not say why it failed
        if done.returncode != 0:
            raise LacunaError(f"dvc add: {failure_reason(done.stderr, done.returncode)}")


def check_out(files: list[str]) -> str:
    """Puts tracked files from the cache where they belong; why that failed in DVC's words, empty where it did not."""
    for batch in batches(_notes(files)):
        done = run_dvc("checkout", *batch)
        if done.returncode != 0:
            return failure_reason(done.stderr, done.returncode)
    return ""


def forget_damaged(digests: Iterable[str]) -> int:
    """Removes the objects of these md5 digests from DVC's cache whose bytes have another one; how many there were."""
    named = [digest for digest in digests if digest]
    if not named:
        return 0
    cache = _cache()
    objects = {_object(cache, digest): digest for digest in named}
    damaged = [path for path, digest in objects.items() if path.is_file() and md5(str(path)) != digest]
    for path in damaged:
        path.unlink()
    return len(damaged)


def _cache() -> Path:
    """Where DVC's cache keeps its objects."""
    return Path(run_dvc("cache", "dir").stdout.strip(), "files/md5")


def _object(cache: Path, digest: str) -> Path:
    return cache / digest[:2] / digest[2:]


def run_snakemake(scale: str, *arguments: str) -> str:
    """Calls Snakemake at a scale; gives what it said on stdout. Raises `LacunaError` where it failed."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    place = command.index("--") if "--" in command else len(command)
    done = subprocess.run(
        [*command[:place], "--config", f"scale={scale}", *command[place:]], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise LacunaError(f"snakemake {arguments[0]}: {failure_reason(done.stderr, done.returncode)}")
    return done.stdout


def failure_reason(said: str, status: int) -> str:
    """The reason for a failure in one sentence, from what a program said on stderr.

    That is what stands after this project's mark of an error, or to the end after DVC's, else after the name of an
    exception, else the last line.
    """
    lines = [line for line in said.splitlines() if line.strip()]
    for i, line in enumerate(lines):
        if line.startswith("error: "):
            return _shortened(line.removeprefix("error: "))
        if line.startswith(ERROR):
            return _shortened(" ".join(lines[i:]).removeprefix(ERROR))
        if EXCEPTION.fullmatch(line) and lines[i + 1 :]:
            return _shortened(lines[i + 1])
    return _shortened(lines[-1]) if lines else f"it ended with status {status} and said nothing"


def _shortened(text: str) -> str:
    """On one line, and no longer than a sentence can be."""
    whole = " ".join(text.split())
    return whole if len(whole) <= LONGEST else f"{whole[:LONGEST]}..."


def find_refused(targets: Sequence[str]) -> set[str]:
    """Targets that DVC leaves alone, because the file here is neither the tracked version nor in the cache."""
    said = [run_dvc("checkout", *batch).stderr for batch in batches(_notes(targets))]  # --quiet does not name them
    lines = {line.strip() for text in said for line in text.splitlines()}
    return {target for target in targets if os.path.abspath(target) in lines}


def mark_made(scale: str, agreeing: list[str], absent: list[str]) -> None:
    """Makes Snakemake take files as made by the present plan: times, settings, inputs and their checksums.

    Without ``--forceall`` Snakemake would record only files that look out of date. A later edit of the settings of
    other files would then go unnoticed. ``--forceall`` also records the ``absent`` files above the ``agreeing`` ones;
    that is taken back.
    """
    if not agreeing:
        return
    run_snakemake(scale, "--touch", "--forceall", "--", *agreeing)
    for batch in batches(absent):
        run_snakemake(scale, "--cleanup-metadata", *batch)


def render_files(scale: str, files: list[str]) -> None:
    """Renders tables and figures from the cells that exist; nothing else may run."""
    if files:
        run_snakemake(scale, "--allowed-rules", *RENDERING, "--", *files)


def find_pending(scale: str, files: list[str]) -> set[str]:
    """The files that Snakemake is going to make by itself, among all that ``files`` need."""
    lines = [line.split("\t") for line in run_snakemake(scale, "--summary", *files).splitlines()]
    return {line[0] for line in lines if line[-1] == "update pending"}
