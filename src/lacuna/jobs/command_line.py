"""What a command line of Snakemake asks for, as Snakemake itself reads it: a run, or only a look; and of what.

While the workflow is read, Snakemake does not say yet what it is going to do.
"""

import contextlib
import io
import os
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Kind = Literal["run", "touch", "dry run", "unlock", "look"]
# What Snakemake does in place of a run, in the words and the order of snakemake.cli.args_to_api.
BEFORE_UNLOCK = (
    *("deploy_sources", "lint", "list_target_rules", "list_rules", "print_compilation", "containerize", "reporting"),
    *("generate_unit_tests", "dag", "rulegraph", "filegraph", "d3dag"),
)
AFTER_UNLOCK = (
    *("cleanup_metadata", "conda_cleanup_envs", "conda_create_envs_only", "list_conda_envs", "cleanup_shadow"),
    *("container_cleanup_images", "list_changes", "list_input_changes", "list_params_changes", "list_untracked"),
    *("summary", "detailed_summary", "archive", "delete_all_output", "delete_temp_output"),
)
NAMING = ("targets", "forcerun", "prioritize", "until", "omit_from")  # options that name files and rules
HERE = (None, "local", "dryrun", "touch")  # executors that use the cores of this machine, or none


@dataclass(frozen=True)
class Command:
    """What is asked for.

    ``kind`` is ``look`` for all that neither makes nor plans anything. ``targets`` are what to make; ``named`` are also
    the files and rules of other options, such as ``--forcerun``. With ``copies`` jobs are given copies of what their
    rules declare and nothing else, as generated unit tests are. ``elsewhere`` is whether jobs run on other machines.
    """

    kind: Kind
    targets: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    copies: bool = False
    elsewhere: bool = False


def asked(argv: Sequence[str]) -> Command:
    """What a whole command line asks for, its program's name first.

    That of another program, which uses Snakemake as a library, says nothing of it: a look, in which nothing is done.
    """
    from snakemake.cli import parse_args

    found = _read(argv, lambda arguments: parse_args(arguments)[1])
    if found is None:
        return Command("look")
    named = [name for option in NAMING for name in sorted(getattr(found, option) or ())]
    copies, elsewhere = bool(found.generate_unit_tests), found.executor not in HERE
    return Command(_kind(found), tuple(found.targets), tuple(named), copies, elsewhere)


def chosen(argv: Sequence[str]) -> tuple[list[Path], list[str]]:
    """The files of ``--configfile`` and the entries of ``--config`` of a command line or of a profile that it uses."""
    found = _read(argv, _with_profiles)
    return ([*found.configfile], [*(found.config or ())]) if found else ([], [])


def says_how_many(argv: Sequence[str]) -> bool:
    """Whether a command line, or a profile that it uses, gives cores or jobs, or leaves jobs to another executor.

    Such a profile stands in ``--profile`` or in ``SNAKEMAKE_PROFILE``. Only where nothing is said does
    profiles/default/profile.yaml, whose keys win over theirs, say that all cores are used.
    """
    found = _read(argv, _with_profiles)
    return found is not None and bool(found.cores or found.jobs or found.executor not in HERE)


def _with_profiles(arguments: list[str]) -> Namespace:
    """The arguments, and what the profiles that they name say; not profiles/default, which may be what asks.

    Snakemake reads profiles/default up to three times, and each time it asks twice.
    """
    return _parsed(tuple(arguments), os.environ.get("SNAKEMAKE_PROFILE"), Path.cwd())


@cache
def _parsed(arguments: tuple[str, ...], profile: str | None, folder: Path) -> Namespace:
    """By all that decides it: Snakemake looks for profiles in the ``folder`` and takes one from the environment."""
    from snakemake.cli import get_argument_parser

    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    profiles = get_argument_parser().parse_args(options).profile
    return get_argument_parser(None if profiles == ["none"] else profiles).parse_args(options)


def _read(argv: Sequence[str], read: Callable[[list[str]], Namespace]) -> Namespace | None:
    """What ``read`` makes of the arguments; None where they are none of Snakemake's."""
    from snakemake.exceptions import CliException

    program = Path(argv[0] if argv else "")
    if program.name.startswith("snakemake") or program.parent.name == "snakemake":
        with (
            contextlib.suppress(SystemExit, CliException),
            contextlib.redirect_stderr(io.StringIO()),  # Snakemake has said it all before
        ):
            return read(list(argv[1:]))
    return None


def _kind(found: Namespace) -> Kind:
    reporting = (found.report or found.reporter) and not found.report_after_run
    options = vars(found) | {"reporting": reporting}
    if any(options[name] for name in BEFORE_UNLOCK):
        return "look"
    if found.unlock:
        return "unlock"
    if any(options[name] for name in AFTER_UNLOCK):
        return "look"
    if found.dryrun or found.executor == "dryrun":
        return "dry run"
    return "touch" if found.touch or found.executor == "touch" else "run"
