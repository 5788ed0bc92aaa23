"""Images cut into k x k patches in random order, without a network (Defective CNN, Table 1)."""

from lacuna.language.methods import FLAG, Budget, Images, Method, Parameter, Refusal, Value


def _refuse_images(budget: Budget, images: Images) -> Refusal:
    if budget["k"] > images.side:
        return "k", f"at most {images.side}: patches are no smaller than a pixel"
    if images.side % budget["k"] and not budget.get("pad"):
        return "k", f"a divisor of {images.side}, or any with pad: true"
    return None


METHOD = Method(
    function="lacuna.attacks.shuffle:shuffle",
    modules=(
        "attacks/core/draws",
        "numerics/seeding",
    ),
    required=(Parameter("k", Value.integer(2), "k"),),
    optional=(Parameter("pad", FLAG),),
    refuse_images=_refuse_images,
    loss="",
    draws=True,
    network=False,
)
