"""The structure of a network as it really runs, for diagrams: traced with torch.fx, not written down by hand."""

from lacuna.reporting.structure.architecture import Architecture, Block, architecture
from lacuna.reporting.structure.operations import Op
from lacuna.reporting.structure.units import Step, Unit

__all__ = ["Architecture", "Block", "Op", "Step", "Unit", "architecture"]
