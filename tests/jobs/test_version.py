"""The version of Snakemake that this workflow fits, and what of it is used that is no public interface."""

import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from lacuna.errors import LacunaError
from lacuna.jobs.version import SNAKEMAKE, refuse_other_version

# Where, what, and what breaks without it.
USED = [
    ("snakemake.cli:parse_args", "a look is not told from a run: it would remove a lock"),
    ("snakemake.cli:get_argument_parser", "a user's number of cores is not known: all would be used"),
    ("snakemake.exceptions:CliException", "a command line that Snakemake refuses ends in a traceback"),
    ("snakemake.workflow:Workflow.is_main_process", "each job would note itself as a run"),
    ("snakemake.workflow:Workflow.local_exec", "jobs in the queue would not be told from local ones"),
    ("snakemake.workflow:Workflow.touch", "a touch would cancel jobs"),
    ("snakemake.workflow:Workflow.scheduler", "the limit of new jobs stays, and takes half a core"),
    ("snakemake.dag:DAG.needrun_jobs", "files that a user has to bring are missed in the middle of a run"),
    ("snakemake.scheduling.job_scheduler:JobRateLimiter", "the limit of new jobs stays, and takes half a core"),
]


def required(root: Path) -> dict[str, Requirement]:
    """What pyproject.toml requires, by name."""
    lines = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


@pytest.mark.parametrize(("name", "broken"), USED)
def test_what_is_used_of_snakemake_is_there(name: str, broken: str) -> None:
    module, _, path = name.partition(":")
    found = __import__(module, fromlist=["x"])
    for part in path.split("."):
        assert hasattr(found, part), f"Snakemake {version('snakemake')} has no {name}: {broken}"
        found = getattr(found, part)


def test_the_limit_of_new_jobs_is_where_it_is_lifted() -> None:
    from snakemake.scheduling.job_scheduler import JobScheduler

    assert "self.job_rate_limiter" in inspect.getsource(JobScheduler), "runs.lift_rate_limit lifts nothing"


def test_the_bounds_of_pyproject_are_the_version_that_is_checked(root: Path) -> None:
    bounds = required(root)["snakemake"].specifier
    (major, minor) = SNAKEMAKE
    assert bounds.contains(f"{major}.{minor}.0")
    assert bounds.contains(f"{major}.{minor}.99")
    assert not bounds.contains(f"{major}.{minor + 1}.0")
    assert not bounds.contains(f"{major}.{minor - 1}.9")
    assert f'min_version("{major}.{minor}")' in (root / "Snakefile").read_text()


@pytest.mark.parametrize("name", ["snakemake", "snakemake-executor-plugin-slurm"])
def test_the_locked_and_the_installed_version_are_within_the_bounds(root: Path, name: str) -> None:
    bounds = required(root)[name].specifier
    locked = re.search(rf"^{name}==(\S+)", (root / "envs/requirements.txt").read_text(), re.M)
    assert locked
    assert bounds.contains(locked[1])
    assert bounds.contains(version(name)), (
        f"{name} {version(name)} is not what slurm/bin and lacuna.jobs were tried with"
    )


@pytest.mark.parametrize("other", ["9.28.0", "9.26.4", "10.0.0", "9.28rc1", "8.27.1", "0+unknown"])
def test_another_version_is_refused_in_one_sentence(other: str) -> None:
    with pytest.raises(LacunaError) as refused:
        refuse_other_version(other)
    assert str(refused.value).startswith(f"Snakemake {other} is installed here, and this workflow needs 9.27, since it")
    assert str(refused.value).endswith("; `make install` installs it")


@pytest.mark.parametrize("fitting", ["9.27", "9.27.1", "9.27.15", "9.27.2.post1", "9.27.1+local"])
def test_all_corrections_of_the_fitting_version_pass(fitting: str) -> None:
    refuse_other_version(fitting)
    assert Version(fitting).release[:2] == SNAKEMAKE
