"""Writes the folder of an exported network: all of it, or nothing."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from lacuna.exports.card import card
from lacuna.exports.conventions import robustbench_info, timm_config
from lacuna.exports.forms import WEIGHTS, Comparison, compare, read_forms, write_forms
from lacuna.files.artefacts import UMASK, read_record, sha256
from lacuna.foreign.parts import OwnNetwork
from lacuna.jobs.progress import Say


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` that takes its place on success, and is removed on failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.tmp", dir=target.parent))
    try:
        yield folder
        for path, mode in [(folder, 0o777), *((file, 0o666) for file in folder.iterdir())]:  # others may read them
            path.chmod(mode & ~UMASK)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def export(
    target: Path,
    about: dict[str, Any],
    checkpoint: str,
    network: nn.Module,
    data: dict[str, Tensor],
    *,
    batch: int,
    device: str,
    say: Say,
) -> Comparison:
    """Writes the folder of a network, which is on ``device`` in evaluation mode, after every form was compared with it.

    ``data`` has the test images, uint8 (N, C, H, W), and their ``labels``. Raises `LacunaError` where torch cannot
    trace the network, or a form differs from it.
    """
    plain = network.body if isinstance(network, OwnNetwork) else network
    with whole_folder(target) as folder:
        write_forms(folder, plain.cpu(), data["images"], about["model"])
        forms = read_forms(folder, device)
        seen = compare(plain.to(device), forms, data["images"], data["labels"], batch, device, say)
        seen.refuse(about["model"])
        record = read_record(checkpoint)
        made = {
            "commit": str(record.volatile.get("commit") or ""),
            "sha256": str(record.stable["sha256"]),
            "record": record.digest[:16],
            "weights": sha256(folder / WEIGHTS),
        }
        (folder / "README.md").write_text(card(about, record.stable.get("facts", {}), made, seen), encoding="utf-8")
        for name, content in (("config", timm_config(about)), ("model_info", robustbench_info(about, seen))):
            (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    return seen
