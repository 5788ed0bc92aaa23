"""A unit of a network (a residual block, a dense layer, a stem) as a main path with side paths."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from torch import fx, nn

from lacuna.errors import LacunaError
from lacuna.reporting.structure.operations import Op, is_skipped, join_symbol, operation

Nodes = list[fx.Node]
Modules = dict[str, nn.Module]


@dataclass(frozen=True)
class Step:
    """A box on a unit's main path: operations in the order in which they run, ``repeat`` times; or a join of two paths.

    A join has a ``symbol``. ``side`` are the operations on the other path, none for an identity. The other path leaves
    the main path after step ``start``, or at the unit's input where ``start`` is -1.
    """

    ops: tuple[Op, ...] = ()
    repeat: int = 1
    symbol: str = ""
    side: tuple[Op, ...] = ()
    start: int = -1

    @property
    def pattern(self) -> tuple[object, ...]:
        """What equal steps share: all but the numbers of channels."""
        return tuple(op.name for op in self.ops), self.symbol, tuple(op.name for op in self.side), self.start


@dataclass(frozen=True)
class Unit:
    """One module of a block, ``repeat`` times. ``kind`` is its class, ``shape`` (C, H, W) that of the last result."""

    kind: str
    steps: tuple[Step, ...]
    shape: tuple[int, ...]
    repeat: int = 1

    @property
    def ops(self) -> list[Op]:
        """The unit's operations; those of collapsed units and boxes once."""
        return [op for step in self.steps for op in (*step.side, *step.ops)]


def build_unit(nodes: Nodes, modules: Modules, kind: str) -> Unit:
    """A unit from its operations in the order in which they run.

    Raises `LacunaError` where a side path has side paths.
    """
    shape = tuple(nodes[-1].meta["tensor_meta"].shape[1:]) if nodes else ()
    return Unit(kind, tuple(_steps(nodes, modules)), shape)


def collapse(units: Iterable[Unit]) -> list[Unit]:
    """Makes one unit of equal neighbours. Their numbers of channels may differ, as those of dense layers do."""
    same = groupby(units, lambda unit: (unit.kind, tuple(step.pattern for step in unit.steps)))
    return [_merged(list(group)) for _, group in same]


def _merged(units: list[Unit]) -> Unit:
    steps = [
        replace(column[0], ops=_each(step.ops for step in column), side=_each(step.side for step in column))
        for column in zip(*(unit.steps for unit in units), strict=True)
    ]
    return Unit(units[0].kind, tuple(steps), units[-1].shape, len(units))


def _each(columns: Iterable[tuple[Op, ...]]) -> tuple[Op, ...]:
    return tuple(Op.merge(same) for same in zip(*columns, strict=True))


def _steps(nodes: Nodes, modules: Modules) -> list[Step]:
    main = _main_path(nodes, modules)
    sides = {node: _side_paths(node, main, set(nodes), modules) for node in main if join_symbol(node)}
    leaves = {start for paths in sides.values() for start, _ in paths}
    steps: list[Step] = []
    after: dict[fx.Node | None, int] = {None: -1}  # the step that a node ends up in
    opens = True
    for node in main:
        if node in sides:
            steps += [Step(symbol=join_symbol(node), side=ops, start=after[start]) for start, ops in sides[node]]
        elif opens or operation(node, modules).opens:
            steps.append(Step((operation(node, modules),)))
        else:
            steps[-1] = replace(steps[-1], ops=(*steps[-1].ops, operation(node, modules)))
        after[node] = len(steps) - 1
        opens = node in sides or node in leaves
    return steps if sides else _runs(steps)


def _runs(steps: list[Step]) -> list[Step]:
    """Makes one box of neighbours that are equal in all, also in their numbers of channels."""
    groups = [list(g) for _, g in groupby(steps, lambda s: (s.pattern, tuple(op.channels for op in s.ops)))]
    return [replace(g[0], ops=_each(step.ops for step in g), repeat=len(g)) for g in groups]


def computing_inputs(node: fx.Node, modules: Modules) -> Nodes:
    """The operations whose results a node takes. Operations that only rearrange are passed over."""
    found: Nodes = []
    for node_in in node.all_input_nodes:
        through = is_skipped(node_in, modules) and node_in.all_input_nodes
        found += computing_inputs(node_in, modules) if through else [node_in]
    return found


def _main_path(nodes: Nodes, modules: Modules) -> Nodes:
    """The path to the last operation that has most spatial convolutions; of equal paths, that of the first argument."""
    inside, spatial = set(nodes), dict.fromkeys(nodes, 0)
    for node in nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        own = isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1
        spatial[node] = own + max((spatial.get(s, 0) for s in computing_inputs(node, modules)), default=0)
    path = nodes[-1:]
    while before := [s for s in computing_inputs(path[0], modules) if s in inside] if path else []:
        path.insert(0, max(before, key=lambda s: spatial[s]))
    return path


def _side_paths(
    join: fx.Node, main: Nodes, inside: set[fx.Node], modules: Modules
) -> list[tuple[fx.Node | None, tuple[Op, ...]]]:
    """Where each other path into a join leaves the main path (None: at the unit's input), and its operations."""
    paths = []
    before = computing_inputs(join, modules)
    taken = main[main.index(join) - 1] if main.index(join) else None
    if taken in before:
        before.remove(taken)
    for node in before:
        ops: list[Op] = []
        while node in inside and node not in main:
            ops.insert(0, operation(node, modules))
            further = computing_inputs(node, modules)
            if len(further) != 1:
                raise LacunaError(f"'{node.name}' joins two paths aside of the main one; a diagram cannot show that")
            node = further[0]
        paths.append((node if node in main else None, tuple(ops)))
    return paths
