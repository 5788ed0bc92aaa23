"""Images with another texture, without a network: a stand-in for Stylized-ImageNet (Geirhos et al. 2019)."""

from lacuna.language.methods import Method

METHOD = Method(
    function="lacuna.attacks.stylised:stylise",
    modules=(
        "attacks/core/draws",
        "numerics/seeding",
    ),
    loss="",
    draws=True,
    network=False,
)
