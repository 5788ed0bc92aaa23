"""Reads the blocks, units and layers of a network from its trace."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, groupby, takewhile

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from lacuna.errors import LacunaError
from lacuna.models.layers import Defect, Shape
from lacuna.reporting.structure.operations import Op, is_skipped
from lacuna.reporting.structure.units import Modules, Nodes, Unit, build_unit, collapse


@dataclass(frozen=True)
class Block:
    """Units at one resolution, numbered as the papers do: 0 is the stem."""

    number: int
    units: tuple[Unit, ...]

    @property
    def masked(self) -> list[str]:
        """Names of the block's masked layers."""
        return [name for unit in self.units for op in unit.ops for name in op.masks]


@dataclass(frozen=True)
class Structure:
    """A whole network for images of shape ``image`` (C, H, W)."""

    image: Shape
    blocks: tuple[Block, ...]
    head: Unit

    @property
    def masks(self) -> list[Op]:
        """The masks of all blocks; the masks of collapsed units are one."""
        return [op for block in self.blocks for unit in block.units for op in unit.ops if op.masks]


def read_structure(network: nn.Module, image: Shape) -> Structure:
    """Blocks, units, layers and masks of ``network`` on images (C, H, W). Sets the network to evaluation mode.

    A block ends where a strided convolution or a pooling lowers the resolution. Raises `LacunaError` where the
    network cannot be traced or has paths that this view cannot show.
    """
    nodes, modules = _traced(network, image), dict(network.named_modules())
    owner = _owner(nodes, modules)
    runs = [list(run) for _, run in groupby(nodes, owner)]
    stem, middle, tail = _parts(runs, modules)
    if middle and not _convolutions(stem, modules):  # normalisation alone is no block
        stem, middle = [], [stem + middle[0], *middle[1:]]
    blocks = _blocks([build_unit(run, modules, _kind(owner(run[-1]), modules)) for run in middle])
    stems = [Block(0, (build_unit(stem, modules, ""),))] if stem else []
    whole = Structure(image, (*stems, *blocks), build_unit(tail, modules, ""))
    _refuse_incomplete(whole, network)
    return whole


def _refuse_incomplete(whole: Structure, network: nn.Module) -> None:
    shown = sorted(name for block in whole.blocks for name in block.masked)
    if shown != sorted(name for name, module in network.named_modules() if isinstance(module, Defect)):
        raise LacunaError(f"{type(network).__name__} cannot be drawn: a masked layer is on no path of it, or on two")


class _Tracer(fx.Tracer):
    """Traces into every module that has parts; layers are the leaves."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return next(m.children(), None) is None


def _traced(network: nn.Module, image: Shape) -> Nodes:
    """The network's operations in the order in which they run, each with the shape of its result."""
    network.eval()
    try:
        graph = _Tracer().trace(network)
        with torch.no_grad():
            ShapeProp(fx.GraphModule(network, graph)).propagate(torch.zeros(1, *image))
    except (fx.proxy.TraceError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise LacunaError(f"{type(network).__name__} cannot be drawn on images {image}: {reason}") from None
    modules = dict(network.named_modules())
    return [node for node in graph.nodes if not is_skipped(node, modules)]


def _owner(nodes: Nodes, modules: Modules) -> Callable[[fx.Node], str]:
    """A function that gives the path of the unit of an operation; empty for the network itself."""
    stacks = {node: [path.partition("@")[0] for path in node.meta.get("nn_module_stack") or ()] for node in nodes}
    layers = [stacks[node] for node in nodes if _convolutions([node], modules)]
    shared = sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, zip(*layers, strict=False)))

    def path(node: fx.Node) -> str:
        return next((name for name in stacks[node][shared:] if _is_unit(modules[name])), "")

    return path


def _is_unit(module: nn.Module) -> bool:
    """Whether a module is drawn as one unit: it has layers, and is no mere chain of further units."""
    children = list(module.children())
    nested = any(next(child.children(), None) is not None for child in children)
    return bool(children) and not (nested and isinstance(module, nn.Sequential))


def _kind(path: str, modules: Modules) -> str:
    """Name of a unit's class; empty where the name says nothing."""
    name = type(modules[path]).__name__
    return "" if not path or name == "Sequential" else name


def _convolutions(nodes: Nodes, modules: Modules) -> int:
    return sum(isinstance(modules.get(str(node.target)), nn.Conv2d) for node in nodes)


def _parts(runs: list[Nodes], modules: Modules) -> tuple[Nodes, list[Nodes], Nodes]:
    """The operations of the stem, of each unit, and of the head.

    The stem is all before the first unit of more than one convolution. The head is all after the unit of the last
    convolution.
    """
    counts = [_convolutions(run, modules) for run in runs]
    begin = next((i for i, count in enumerate(counts) if count > 1), len(runs))
    end = max([begin, *(i + 1 for i, count in enumerate(counts) if count)])
    return list(chain(*runs[:begin])), runs[begin:end], list(chain(*runs[end:]))


def _blocks(units: list[Unit]) -> list[Block]:
    """The units in blocks, from number 1 on. Equal neighbours are collapsed."""
    parts: list[list[Unit]] = []
    pooled = True
    for unit in units:
        if pooled or any(op.strided for op in unit.ops):
            parts.append([])
        parts[-1].append(unit)
        pooled = any(op.pools for op in unit.ops)
    return [Block(number, tuple(collapse(part))) for number, part in enumerate(parts, start=1)]
