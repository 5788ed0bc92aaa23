"""export: an adversarial set for other tools, as .npz and as a folder of PNG files."""

from typing import Any

from lacuna.plan.stage import Inputs, Stage


class Export(Stage):
    """The copies of one adversarial set."""

    name = "export"
    after = ("attack",)
    renderings = {"npz": "export/{attack}/{source}.npz", "png": "export/{attack}/{source}"}
    modules = ("files/export",)

    def inputs(self, dataset: str, attack: str, source: str) -> Inputs:
        """The adversarial set."""
        return {"adversarial": self.paths.of("attack", "adversarial", dataset=dataset, attack=attack, source=source)}

    def settings(self, dataset: str, attack: str, source: str) -> dict[str, Any]:
        """Nothing: the copies hold what the set holds."""
        return {}
