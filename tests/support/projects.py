"""A light copy of the repository's configuration that a test may spoil."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lacuna.config.load import Config, load
from lacuna.config.shared import written_out

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where built
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Project:
    """A folder with a configuration, its schemas and the printed tables; ``load`` reads it as the workflow does."""

    root: Path

    def edit(self, name: str, change: Callable[[Any], object]) -> None:
        """Rewrites a YAML file after ``change`` has edited its content in place.

        Anchors become separate copies before, and in a paper's file every line has all its keys: `written_out`.
        """
        content = yaml.load((self.root / name).read_text(), Loader=LOADER)
        content = json.loads(json.dumps(written_out(content) if "/papers/" in name else content))
        change(content)
        (self.root / name).write_text(yaml.dump(content, Dumper=DUMPER, sort_keys=False))

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        """Replaces a file's text by what ``change`` makes of it."""
        (self.root / name).write_text(change((self.root / name).read_text()))

    def load(self, **chosen: Any) -> Config:
        """The configuration for config/config.yaml, with ``chosen`` as if given by ``--config``."""
        return load(self.root, yaml.safe_load((self.root / "config/config.yaml").read_text()) | chosen)


def copied(source: Path, target: Path) -> Project:
    """A copy of config/, workflow/schemas/ and data/printed/."""
    for folder in ("config", "workflow/schemas", "data/printed"):
        shutil.copytree(source / folder, target / folder)
    return Project(target)
