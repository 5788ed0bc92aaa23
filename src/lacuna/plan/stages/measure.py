"""measure: how the images of one adversarial set look beside the clean ones. No network."""

from typing import Any

from lacuna.errors import LacunaError
from lacuna.plan.lookup import SCORES
from lacuna.plan.modules import ATTACK_NAMES, DOUBTS, MODEL_NAMES, SALIENCY
from lacuna.plan.stage import Inputs, Stage


class Measure(Stage):
    """The measures of one adversarial set."""

    name = "measure"
    on_device = True
    after = ("dataset", "foreground", "attack")
    outputs = {"measures": "measure/{attack}/{source}.parquet"}
    modules = (
        *MODEL_NAMES,
        *SALIENCY,
        *DOUBTS,
        "evaluation/doubts",
        "evaluation/quality",
        "foreground/score",
        *ATTACK_NAMES,
        "numerics/device",
        "numerics/images",
        "purify",
    )

    def inputs(self, dataset: str, attack: str, source: str) -> Inputs:
        """The clean and the adversarial images, and their foreground where scores of it are measured."""
        scored = SCORES.keys() & set(self.lookup.attack(attack).get("measures", []))
        if scored:
            self.lookup.foreground(dataset)
        foreground = self.paths.of("foreground", "foreground", dataset=dataset, split="test")
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "adversarial": self.paths.of("attack", "adversarial", dataset=dataset, attack=attack, source=source),
            "foreground": [foreground] if scored else [],
        }

    def settings(self, dataset: str, attack: str, source: str) -> dict[str, Any]:
        """What is measured, and the saliency models for it."""
        if not (measures := self.lookup.attack(attack).get("measures")):
            raise LacunaError(f"attack '{attack}' measures nothing; give it a list under the key measures")
        scores = {name: model for name, model in SCORES.items() if name in measures}
        models = {name: self.lookup.foreground(dataset)[model] for name, model in scores.items()}
        return {"measures": measures, "saliency": models}
