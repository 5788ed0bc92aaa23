"""gradient: measures of one network's loss gradient on every clean test image."""

from typing import Any

from lacuna.plan.modules import DOUBTS, NETWORKS
from lacuna.plan.own import own_code
from lacuna.plan.stage import Inputs, Stage, architecture_part


class Gradient(Stage):
    """The measures of one network's gradients."""

    name = "gradient"
    on_device = True
    after = ("dataset", "foreground", "train", "adopt")
    outputs = {"measures": "gradient/loss/{target}.parquet"}
    modules = (
        *NETWORKS,
        *DOUBTS,
        "evaluation/doubts",
        "evaluation/gradients",
        "numerics/batches",
        "numerics/images",
    )

    def inputs(self, dataset: str, target: str) -> Inputs:
        """The test images, the network, and the foreground on which a share of every gradient is measured."""
        self.lookup.foreground(dataset)
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "checkpoints": self.networks.checkpoints(dataset, target),
            "foreground": [self.paths.of("foreground", "foreground", dataset=dataset, split="test")],
        }

    def settings(self, dataset: str, target: str) -> dict[str, Any]:
        """The network."""
        return {"network": self.networks.settings(dataset, target)}

    def code(self, dataset: str, target: str) -> list[str]:
        """With the architectures of the target."""
        return [self.name, *map(architecture_part, self.networks.architectures(target))]

    def own_code(self, dataset: str, target: str) -> list[str]:
        """What builds the network, where it is the user's."""
        return own_code(*self.networks.factories(target))
