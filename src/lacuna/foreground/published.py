"""Salient-object networks that rembg offers, by name: what each takes and gives. No torch: the workflow imports this.

Each is one file, ``<name>.onnx``, which rembg keeps in one folder of the user's. Numbers: rembg's sessions (MIT).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROBABILITY, LOGIT = "probability", "logit"
_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_U2NET = {"size": 320, **_IMAGENET, "output": PROBABILITY}
_BIREFNET = {"size": 1024, **_IMAGENET, "output": LOGIT}
NETWORKS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("u2net", "u2netp", "silueta"), _U2NET),
    "isnet-general-use": {"size": 1024, "mean": [0.5, 0.5, 0.5], "std": [1.0, 1.0, 1.0], "output": PROBABILITY},
    "bria-rmbg": {**_BIREFNET, "output": PROBABILITY},
    **{
        f"birefnet-{name}": _BIREFNET
        for name in ("general", "general-lite", "portrait", "dis", "hrsod", "cod", "massive")
    },
}


def network_file(masks: Mapping[str, Any]) -> Path:
    """The file of masks of kind onnx: the stated one, or the named network's in rembg's folder."""
    return Path(masks["file"]).expanduser() if "file" in masks else _folder() / f"{masks['network']}.onnx"


def _folder() -> Path:
    """Where rembg keeps networks: U2NET_HOME, or .u2net in XDG_DATA_HOME, or in the user's home."""
    stated = os.environ.get("U2NET_HOME") or Path(os.environ.get("XDG_DATA_HOME") or "~") / ".u2net"
    return Path(stated).expanduser()


def network_settings(masks: Mapping[str, Any]) -> dict[str, Any]:
    """Masks of kind onnx with all that their network takes and gives: ``size``, ``mean``, ``std``, ``output``.

    The file's own place is no part of it. Without a network's name, ``network`` is the name of the file.
    """
    known = NETWORKS.get(masks.get("network", ""), {"output": PROBABILITY})
    stated = {key: value for key, value in masks.items() if key != "file"}
    return {"network": network_file(masks).name, **known, **stated}
