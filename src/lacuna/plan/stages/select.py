"""select: which test images are attacked, from the clean predictions of the sources."""

from typing import Any

from lacuna.plan.stage import Inputs, Stage


class Select(Stage):
    """One selection of test images."""

    name = "select"
    after = ("dataset", "train", "adopt")
    outputs = {"selection": "select/{selection}.csv"}
    modules = (
        "numerics/device",
        "evaluation/predictions",
        "numerics/images",
        "models",
        "language/architectures",
        "language/declared",
        "language/models",
        "files/states",
        "numerics/seeding",
        "evaluation/selection",
    )

    def inputs(self, dataset: str, selection: str) -> Inputs:
        """The test images, and the checkpoints of the networks that decide."""
        sources = self.lookup.selection_sources(selection)
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "checkpoints": [path for model in sources for path in self.networks.checkpoints(dataset, model)],
        }

    def settings(self, dataset: str, selection: str) -> dict[str, Any]:
        """How many images, and the networks."""
        name = selection.partition("-")[0]
        return {
            "selection": selection,
            "images": self.lookup.config.settings["images"][name],
            "networks": self.networks.several(dataset, self.lookup.selection_sources(selection)),
            "seed": self.lookup.seeds[dataset][1],
        }
