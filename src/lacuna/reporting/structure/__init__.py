"""The structure of a network as it really runs, for diagrams. torch.fx traces it; nothing is written by hand."""

from lacuna.reporting.structure.network import Block, Structure, read_structure
from lacuna.reporting.structure.operations import Op
from lacuna.reporting.structure.units import Step, Unit

__all__ = ["Block", "Op", "Step", "Structure", "Unit", "read_structure"]
