"""select: which test images are attacked, from the clean predictions of the sources."""

from typing import Any

from lacuna.plan.modules import NETWORKS
from lacuna.plan.stage import Inputs, Stage, architecture_part


class Select(Stage):
    """One selection of test images."""

    name = "select"
    after = ("dataset", "train", "adopt")
    outputs = {"selection": "select/{selection}.csv"}
    modules = (
        *NETWORKS,
        "evaluation/predictions",
        "evaluation/selection",
        "files/states",
        "numerics/batches",
        "numerics/images",
    )

    def inputs(self, dataset: str, selection: str) -> Inputs:
        """The test images, and the checkpoints of the networks that decide."""
        sources = self.lookup.selection_sources(selection)
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "checkpoints": [path for model in sources for path in self.networks.checkpoints(dataset, model)],
        }

    def code(self, dataset: str, selection: str) -> list[str]:
        """With the architectures of the networks that decide."""
        sources = self.lookup.selection_sources(selection)
        return [self.name, *map(architecture_part, self.networks.architectures(*sources))]

    def settings(self, dataset: str, selection: str) -> dict[str, Any]:
        """How many images, the networks, and how sure they must be where that is asked."""
        name = selection.partition("-")[0]
        asked = self.lookup.named("selections", name)
        sure = {key: asked[key] for key in ("confidence",) if key in asked}
        return {
            "selection": selection,
            "images": self.lookup.config.settings["images"][name],
            "networks": self.networks.several(dataset, self.lookup.selection_sources(selection)),
            "seed": self.lookup.seeds[dataset].seed,
            **sure,
        }
