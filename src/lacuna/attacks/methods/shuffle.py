"""Images cut into k x k patches in random order, without a network (Defective CNN, Table 1)."""

from lacuna.language.methods import FLAG, Budget, Method, Parameter, Refusal, Value


def _refuse_side(budget: Budget, side: int) -> Refusal:
    if side % budget["k"] and not budget.get("pad"):
        return "k", f"a divisor of {side}, or any with pad: true"
    return None


METHOD = Method(
    function="lacuna.attacks.shuffle:shuffle",
    modules=(
        "attacks/core/draws",
        "numerics/seeding",
    ),
    required=(Parameter("k", Value.integer(2), "k"),),
    optional=(Parameter("pad", FLAG),),
    refuse_side=_refuse_side,
    loss="",
    draws=True,
    network=False,
)
