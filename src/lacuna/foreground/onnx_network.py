"""Foregrounds by a salient-object network in an ONNX file, run by onnxruntime on one thread of the processor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lacuna.errors import LacunaError
from lacuna.foreground.published import LOGIT

Floats = NDArray[Any]
AT_ONCE = 2**20  # pixels that a network sees in one call, for memory; at least one image
TYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
BEYOND = 1e-3  # how far outside of [0, 1] rounding may put a probability
CHANNELS = 3


class OnnxNetwork:
    """A network that gives each pixel of an image a probability to be foreground.

    It has one input, images (B, 3, S, S), and its first output is (B, 1, S, S): probabilities, or their logits. The
    file may fix B. Pixels in [0, 1] are normalised by ``mean`` and ``std``, each of three numbers.
    """

    def __init__(self, file: Path, settings: Mapping[str, Any]) -> None:
        """Reads the file; ``settings`` are those of `network_settings`. Raises `LacunaError` for one that does not fit.

        Code is never taken from the file: operators of libraries that a file asks for are not loaded.
        """
        self.file, self.size, self.logit = file, int(settings["size"]), settings["output"] == LOGIT
        self.mean, self.std = (np.array(settings[key], np.float32) for key in ("mean", "std"))
        self.session = _session(file)
        self.name, self.type, batch = self._input()
        self.fixed = isinstance(batch, int)
        self.batch = batch if isinstance(batch, int) else max(1, AT_ONCE // self.size**2)

    def _input(self) -> tuple[str, type[np.floating[Any]], int | str | None]:
        """Name and number type of the only input, and its number of images where the file fixes it."""
        found, allowed = self.session.get_inputs(), f"images n x {CHANNELS} x {self.size} x {self.size}"
        if len(found) != 1:
            raise LacunaError(f"{self.file} has {len(found)} inputs; allowed: one, of {allowed}")
        name, kind, shape = found[0].name, found[0].type, found[0].shape
        if kind not in TYPES:
            raise LacunaError(f"{self.file}: its input '{name}' is a {kind}; allowed: {', '.join(TYPES)}")
        wanted = (None, CHANNELS, self.size, self.size)
        if len(shape) != len(wanted) or any(_differ(one, other) for one, other in zip(shape, wanted, strict=True)):
            raise LacunaError(f"{self.file}: its input '{name}' is {_words(shape)}; allowed: {allowed}")
        return name, TYPES[kind], shape[0]

    def probabilities(self, images: Tensor) -> Tensor:
        """Probabilities float32 (N, H, W) of images uint8 (N, 1 or 3, H, W).

        Raises `LacunaError` where the network gives anything else.
        """
        prepared = np.stack([self._prepared(image) for image in images.cpu().numpy()])
        parts = [self._answer(prepared[i : i + self.batch]) for i in range(0, len(prepared), self.batch)]
        whole = torch.from_numpy(np.concatenate(parts)).float()
        size = (images.shape[2], images.shape[3])
        return F.interpolate(whole, size, mode="bilinear", antialias=True)[:, 0]

    def _prepared(self, image: NDArray[np.uint8]) -> Floats:
        """An image (3, S, S) as the network takes it: RGB, scaled by Lanczos' filter as rembg does, normalised."""
        colour = np.repeat(image, CHANNELS, 0) if len(image) == 1 else image
        picture = Image.fromarray(np.ascontiguousarray(colour.transpose(1, 2, 0)))
        scaled = np.asarray(picture.resize((self.size, self.size), Image.Resampling.LANCZOS), np.float32) / 255
        return ((scaled - self.mean) / self.std).transpose(2, 0, 1)

    def _answer(self, part: Floats) -> Floats:
        """Probabilities (B, 1, S, S) of prepared images; those that a fixed batch lacks are repeats of the last one."""
        lacking = self.batch - len(part) if self.fixed else 0
        whole = np.concatenate([part, np.repeat(part[-1:], lacking, 0)]).astype(self.type)
        found = np.asarray(self._run(whole))
        shape = (len(whole), 1, self.size, self.size)
        if found.shape != shape or found.dtype.kind != "f":
            kind = f"{found.dtype} of {_words(found.shape)}"
            raise LacunaError(f"{self.file} gave {kind}; allowed: floating-point numbers of {_words(shape)}")
        return self._checked(found[: len(part)].astype(np.float32))

    def _run(self, whole: Floats) -> Any:
        output = self.session.get_outputs()[0].name
        try:
            return self.session.run([output], {self.name: whole})[0]
        except Exception as error:  # onnxruntime's own kinds, which have no common base
            raise LacunaError(f"{self.file} cannot be run: {_reason(error)}; allowed: another file") from None

    def _checked(self, found: Floats) -> Floats:
        """The answer as probabilities; it must be finite and, where it is none of logits, in [0, 1]."""
        if not np.isfinite(found).all():
            raise LacunaError(f"{self.file} gave numbers that are not finite; allowed: finite ones")
        if self.logit:
            return torch.from_numpy(found).sigmoid().numpy()
        lowest, highest = float(found.min()), float(found.max())
        if lowest < -BEYOND or highest > 1 + BEYOND:
            allowed = f"0 to 1, or `output: {LOGIT}` in the masks' settings"
            raise LacunaError(f"{self.file} gave numbers from {lowest:.3g} to {highest:.3g}; allowed: {allowed}")
        return found.clip(0, 1)


def _session(file: Path) -> onnxruntime.InferenceSession:
    """One thread and deterministic kernels of the processor: the same file and images give the same bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # what is wrong comes as an exception
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise LacunaError(f"{file} is no network that onnxruntime can read: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """The first line of an error of onnxruntime's, without its code and kind; at most 160 characters."""
    return str(error).strip().partition("\n")[0].rpartition(" : ")[2][:160]


def _differ(found: int | str | None, wanted: int | None) -> bool:
    """Whether a side of a shape is fixed at another number than the wanted one."""
    return isinstance(found, int) and wanted is not None and found != wanted


def _words(shape: Sequence[int | str | None]) -> str:
    return " x ".join(str(side) if side is not None else "n" for side in shape) or "a single number"
