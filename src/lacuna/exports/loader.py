"""The text of load.py, which rebuilds an exported network with torch alone."""

LOADER = '''\
"""Loads the network beside this file. Needs torch alone: of safetensors it reads the header, which is JSON."""

import json
import runpy
from pathlib import Path

import torch

TYPES = {{"F64": torch.float64, "F32": torch.float32, "I64": torch.int64, "I32": torch.int32, "BOOL": torch.bool}}


def load(folder=Path(__file__).parent):
    """A torch module in evaluation mode, from float images (N, {image}) in [0, 1] to logits (N, {classes})."""
    raw = bytearray((Path(folder) / "model.safetensors").read_bytes())
    start = 8 + int.from_bytes(raw[:8], "little")
    tensors = {{}}
    for name, about in json.loads(raw[8:start]).items():
        if name != "__metadata__":
            begin, end = (start + offset for offset in about["data_offsets"])
            flat = torch.frombuffer(raw[begin:end], dtype=TYPES[about["dtype"]])
            tensors[name] = flat.reshape(about["shape"])
    return runpy.run_path(str(Path(folder) / "network.py"))["Network"](tensors).eval()
'''


def loader_source(image: tuple[int, ...], classes: int) -> str:
    """The loader of a network for images of the shape (C, H, W)."""
    return LOADER.format(image=", ".join(map(str, image)), classes=classes)
