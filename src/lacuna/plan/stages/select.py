"""select: which test images are attacked, from the clean predictions of the sources."""

from typing import Any

from lacuna.plan.modules import NETWORKS
from lacuna.plan.stage import Inputs, Stage, architecture_part


class Select(Stage):
    """One selection of test images."""

    name = "select"
    on_device = True
    after = ("dataset", "foreground", "train", "adopt")
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
        """The test images, the checkpoints of the networks that decide, the foreground where its share decides."""
        sources = self.lookup.selection_sources(selection)
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "checkpoints": [path for model in sources for path in self.networks.checkpoints(dataset, model)],
            "foreground": self._foreground(dataset, selection),
        }

    def _foreground(self, dataset: str, selection: str) -> list[str]:
        """The test images' foreground, where the selection has limits of its share; none for others."""
        if "foreground" not in self._asked(selection):
            return []
        self.lookup.foreground(dataset)
        return [self.paths.of("foreground", "foreground", dataset=dataset, split="test")]

    def _asked(self, selection: str) -> dict[str, Any]:
        return self.lookup.named("selections", selection.partition("-")[0])

    def code(self, dataset: str, selection: str) -> list[str]:
        """With the architectures of the networks that decide."""
        sources = self.lookup.selection_sources(selection)
        return [self.name, *map(architecture_part, self.networks.architectures(*sources))]

    def settings(self, dataset: str, selection: str) -> dict[str, Any]:
        """How many images, and the networks; where asked, how sure they must be, and limits of the foreground."""
        name, asked = selection.partition("-")[0], self._asked(selection)
        further: dict[str, Any] = {key: asked[key] for key in ("confidence", "foreground") if key in asked}
        return {
            "selection": selection,
            "images": self.lookup.config.settings["images"][name],
            "networks": self.networks.several(dataset, self.lookup.selection_sources(selection)),
            "seed": self.lookup.seeds[dataset].seed,
            **further,
        }
