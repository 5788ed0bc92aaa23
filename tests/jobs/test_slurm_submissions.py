"""slurm/bin/sbatch: a job is submitted once, however often it takes; and slurm/bin/ask, which only asks."""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(__file__).resolve().parents[2] / "slurm/bin"
UUID = "lacuna_0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"
ASKED = [
    "--parsable",
    "--job-name",
    UUID,
    "--output",
    "a log/%j.log",
    "--export=ALL",
    "--comment",
    "rule_x_wildcards_a",
]
ASKED += ["-p", "gpu", "-t", "60", "--mem", "12000", "--ntasks=1", "-D", "/some where"]
CALLED = [*ASKED, '--wrap=echo "$HOME" it\'s']
FAILED = "Batch job submission failed"
LOST = [
    f"{FAILED}: Unable to contact slurm controller (connect failure)",
    f"{FAILED}: Unable to contact slurm controller (send failure)",
    f"{FAILED}: Socket timed out on send/recv operation",
    f"{FAILED}: Zero Bytes were transmitted or received",
    f"{FAILED}: Resource temporarily unavailable",
    f"{FAILED}: Slurm temporarily unable to accept job, sleeping and retrying",
    f"{FAILED}: Unable to create job record, try again",
    f"{FAILED}: Slurm backup controller in standby mode",
    f"{FAILED}: Connection reset by peer",
    "Munge encode failed: Socket communication error\nsbatch: error: Protocol authentication error",
]
REJECTED = [
    f"{FAILED}: Invalid partition name specified",
    f"{FAILED}: Requested node configuration is not available",
    f"{FAILED}: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
    f"{FAILED}: Protocol authentication error",
    f"{FAILED}: Invalid account or account/partition combination specified",
    "your request was refused: the partition is temporarily unavailable to you",
    f"Slurm temporarily unable to accept job, sleeping and retrying\nsbatch: error: {FAILED}: Memory specification",
    "",
]


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def failing(message: str, status: int = 1) -> str:
    return f"cat >&2 <<'END'\nsbatch: error: {message}\nEND\nexit {status}"


@dataclass
class Slurm:
    """Stand-ins of Slurm's programs, each of which does one thing after the other when it is called."""

    folder: Path
    run: Path

    def __post_init__(self) -> None:
        for name in ("sbatch", "squeue", "sacct", "scancel", "sinfo", "sshare"):
            self.does(name, "exit 1")
        script(self.folder / "bin/sleep", f'echo "$1" >> {self.folder}/slept')

    def does(self, name: str, *acts: str) -> None:
        """What a program does at its first call, its second, ...; the last also at all later ones."""
        for number, act in enumerate(acts, 1):
            (self.folder / f"{name}.{number}").write_text(act)
        calls = f'{self.folder}/{name}.calls; n=$(wc -l < {self.folder}/{name}.calls); [ "$n" -le {len(acts)} ] || n='
        logged = f'printf "%s\\n" "$*" | tr "\\n" " " >> {self.folder}/{name}.calls; echo >> {calls}{len(acts)}'
        script(self.folder / f"bin/{name}", f"{logged}\n. {self.folder}/{name}.$n")

    def calls(self, name: str) -> list[str]:
        log = self.folder / f"{name}.calls"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def word(self) -> str:
        """What marks the request in its comment."""
        found = re.search(r"lacuna-[0-9a-f]{16}", self.calls("sbatch")[0])
        assert found
        return found[0]

    def knows(self, *jobs: str, comment: str = "rule_x_wildcards_a") -> str:
        """What a queue says that has these jobs of the request, and others."""
        words = f'word=$(grep -o "lacuna-[0-9a-f]*" {self.folder}/sbatch.calls | head -n 1)'
        lines = [f'echo "{job} {comment} $word"' for job in jobs]
        return "\n".join([words, "echo '5 rule_x_wildcards_a lacuna-0123456789abcdef'", *lines, "echo '6 (null)'"])

    def begin(self, *called: str, program: str = "sbatch", **how: object) -> "subprocess.Popen[str]":
        variables = os.environ | {"PATH": f"{BIN}:{self.folder / 'bin'}:/usr/bin:/bin", "LACUNA_RUN": str(self.run)}
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [program, *(called or CALLED)]
        return subprocess.Popen(command, env=variables, text=True, **streams, **how)  # type: ignore[call-overload]

    def call(self, *called: str, program: str = "sbatch", script: str | None = None) -> tuple[int, str, str]:
        process = self.begin(*called, program=program)
        out, errors = process.communicate(script, timeout=120)
        return process.returncode, out, errors

    @property
    def slept(self) -> list[int]:
        """The pauses between the requests, which are made of steps of five seconds."""
        log = self.folder / "slept"
        return [int(line) for line in log.read_text().split()] if log.exists() else []


