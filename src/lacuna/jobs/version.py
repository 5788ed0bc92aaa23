"""The version of Snakemake that this workflow fits."""

from packaging.version import Version

from lacuna.errors import LacunaError

SNAKEMAKE = (9, 27)  # also the bounds in pyproject.toml
USED = "tells a run from a look by its arguments, and works on its jobs and its scheduler while it runs"


def refuse_other_version(version: str) -> None:
    """Raises `LacunaError` for another version of Snakemake, which may have changed what is no public interface."""
    if Version(version).release[:2] != SNAKEMAKE:
        fitting = ".".join(str(number) for number in SNAKEMAKE)
        needs = f"this workflow needs {fitting}, since it {USED}"
        raise LacunaError(f"Snakemake {version} is installed here, and {needs}; `make install` installs it")
