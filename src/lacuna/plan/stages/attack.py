"""attack: the adversarial set of one attack (its whole grid of budgets) on one source."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from lacuna.language.attacks import METHODS, attack_code
from lacuna.language.codes import NO_SOURCE
from lacuna.language.models import BEHIND
from lacuna.plan.modules import ATTACK_NAMES, DOUBTS, FILES, NETWORKS, SALIENCY
from lacuna.plan.own import own_code
from lacuna.plan.stage import Inputs, Stage, architecture_part, method_part

OTHERS = 8  # gigabytes of the machine's memory that a job asks for; attacks on large images ask for more


class Attack(Stage):
    """One adversarial set."""

    name = "attack"
    on_device = True
    after = ("dataset", "foreground", "train", "adopt", "select")
    outputs = {"adversarial": "attack/{attack}/{source}.safetensors"}
    modules = (
        *NETWORKS,
        *ATTACK_NAMES,
        *SALIENCY,
        *FILES,
        *DOUBTS,
        "attacks/core/draws",
        "attacks/core/flatness",
        "attacks/core/folding",
        "attacks/core/grid",
        "attacks/core/margins",
        "attacks/core/matching",
        "attacks/core/quick",
        "attacks/core/run",
        "attacks/core/victim",
        "evaluation/defenses",
        "evaluation/quality",
        "evaluation/smoothing",
        "files/states",
        "numerics/batches",
        "numerics/images",
        "numerics/recording",
        "purify",
    )

    def inputs(self, dataset: str, attack: str, source: str) -> Inputs:
        """The test images, the source, the selection, the set that changes are scaled to, and the foreground."""
        selection = self.lookup.selection_of(attack, source)
        return {
            "images": self.paths.of("dataset", "test", dataset=dataset),
            "checkpoints": self.networks.checkpoints(dataset, source),
            "selection": self.paths.of("select", "selection", dataset=dataset, selection=selection),
            "like": self._like(dataset, attack, source),
            "foreground": self._foreground(dataset, attack),
        }

    def _like(self, dataset: str, attack: str, source: str) -> list[str]:
        """The adversarial set that an attack's changes are scaled to; none for most attacks."""
        like = self.lookup.attack(attack).get("like")
        if like is None:
            return []
        named = {"attack": like["attack"], "source": like.get("source", source)}
        return [self.path("adversarial", dataset=dataset, **named)]

    def _foreground(self, dataset: str, attack: str) -> list[str]:
        """The test images' foreground, for attacks on regions; none for others."""
        method = METHODS.get(self.lookup.attack(attack)["method"])
        if not (method and method.foreground):
            return []
        self.lookup.foreground(dataset)
        return [self.paths.of("foreground", "foreground", dataset=dataset, split="test")]

    def settings(self, dataset: str, attack: str, source: str) -> dict[str, Any]:
        """The method with its whole grid of budgets, and the source network, with the defense that it is behind."""
        body = self.lookup.attack(attack)
        like = {"like": self.lookup.codes(body["like"]["attack"])[body["like"]["budget"]]} if "like" in body else {}
        salient = any(budget.get("weight") for budget in body["budgets"])
        saliency = {"saliency": self.lookup.foreground(dataset)["saliency"]} if salient else {}
        folded = body.get("fold_batch_norm", self.lookup.config.fold_batch_norm)
        return {
            **like,
            **saliency,
            "method": body["method"],
            "budgets": {attack_code(body["method"], budget): budget for budget in body["budgets"]},
            **self._source(dataset, source),
            "seed": self.lookup.seeds[dataset].seed,
            "fold_batch_norm": folded and not self.networks.factories(source),
            **({"dataset": self._files_of(dataset)} if body["method"] == "folder" else {}),
            **self._fast(body["method"], source),
        }

    def _fast(self, method: str, source: str) -> dict[str, bool]:
        """Whether gradients are replayed: where the method lets them be, on networks of this project alone.

        Code of the user's own may wait for the device; what draws, or a defense, is asked anew each time.
        """
        if not (self.lookup.config.fast and method in METHODS and METHODS[method].fast):
            return {}
        others = self.networks.factories(source) or self.lookup.defense(source) or self.networks.draws(source)
        return {} if others else {"fast": True}

    def _source(self, dataset: str, source: str) -> dict[str, Any]:
        """The network under attack, its defense where the attack sees it, and over how many draws it is averaged."""
        if source == NO_SOURCE:
            return {"network": None}
        defense = self.lookup.defense(source)
        network = self.networks.settings(dataset, source.partition(BEHIND)[0])
        return {"network": network, **({"defense": defense} if defense else {}), **self.networks.draws(source)}

    def _files_of(self, dataset: str) -> dict[str, Any]:
        """What says which files a dataset of the user's own has, and their order."""
        entry = self.lookup.config.datasets[dataset]
        return {"source": entry["source"], "classes": entry["classes"]}

    def code(self, dataset: str, attack: str, source: str) -> list[str]:
        """With its method, and the architectures of the source."""
        method = method_part(self.lookup.attack(attack)["method"])
        return [self.name, method, *map(architecture_part, self.networks.architectures(source))]

    def own_code(self, dataset: str, attack: str, source: str) -> list[str]:
        """The attack's function, what builds the source, and its defense's function, where they are the user's."""
        defense = self.lookup.defense(source).get("function", "")
        return own_code(self.lookup.attack(attack)["method"], *self.networks.factories(source), defense)

    def missing(self, dataset: str, attack: str, source: str) -> Path | None:
        """The folders of images that the user brings as an adversarial set."""
        body = self.lookup.attack(attack)
        folders = [Path(budget["path"]) for budget in body["budgets"]] if body["method"] == "folder" else []
        return next((path for path in folders if not path.is_dir()), None)

    def seconds(self, dataset: str, attack: str, source: str) -> float:
        """Expected seconds of the whole grid; 0 without a network, and for one of the user's own.

        A step of an attack costs about what a training step costs, per image and network.
        """
        if source == NO_SOURCE:
            return 0
        body = self.lookup.attack(attack)
        images = self.lookup.config.settings["images"][body["selection"]]
        passes = sum(_passes(budget) for budget in body["budgets"]) * self.networks.draws(source).get("draws", 1)
        return images * passes * self.networks.pass_seconds(dataset, source)

    def unforetold(self, dataset: str, attack: str, source: str) -> bool:
        """Of a source, or with an attack, of the user's own."""
        own = self.lookup.attack(attack)["method"] not in METHODS
        return source != NO_SOURCE and (own or bool(self.networks.factories(source)))

    def size(self, output: str, dataset: str, attack: str, source: str) -> float:
        """The images of every budget, one byte per value."""
        return self._budget_bytes(dataset, attack) * len(self.lookup.attack(attack)["budgets"])

    def _budget_bytes(self, dataset: str, attack: str) -> int:
        images = self.lookup.config.settings["images"][self.lookup.attack(attack)["selection"]]
        return int(images * prod(self.lookup.config.datasets[dataset]["image"]))

    def memory(self, dataset: str, attack: str, source: str) -> float:
        """What any job needs, the clean images, and the set, which is made in memory.

        Keeping the state takes up to four times the images of one budget for a moment, writing the set twice those of
        all.
        """
        budgets = len(self.lookup.attack(attack)["budgets"])
        return OTHERS + (1 + max(4, 2 * budgets)) * self._budget_bytes(dataset, attack) / 1e9


def _passes(budget: Mapping[str, Any]) -> int:
    """Passes through the network per image; a query without gradient counts like one with it."""
    searched = budget.get("binary_search_steps", 1) * budget.get("restarts", 1) * budget.get("targets", 1)
    return int(budget.get("queries", budget.get("steps", 1)) * searched)
