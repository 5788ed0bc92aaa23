"""The forms of an exported network: written to a folder, read back, and compared on every test image."""

import math
import runpy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.exports.loader import loader_source
from lacuna.exports.program import network_source
from lacuna.files.artefacts import separate
from lacuna.jobs.progress import Progress, Say
from lacuna.numerics.images import as_pixels

TOLERANCE = 1e-4  # of the largest logit, or of 1 where all are smaller
OPSET = 17  # of ONNX
WEIGHTS, ONNX = "model.safetensors", "model.onnx"
Form = Callable[[Tensor], Tensor]


@dataclass
class Comparison:
    """What the forms say about the test images, beside what the network says.

    ``differences`` and ``changed`` have, for each form, the largest difference of a logit and the number of images
    whose class differs; ``largest`` is the network's largest logit, ``right`` the number of images that it gets right.
    """

    images: int = 0
    right: int = 0
    largest: float = 0
    differences: dict[str, float] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)

    @property
    def allowed(self) -> float:
        """The largest difference that is rounding."""
        return TOLERANCE * max(1.0, self.largest)

    def refuse(self, title: str) -> None:
        """Raises `LacunaError` where a form differs by more than rounding."""
        for form, difference in self.differences.items():
            if not difference <= self.allowed:  # nor a NaN
                raise LacunaError(
                    f"{title} was not exported: logits of {form} differ by up to {difference:.2g} on {self.images} "
                    f"test images; allowed: {self.allowed:.2g}"
                )


def write_forms(folder: Path, network: nn.Module, images: Tensor, title: str) -> None:
    """Writes weights, source, loader and ONNX. ``network`` is on the CPU, ``images`` are uint8 (N, C, H, W), N > 1."""
    examples = as_pixels(images[:2])
    source, tensors = network_source(network, examples, title)
    with torch.no_grad():
        classes = network(examples).shape[1]
    save_file(separate(tensors), folder / WEIGHTS, metadata={"format": "pt"})
    (folder / "network.py").write_text(source)
    (folder / "load.py").write_text(loader_source(tuple(images.shape[1:]), classes))
    names: dict[str, Any] = {"input_names": ["images"], "output_names": ["logits"]}
    free = {name: {0: "batch"} for name in ("images", "logits")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch's other exporter, which needs more packages, is the default
        path = str(folder / ONNX)
        torch.onnx.export(network, (examples,), path, dynamo=False, opset_version=OPSET, dynamic_axes=free, **names)


def read_forms(folder: Path, device: str) -> dict[str, Form]:
    """What a user of the folder calls: images on ``device`` to logits, by the name of the form."""
    import onnxruntime

    module = runpy.run_path(str(folder / "load.py"))["load"](folder).to(device)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(folder / ONNX), options, providers=["CPUExecutionProvider"])

    def onnx(images: Tensor) -> Tensor:
        (logits,) = session.run(None, {"images": images.cpu().numpy()})
        return torch.from_numpy(logits).to(images.device)

    return {"safetensors": module, "ONNX": onnx}


def compare(
    network: Form, forms: Mapping[str, Form], images: Tensor, labels: Tensor, batch: int, device: str, say: Say
) -> Comparison:
    """Compares the forms with the network on all images, uint8 (N, C, H, W), of which ``batch`` are shown at a time."""
    found = Comparison(len(images), 0, 0.0, dict.fromkeys(forms, 0.0), dict.fromkeys(forms, 0))
    progress = Progress("export", "image", len(images), say)
    with torch.no_grad():
        for begin in range(0, len(images), batch):
            shown, wanted = images[begin : begin + batch].to(device), labels[begin : begin + batch].to(device)
            _add(found, network, forms, as_pixels(shown), wanted)
            progress.step(min(begin + batch, len(images)))
    return found


def _add(found: Comparison, network: Form, forms: Mapping[str, Form], shown: Tensor, wanted: Tensor) -> None:
    """Counts one batch."""
    logits = network(shown)
    classes = logits.argmax(1)
    found.right += int(classes.eq(wanted).sum())
    found.largest = max(found.largest, logits.abs().max().item())
    for name, form in forms.items():
        other = form(shown)
        difference = (other - logits).abs().nan_to_num(math.inf).max().item()
        found.differences[name] = max(found.differences[name], difference)
        found.changed[name] += int(other.argmax(1).ne(classes).sum())
