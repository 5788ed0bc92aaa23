"""What a run costs, how it would go on a machine, and what finished jobs say about both: `python -m lacuna.cost`."""

from lacuna.cost.estimates import Cost, cost_of, estimate, measured, table, work_of

__all__ = ["Cost", "cost_of", "estimate", "measured", "table", "work_of"]