@pytest.fixture
def slurm(tmp_path: Path) -> Slurm:
    (tmp_path / "bin").mkdir()
    run = tmp_path / f"host.name.{os.getpid()}"
    run.mkdir()
    return Slurm(tmp_path, run)


def test_what_the_real_one_says_is_passed_on_unchanged(slurm: Slurm) -> None:
    slurm.does("sbatch", "echo 'careful' >&2; echo '42'")
    assert slurm.call() == (0, "42\n", "careful\n")
    assert (slurm.run / "jobs").read_text() == "42\n"
    assert slurm.slept == []


def test_the_request_is_passed_on_with_a_word_of_its_own_in_its_comment(slurm: Slurm, tmp_path: Path) -> None:
    slurm.does("sbatch", f'for word; do printf "%s\\0" "$word"; done > {tmp_path}/words; echo 42')
    slurm.call()
    words = (tmp_path / "words").read_text().split("\0")[:-1]
    assert words == [word if word != "rule_x_wildcards_a" else f"{word} {slurm.word}" for word in CALLED]
    first = slurm.word
    (tmp_path / "sbatch.calls").unlink()
    slurm.call("--comment=mine", "job.sh")
    assert slurm.calls("sbatch") == [f"--comment=mine {slurm.word} job.sh "]
    assert slurm.word != first
    (tmp_path / "sbatch.calls").unlink()
    slurm.call("job.sh", "its argument")
    assert slurm.calls("sbatch") == [f"--comment {slurm.word} job.sh its argument "]


@pytest.mark.parametrize("message", REJECTED)
@pytest.mark.parametrize("status", [1, 3])
def test_a_request_that_is_rejected_is_not_repeated(slurm: Slurm, message: str, status: int) -> None:
    slurm.does("sbatch", failing(message, status))
    assert slurm.call() == (status, "", f"sbatch: error: {message}\n")
    assert len(slurm.calls("sbatch")) == 1
    assert slurm.slept == []
    assert not (slurm.run / "away").exists()


@pytest.mark.parametrize("message", LOST)
def test_where_nobody_answers_it_is_repeated_until_somebody_does(slurm: Slurm, message: str) -> None:
    slurm.does("sbatch", failing(message), failing(message), failing(message), "echo 42")
    slurm.does("squeue", "exit 0")
    assert slurm.call() == (0, "42\n", "")
    assert len(slurm.calls("sbatch")) == 4
    assert sum(slurm.slept) == 5 + 10 + 20
    assert not (slurm.run / "away").exists()


def test_it_is_not_repeated_before_it_is_known_whether_the_job_was_accepted(slurm: Slurm) -> None:
    slurm.does("sbatch", failing(LOST[0]), "echo 42")
    slurm.does("squeue", *["exit 1"] * 6, "exit 0")
    assert slurm.call() == (0, "42\n", "")
    assert len(slurm.calls("sbatch")) == 2
    assert sum(slurm.slept) == 5 + 10 + 20 + 40 + 60 + 60 + 60
    assert all(f"--name={UUID}" in call and "--states=all" in call for call in slurm.calls("squeue"))


@pytest.mark.parametrize("message", LOST[:4])
def test_a_job_whose_answer_was_lost_is_found_and_not_submitted_again(slurm: Slurm, message: str) -> None:
    slurm.does("sbatch", failing(message))
    slurm.does("squeue", "exit 1", slurm.knows("43"))
    assert slurm.call() == (0, "43\n", "")
    assert len(slurm.calls("sbatch")) == 1
    assert (slurm.run / "jobs").read_text() == "43\n"
    assert not (slurm.run / "away").exists()


def test_also_one_that_has_left_the_queue_where_there_are_accounts(slurm: Slurm) -> None:
    slurm.does("sbatch", failing(LOST[2]))
    slurm.does("squeue", slurm.knows())
    slurm.does("sacct", slurm.knows("44").replace(" rule", "|rule"))
    assert slurm.call() == (0, "44\n", "")
    assert len(slurm.calls("sbatch")) == 1
    assert "--name" not in slurm.calls("sacct")[0]


def test_an_earlier_attempt_of_the_same_job_is_not_taken_for_it(slurm: Slurm) -> None:
    """It has the same name and comment, but for the word."""
    slurm.does("sbatch", failing(LOST[2]), "echo 45")
    slurm.does("squeue", slurm.knows())
    assert slurm.call() == (0, "45\n", "")
    assert len(slurm.calls("sbatch")) == 2
    assert len({re.findall("lacuna-[0-9a-f]{16}", call)[0] for call in slurm.calls("sbatch")}) == 1


