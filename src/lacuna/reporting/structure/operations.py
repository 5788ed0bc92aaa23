"""One operation of a traced network, in the words of a diagram."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import fx, nn

from lacuna.models.layers import Defect, Normalise

SKIPPED = {"getitem", "getattr", "flatten", "view", "size"}  # rearrange without computing
TIMES = "\N{MULTIPLICATION SIGN}"
SYMBOLS: dict[object, str] = {
    operator.add: "+",
    torch.add: "+",
    operator.iadd: "+",
    operator.mul: TIMES,
    torch.mul: TIMES,
    torch.cat: "concat",
}
METHOD_WORDS = {"mean": "global average", "relu": "ReLU", "sigmoid": "sigmoid"}
WORDS = {nn.BatchNorm2d: "BN", nn.ReLU: "ReLU", Normalise: "normalise", nn.Flatten: "flatten"}


@dataclass(frozen=True)
class Op:
    """One operation, or equal operations of several collapsed units.

    ``name`` has ``{}`` where the output channels stand. ``channels`` and ``masks`` (names of masked layers) have one
    entry per collapsed operation. ``kept`` of ``neurons`` are live. ``opens`` says whether a new box begins here.
    """

    name: str
    opens: bool = False
    channels: tuple[int, ...] = ()
    masks: tuple[str, ...] = ()
    kept: int = 0
    neurons: int = 0

    @classmethod
    def merge(cls, same: "Sequence[Op]") -> "Op":
        """Makes one operation of the same operation of several units."""
        return cls(
            same[0].name,
            same[0].opens,
            sum((op.channels for op in same), ()),
            sum((op.masks for op in same), ()),
            sum(op.kept for op in same),
            sum(op.neurons for op in same),
        )

    @property
    def strided(self) -> bool:
        """Whether a convolution lowers the resolution."""
        return " /" in self.name

    @property
    def pools(self) -> bool:
        """Whether pooling lowers the resolution."""
        return " pool " in self.name

    @property
    def text(self) -> str:
        """The text of a diagram: ``3x3 conv 64 /2``, ``mask 50.0 %`` (the share of neurons that are kept)."""
        if self.masks:
            return f"mask {100 * self.kept / self.neurons:.1f} %"
        low, high = min(self.channels, default=0), max(self.channels, default=0)
        return self.name.format(low if low == high else f"{low}-{high}")


def is_skipped(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a diagram leaves an operation out, since it computes nothing."""
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], nn.Identity)
    return node.op not in {"call_function", "call_method"} or operation(node, modules).name in SKIPPED


def operation(node: fx.Node, modules: dict[str, nn.Module]) -> Op:
    """The operation of a traced node."""
    if node.op == "call_module":
        return _layer(modules[str(node.target)], str(node.target))
    if node.op == "call_method":
        name = METHOD_WORDS.get(str(node.target), str(node.target))
        return Op(name, opens=name == "global average")
    if node.target in (F.avg_pool2d, F.max_pool2d):
        size = node.kwargs.get("kernel_size", node.args[1] if len(node.args) > 1 else "")
        return Op(f"{'average' if node.target is F.avg_pool2d else 'max'} pool {size}x{size}", opens=True)
    name = getattr(node.target, "__name__", str(node.target))
    return Op({"relu": "ReLU"}.get(name, name))


def _layer(module: nn.Module, name: str) -> Op:
    match module:
        case Defect():
            return Op("mask", masks=(name,), kept=int(module.mask.sum()), neurons=module.mask.numel())
        case nn.Conv2d():
            kernel, stride = "x".join(map(str, module.kernel_size)), int(module.stride[0])
            text = f"{kernel} conv {{}}{f' /{stride}' if stride > 1 else ''}"
            return Op(text, opens=True, channels=(module.out_channels,))
        case nn.Linear():
            return Op("linear {}", opens=True, channels=(module.out_features,))
        case nn.MaxPool2d() | nn.AvgPool2d():
            kind = "max" if isinstance(module, nn.MaxPool2d) else "average"
            return Op(f"{kind} pool {module.kernel_size}x{module.kernel_size}", opens=True)
    return Op(WORDS.get(type(module), type(module).__name__))


def join_symbol(node: fx.Node) -> str:
    """The sign of an operation that joins two paths; empty for other operations."""
    return SYMBOLS.get(node.target, "") if node.op == "call_function" else ""
