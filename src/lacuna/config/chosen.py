"""What a command line chooses of the configuration, before Snakemake has read it: values of --config, --configfile."""

from collections.abc import Iterable
from pathlib import Path

from lacuna.config.yaml_files import read_yaml, refuse_misread
from lacuna.errors import LacunaError

OPTION = "--config"


def check_chosen(files: Iterable[Path], entries: Iterable[str], root: Path) -> None:
    """The ``files`` of --configfile, and the ``entries`` ``key=value`` of --config, as a person reads them.

    Snakemake takes the later of two equal keys, and any number that Python or YAML 1.1 reads. Raises `LacunaError` for
    a key that stands twice, and for a value that Snakemake may read as another one than a person does. ``root`` is the
    folder that files are named relative to.
    """
    for file in files:
        read_yaml(root / file, root)
    met: set[str] = set()
    for entry in entries:
        key, _, value = entry.partition("=")
        if key in met:
            raise LacunaError(f"{OPTION}: key '{key}' is written twice; allowed: once")
        met.add(key)
        refuse_misread(f"{OPTION}, key {key}", value)
