"""What the stages of a plan say of an exhibit."""

from typing import Any

from lacuna.plan.plan import Plan


def exhibit_settings(plan: Plan, stage: str, exhibit: str) -> dict[str, Any]:
    """Settings of the rule cells, table or figure."""
    return dict(plan.stages[stage].settings(**plan.lookup.wildcards_of(exhibit)))


def exhibit_inputs(plan: Plan, stage: str, exhibit: str) -> dict[str, Any]:
    """Inputs of the rule cells, table or figure, by their names."""
    return dict(plan.stages[stage].inputs(**plan.lookup.wildcards_of(exhibit)))
