"""What a command line asks for is what Snakemake itself does with it."""

import itertools
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from snakemake import cli

from lacuna.jobs.command_line import Command, asked, chosen, says_how_many

PROGRAM = "/somewhere/bin/snakemake"
# Options with the argument that they need.
VALUES = {
    "archive": "x.tar",
    "cleanup_metadata": "tables/gone.csv",
    "list_changes": "input",
    "lint": "text",
    "deploy_sources": "a b",
    "executor": "touch",
}
OTHERS = (
    "keep_going",
    "forceall",
    "printshellcmds",
    "nolock",
    "dryrun",
    "touch",
    "unlock",
    "report_after_run",
    "report",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without profiles, in which no workflow is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    (tmp_path / "Snakefile").touch()
    return tmp_path


def done(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What Snakemake's own front end calls for these arguments, in our words; its API is a stand-in."""
    api = MagicMock()
    api.return_value.__enter__.return_value = api
    monkeypatch.setattr(cli, "SnakemakeApi", api)
    parser, args = cli.parse_args(arguments)
    cli.args_to_api(args, parser)
    called = [call for call in api.mock_calls if call[0].endswith(("execute_workflow", ".unlock"))]
    if not called:
        return "look"
    ((name, _, settings),) = called
    if name.endswith("unlock"):
        return "unlock"
    ways = {"dryrun": "dry run", "touch": "touch"}
    return ways.get(settings["pseudo_executor"], ways.get(settings["executor"], "run"))


def options() -> Iterator[list[str]]:
    """Each option of Snakemake that does something else than setting a number or a name."""
    for action in cli.get_argument_parser()._actions:
        if action.dest in ("help", "version", "runtime_profile", "export_cwl", "gui"):
            continue
        flag = max(action.option_strings, key=len, default="")
        alone = action.nargs == 0 or (action.nargs == "?" and action.const is not None)
        if flag and (alone or action.dest in VALUES):
            yield [flag, *VALUES.get(action.dest, "").split()]


def test_each_option_of_snakemake_is_a_run_a_look_or_an_act_as_in_snakemake_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where this fails on another version of Snakemake, `_kind` lacks an option: it would act where it only looks."""
    kinds = {}
    for option in options():
        with suppress(SystemExit, cli.CliException):  # options that exclude each other or need another
            arguments = ["--cores", "1", *option]
            kinds[option[0]] = (asked([PROGRAM, *arguments]).kind, done(arguments, monkeypatch))
    assert len(kinds) > 60
    assert {option: pair for option, pair in kinds.items() if pair[0] != pair[1]} == {}
    assert {"--summary", "--lint", "--report", "--dag", "--archive", "--delete-all-output"} <= {
        option for option, (kind, _) in kinds.items() if kind == "look"
    }


def test_so_are_two_of_them_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = list(itertools.combinations(list(options()), 2))
    some = random.Random(0).sample(pairs, 150)
    some += [pair for pair in pairs if {one[0].lstrip("-").replace("-", "_") for one in pair} <= {*OTHERS}]
    for first, second in some:
        arguments = ["--cores", "1", *first, *second]
        with suppress(SystemExit, cli.CliException):
            found = asked([PROGRAM, *arguments]).kind
            assert found == done(arguments, monkeypatch), arguments


@pytest.mark.parametrize(
    ("line", "kind", "targets"),
    [
        ("-np tables/table3.csv", "dry run", ["tables/table3.csv"]),
        ("tables/table3.csv -nq", "dry run", ["tables/table3.csv"]),
        ("-pnq rules -- tables/table3.csv", "dry run", ["tables/table3.csv"]),
        ("--dryrun all", "dry run", ["all"]),
        ("--dry- tables figures", "dry run", ["tables", "figures"]),
        ("-e dryrun", "dry run", []),
        ("-S", "look", []),
        ("--detailed", "look", []),
        ("--report figures/report.html", "look", []),
        ("--report figures/report.html --report-after-run all", "run", ["all"]),
        ("--unlock", "unlock", []),
        ("-n --unlock", "unlock", []),
        ("-t tables", "touch", ["tables"]),
        ("--quiet rules -- tables/table3.csv figures/x.svg", "run", ["tables/table3.csv", "figures/x.svg"]),
        ("-- -n", "run", ["-n"]),
        ("--config scale=demo --cores 1 tables/table1.csv", "run", ["tables/table1.csv"]),
        ("", "run", []),
    ],
)
def test_kind_and_targets_are_read_as_snakemake_reads_them(line: str, kind: str, targets: list[str]) -> None:
    command = asked([PROGRAM, *line.split()])
    assert (command.kind, list(command.targets)) == (kind, targets)


def test_files_that_other_options_name_are_no_targets() -> None:
    command = asked([PROGRAM, "-R", "tables/a.csv", "--until", "train", "--cores", "1", "tables/b.csv"])
    assert command == Command("run", ("tables/b.csv",), ("tables/b.csv", "tables/a.csv", "train"))
    assert asked([PROGRAM, "--cleanup-metadata", "tables/gone.csv"]) == Command("look")


@pytest.mark.parametrize(
    "argv",
    [
        ["/usr/lib/python3/pytest/__main__.py", "-n", "2"],
        ["tool"],
        [],
        [PROGRAM, "--no-such-option"],
        [PROGRAM, "--cores", "many"],
        [PROGRAM, "--profile", "nowhere"],
        [PROGRAM, "--profile", "none", "--profile", "x"],
    ],
)
def test_what_is_no_command_line_of_snakemake_is_a_look_and_says_nothing(
    argv: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert asked(argv) == Command("look")
    assert says_how_many(argv) is False
    assert capfd.readouterr() == ("", "")


def test_snakemake_run_as_a_module_is_snakemake() -> None:
    assert asked(["/venv/lib/python3.11/site-packages/snakemake/__main__.py", "-n"]).kind == "dry run"


@pytest.mark.parametrize(
    ("line", "profile", "variable", "said"),
    [
        ("tables", None, None, False),
        ("--cores 2 tables", None, None, True),
        ("-j 1 tables", None, None, True),
        ("-j1 -- tables", None, None, True),
        ("-- --cores", None, None, False),
        ("-e slurm", None, None, True),
        ("-n", None, None, False),
        ("--profile own", "cores: 1", None, True),
        ("--profil=own", "jobs: 1", None, True),
        ("--profile own", "executor: slurm\njobs: 9", None, True),
        ("--profile own", "keep-going: true", None, False),
        ("tables", "cores: 1", "own", True),
        ("tables", "keep-going: true", "own", False),
        ("--profile none", "cores: 1", "own", False),
    ],
)
def test_all_cores_are_for_a_run_of_which_neither_the_user_nor_a_profile_says_how_many(
    here: Path, monkeypatch: pytest.MonkeyPatch, line: str, profile: str | None, variable: str | None, said: bool
) -> None:
    if profile:
        (here / "own").mkdir()
        (here / "own/profile.yaml").write_text(profile)
    if variable:
        monkeypatch.setenv("SNAKEMAKE_PROFILE", variable)
    assert says_how_many([PROGRAM, *line.split()]) is said


@pytest.mark.parametrize(
    ("line", "profile", "files", "entries"),
    [
        ("tables", "", [], []),
        ("tables --config seed=1_0 seed=2", "", [], ["seed=1_0", "seed=2"]),
        ("--configfile a.yaml b.json -C scale=demo -n", "", ["a.yaml", "b.json"], ["scale=demo"]),
        ("-n -- --config seed=1", "", [], []),
        ("--profile own", "config: [seed=010]\nconfigfile: [own.yaml]", ["own.yaml"], ["seed=010"]),
        ("--no-such-option --config seed=1", "", [], []),
    ],
)
def test_what_is_chosen_of_the_configuration_is_as_it_was_written(
    here: Path, line: str, profile: str, files: list[str], entries: list[str]
) -> None:
    if profile:
        (here / "own").mkdir()
        (here / "own/profile.yaml").write_text(profile)
    assert chosen([PROGRAM, *line.split()]) == ([Path(file) for file in files], entries)


@pytest.mark.parametrize(
    ("line", "profile", "cores"),
    [
        ("tables", "", os.cpu_count()),
        ("-j 1 tables", "", 1),
        ("tables", "cores: 1", 1),
        ("tables", "jobs: 1", 1),
        ("tables", "keep-going: true", os.cpu_count()),
        ("-c 3 tables", "cores: 1", 3),
        ("--profile none tables", "cores: 1", os.cpu_count()),
    ],
)
def test_with_the_repositorys_own_profile_a_users_number_stays(
    root: Path, here: Path, monkeypatch: pytest.MonkeyPatch, line: str, profile: str, cores: int
) -> None:
    own = here / "own.yaml"
    own.write_text(profile)
    monkeypatch.setenv("SNAKEMAKE_PROFILE", str(own) if profile else "none")
    arguments = ["--workflow-profile", str(root / "profiles/default"), *line.split()]
    monkeypatch.setattr("sys.argv", [PROGRAM, *arguments])
    found: Any = cli.parse_args(None)[1]
    assert (found.cores or found.jobs) == cores


@pytest.mark.parametrize(("line", "copies"), [("--generate-unit-tests x -- tables", True), ("-n", False), ("", False)])
def test_generated_unit_tests_are_given_copies(line: str, copies: bool) -> None:
    assert asked([PROGRAM, *line.split()]).copies == copies