def test_a_request_that_was_only_late_is_not_left_beside_its_repetition(slurm: Slurm) -> None:
    """The queue did not have it yet when it was asked; of two jobs the first one counts, which may be at work."""
    slurm.does("sbatch", failing(LOST[2]), "echo 48")
    slurm.does("squeue", slurm.knows(), slurm.knows("48", "47"))
    assert slurm.call() == (0, "47\n", "")
    assert slurm.calls("scancel") == ["48 "]


@pytest.mark.parametrize(
    ("called", "said"),
    [
        (["--job-name", "x", "--wrap=true"], "Submitted batch job 43\n"),
        (["--parsable", "--clusters", "far", "--wrap=true"], "43;far\n"),
        (["--parsable", "--array=1-3", "--wrap=true"], "43\n"),
    ],
)
def test_a_found_job_is_answered_as_the_real_one_would(slurm: Slurm, called: list[str], said: str) -> None:
    slurm.does("sbatch", failing(LOST[2]))
    slurm.does("squeue", "echo 'CLUSTER: far'\n" + slurm.knows("43_[1-3]" if "--array=1-3" in called else "43"))
    assert slurm.call(*called) == (0, said, "")
    assert all(("--clusters=far" in call) == ("--clusters" in called) for call in slurm.calls("squeue"))
    assert (slurm.run / "jobs").exists() == ("--array=1-3" not in called)


def test_a_script_on_stdin_is_there_at_each_attempt(slurm: Slurm, tmp_path: Path) -> None:
    keep = f"cat >> {tmp_path}/scripts; "
    slurm.does("sbatch", keep + failing(LOST[0]), keep + "echo 42")
    slurm.does("squeue", "exit 0")
    assert slurm.call(*ASKED, "/dev/stdin", script="#!/bin/sh\ntrue\n") == (0, "42\n", "")
    assert (tmp_path / "scripts").read_text() == "#!/bin/sh\ntrue\n" * 2


def test_after_a_day_without_an_answer_it_gives_up_with_a_sentence(slurm: Slurm) -> None:
    """For a job that is submitted later the outage began when it began for the run."""
    slurm.does("sbatch", failing(LOST[0]))
    (slurm.run / "away").write_text(f"{int(time.time()) - 87000} Slurm does not answer\n")
    status, out, errors = slurm.call()
    assert (status, out) == (1, "")
    sentence = "Slurm has not answered for a day, and is not asked any longer; the same command goes on"
    assert errors == f"sbatch: error: {LOST[0]}\nsbatch: error: {sentence}\n"
    assert slurm.slept == []


def test_it_also_does_where_others_are_answered_meanwhile(slurm: Slurm, tmp_path: Path) -> None:
    """The note of an outage comes and goes then."""
    begun = int(time.time())
    script(tmp_path / "bin/date", f"n=$(cat {tmp_path}/slept 2>/dev/null | wc -l); echo $(({begun} + n * 5))")
    slurm.does("sbatch", failing(LOST[4]))
    slurm.does("squeue", f"rm -f {slurm.run}/away; exit 0")
    script(tmp_path / "bin/sleep", f"yes 5 | head -n 2000 >> {tmp_path}/slept")
    status, _, errors = slurm.call()
    assert (status, "for a day" in errors) == (1, True)
    assert 3 <= len(slurm.calls("sbatch")) <= 12


def test_while_nobody_answers_a_note_says_since_when_and_why(slurm: Slurm) -> None:
    slurm.does("sbatch", failing(LOST[0]), failing(LOST[2]), "echo 42")
    slurm.does("squeue", f"cat {slurm.run}/away >> {slurm.folder}/notes; exit 0")
    slurm.call()
    first, second, *_ = (slurm.folder / "notes").read_text().splitlines()
    assert first == second
    assert re.fullmatch(
        rf"\d{{10}} Slurm does not answer \({re.escape(LOST[0])}\); it is asked for a day at most\.", first
    )
    assert not (slurm.run / "away").exists()


def test_of_a_run_that_is_being_ended_nothing_is_submitted_any_more(slurm: Slurm) -> None:
    (slurm.run / "stop").touch()
    status, out, errors = slurm.call()
    assert (status, out) == (1, "")
    assert errors == "sbatch: error: the run is being ended, and nothing is submitted any more\n"
    assert slurm.calls("sbatch") == []


