"""evaluate: what one target says about the clean test set and about every adversarial set of a suite."""

from typing import Any

from lacuna.plan.modules import ATTACK_NAMES, DOUBTS, NETWORKS
from lacuna.plan.own import own_code
from lacuna.plan.stage import Inputs, Stage, architecture_part


class Evaluate(Stage):
    """The outcomes of one target on one suite."""

    name = "evaluate"
    on_device = True
    after = ("dataset", "train", "adopt", "attack")
    outputs = {"outcomes": "evaluate/{suite}/{target}.parquet"}
    modules = (
        *NETWORKS,
        *ATTACK_NAMES,
        *DOUBTS,
        "evaluation/defenses",
        "evaluation/doubts",
        "evaluation/outcomes",
        "evaluation/predictions",
        "evaluation/smoothing",
        "files/states",
        "numerics/batches",
        "numerics/images",
    )

    def inputs(self, dataset: str, suite: str, target: str) -> Inputs:
        """The test images, the target, and the adversarial sets that it meets."""
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "checkpoints": self.networks.checkpoints(dataset, target),
            "adversarial": [one["path"] for one in self._sets(dataset, suite, target)],
        }

    def _sets(self, dataset: str, suite: str, target: str) -> list[dict[str, str]]:
        """Attack, source and path of every adversarial set, in the suite's order, which is that of the outcomes."""
        pairs = dict.fromkeys(self.lookup.suite_sources(suite, target))
        sets = [{"attack": attack, "source": source} for attack, source in pairs]
        return [one | {"path": self.paths.of("attack", "adversarial", dataset=dataset, **one)} for one in sets]

    def settings(self, dataset: str, suite: str, target: str) -> dict[str, Any]:
        """The target's network and defense, how often it is asked, and the suite's adversarial sets."""
        model = target.partition("--")[0]
        settings = {
            "network": self.networks.settings(dataset, model),
            "sets": self._sets(dataset, suite, target),
        }
        body = self.lookup.defense(target)
        seed = {"seed": self.lookup.seeds[dataset].seed} if "smoothing" in body else {}
        return settings | seed | ({"defense": body} if body else {}) | self.networks.draws(target)

    def code(self, dataset: str, suite: str, target: str) -> list[str]:
        """With the architectures of the target."""
        return [self.name, *map(architecture_part, self.networks.architectures(target))]

    def own_code(self, dataset: str, suite: str, target: str) -> list[str]:
        """The defense's function, and what builds the network, where they are the user's."""
        return own_code(*self.networks.factories(target), self.lookup.defense(target).get("function", ""))

    def seconds(self, dataset: str, suite: str, target: str) -> float:
        """Expected seconds of a smoothed target, on the clean images and each of its sets; 0 for others.

        A pass without gradient takes about a third of a training step. What is only decided stops early: of the copies
        of an image in an attack's set two thirds are counted.
        """
        smoothing = self.lookup.defense(target).get("smoothing")
        if not smoothing:
            return 0
        images = self.lookup.config.settings["images"]
        attacks = [self.lookup.attack(attack) for attack, _ in self.lookup.suite_sources(suite, target)]
        counts = [(images[body["selection"]], len(body["budgets"])) for body in attacks]
        whole = max(count for count, _ in counts) + sum(count * budgets for count, budgets in counts) * 2 / 3
        draws = smoothing["n0"] + smoothing["n"]
        return whole * draws * self.networks.pass_seconds(dataset, target.partition("--")[0]) / 3

    def unforetold(self, dataset: str, suite: str, target: str) -> bool:
        """Of a smoothed network of the user's own."""
        return "smoothing" in self.lookup.defense(target) and bool(self.networks.factories(target))