def test_one_that_waits_meanwhile_stops_within_seconds(slurm: Slurm) -> None:
    slurm.does("sbatch", failing(LOST[0]))
    script(
        slurm.folder / "bin/sleep",
        f'[ -e {slurm.folder}/slept ] && touch {slurm.run}/stop; echo "$1" >> {slurm.folder}/slept',
    )
    status, _, errors = slurm.call()
    assert (status, len(slurm.calls("sbatch")), len(slurm.slept)) == (1, 1, 2)
    assert errors.endswith("the run is being ended, and nothing is submitted any more\n")


def test_of_a_run_that_was_killed_nothing_is_submitted_any_more(slurm: Slurm) -> None:
    """The next run has cancelled its jobs, and would meet this one."""
    over = subprocess.Popen(["true"])
    over.wait()
    slurm.run = slurm.folder / f"host.{over.pid}"
    slurm.run.mkdir()
    assert slurm.call()[0] == 1
    assert slurm.calls("sbatch") == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_nothing_behind(slurm: Slurm, number: signal.Signals) -> None:
    slurm.does("sbatch", failing(LOST[0]))
    script(slurm.folder / "bin/sleep", "exec /bin/sleep 0.2")
    temporary = slurm.folder / "temporary"
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        process = slurm.begin(start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    while not slurm.calls("sbatch"):
        time.sleep(0.05)
    os.killpg(process.pid, number)
    assert process.wait(30) in (128 + number, -number)
    assert list(temporary.iterdir()) == []


def test_without_a_run_of_lacuna_it_works_alike(slurm: Slurm) -> None:
    slurm.run = slurm.folder / "nowhere"
    slurm.does("sbatch", failing(LOST[0]), "echo 42")
    slurm.does("squeue", "exit 0")
    assert slurm.call() == (0, "42\n", "")


def test_whatever_happens_between_a_job_is_submitted_once(slurm: Slurm, tmp_path: Path) -> None:
    """Requests and answers are lost at random; a stand-in of the controller takes what reaches it."""
    chance = random.Random(1)
    for attempt in range(12):
        shutil.rmtree(tmp_path / "queue", ignore_errors=True)
        (tmp_path / "queue").mkdir()
        for log in tmp_path.glob("*.calls"):
            log.unlink()
        take = f'echo "7{attempt} $*" > {tmp_path}/queue/$n.job'
        fates = [f"{take}; echo 7{attempt}", f"{take}; {failing(LOST[2])}", failing(LOST[0]), failing(LOST[4])]
        acts = [chance.choice(fates) for _ in range(4)]
        slurm.does("sbatch", *acts, fates[0])
        there = f"cat {tmp_path}/queue/*.job 2>/dev/null; exit 0"
        slurm.does("squeue", *[chance.choice(["exit 1", there]) for _ in range(5)], there)
        assert slurm.call() == (0, f"7{attempt}\n", ""), acts
        assert len(list((tmp_path / "queue").iterdir())) == 1, acts


# slurm/bin/ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["sinfo", "sshare"])
def test_a_question_is_asked_until_it_is_answered(slurm: Slurm, program: str) -> None:
    lost = "echo 'slurm_load_partitions: Unable to contact slurm controller (connect failure)' >&2; exit 1"
    slurm.does(program, lost, lost, "echo 'cpu*'; echo careful >&2")
    assert slurm.call("-o", "%P", program=program) == (0, "cpu*\n", "careful\n")
    assert slurm.calls(program) == ["-o %P "] * 3
    assert sum(slurm.slept) == 15


def test_one_that_is_rejected_is_not_and_neither_is_one_for_longer_than_a_day(slurm: Slurm) -> None:
    slurm.does("sshare", "echo 'Slurm accounting storage is disabled' >&2; exit 3")
    assert slurm.call("-U", program="sshare") == (3, "", "Slurm accounting storage is disabled\n")
    slurm.does("sinfo", "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1")
    (slurm.run / "away").write_text(f"{int(time.time()) - 87000} Slurm does not answer\n")
    assert slurm.call("-h", program="sinfo")[0] == 1
    assert slurm.slept == []


# slurm/profile.yaml -----------------------------------------------------------------------------------------------


def test_the_profile_submits_no_arrays_as_long_as_the_executor_loses_their_jobs(root: Path) -> None:
    """Up to 2.8 it submits none while fewer are offered than are ready, and is never offered those again.

    With a later version: `test_more_jobs_may_be_ready_than_slots_are_free` with arrays, then without this test.
    """
    from importlib.metadata import version

    major, minor = (int(number) for number in version("snakemake-executor-plugin-slurm").split(".")[:2])
    profile = (root / "slurm/profile.yaml").read_text()
    assert (major, minor) > (2, 8) or not re.search(r"^\s*slurm-array-jobs:", profile, re.M)
