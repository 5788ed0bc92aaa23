"""Networks by name: what builds them, where their checkpoints lie, how long a training takes. No torch here."""

from collections.abc import Mapping
from typing import Any

from lacuna.data.classes import IMAGENET_CLASSES, class_count
from lacuna.errors import LacunaError
from lacuna.language.architectures import QUARTER, QUARTER_STRIDE
from lacuna.language.models import ARCHITECTURES, OWN, PACKAGED, STANDARD, parse_model
from lacuna.language.packages import PACKAGE
from lacuna.plan.lookup import Lookup
from lacuna.plan.paths import Paths

MEASURED_SIDE = 32  # pixels along each side of the images that a scale's throughput is about


class Networks:
    """Answers, for one configuration, what stands behind a model's name."""

    def __init__(self, lookup: Lookup, paths: Paths) -> None:
        self.lookup, self.paths = lookup, paths

    def settings(self, dataset: str, model: str) -> dict[str, Any]:
        """What is needed to build a network, or each member of an ensemble, before checkpoints are loaded."""
        members = self.lookup.exhibits.members(model)
        if members != [model]:
            return {"model": model, "members": self._alike(model, self.several(dataset, members))}
        data = self.lookup.config.datasets[dataset]
        shared = {"model": model, "image": data["image"], **self._answers(data, model)}
        if parse_model(model).training == OWN:
            body = self.lookup.named("networks", model)
            rest = {"arguments": body.get("arguments", {}), "mean": body.get("mean", [0]), "std": body.get("std", [1])}
            return {**shared, "factory": body["factory"], **rest}
        training = parse_model(model).training
        defined = {} if training == STANDARD else {"training": self.training_of(model)}
        return {
            **shared,
            **defined,
            **({"stem": QUARTER} if self.reduces(dataset, model) else {}),
            "normalisation": self._normalisation(data, model),
            "width": "1" if parse_model(model).arch in PACKAGED else self.lookup.config.settings["width"],
            "mask_place": self.lookup.config.mask_place,
            "seed": self.lookup.seeds[dataset].seed,
        }

    def _alike(self, ensemble: str, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The settings of an ensemble's members, whose logits are averaged: they must answer with the same classes."""
        if len({(one["classes"], *one.get("indices", ())) for one in members}) > 1:
            counts = ", ".join(f"{one['model']} with {one['classes']}" for one in members)
            raise LacunaError(f"{ensemble}: its networks answer with different classes ({counts}); allowed: the same")
        return members

    def _answers(self, data: Mapping[str, Any], model: str) -> dict[str, Any]:
        """How many classes a network tells apart; with the published last layer, where the dataset's are among them."""
        if "head" not in self.training_of(model):
            return {"classes": class_count(data)}
        return {"classes": IMAGENET_CLASSES, **({"indices": data["indices"]} if "indices" in data else {})}

    def _normalisation(self, data: Mapping[str, Any], model: str) -> Mapping[str, Any]:
        """The dataset's normalisation, or that with which the weights of a package were trained."""
        if self.training_of(model).get("pretrained") != PACKAGE:
            return data["normalisation"]
        package = PACKAGED[parse_model(model).arch]
        return {"kind": "channel", "mean": [package.mean] * 3, "std": [package.std] * 3}

    def several(self, dataset: str, models: list[str]) -> list[dict[str, Any]]:
        """`settings` of several models, in order."""
        return [self.settings(dataset, model) for model in models]

    def checkpoints(self, dataset: str, target: str) -> list[str]:
        """The checkpoints of the networks that a source or target consists of."""
        members = self.lookup.exhibits.members(target.partition("--")[0])
        return [self.paths.of("train", "checkpoint", dataset=dataset, model=model) for model in members]

    def training_of(self, model: str) -> Mapping[str, Any]:
        """The definition behind the training in a model's name; empty for standard training and own networks."""
        training = parse_model(model).training
        return {} if training in (STANDARD, OWN) else self.lookup.named("trainings", training)

    def epochs(self, dataset: str, model: str) -> int:
        """Epochs that a model is trained for at this scale."""
        if "head" in self.training_of(model):
            return 0  # the published network as it is
        recipe = self.lookup.config.settings["recipes"][dataset]
        return int(recipe.get("epochs_of", {}).get(parse_model(model).arch, recipe["epochs"]))

    def architectures(self, *targets: str) -> list[str]:
        """The architectures of the networks that sources or targets consist of; none of the user's own."""
        members = (model for target in targets for model in self.lookup.exhibits.members(target.partition("--")[0]))
        specs = (parse_model(model) for model in members)
        return sorted({spec.arch for spec in specs if spec.training != OWN})

    def factories(self, target: str) -> list[str]:
        """What builds the networks of the user's own among those of a source or target, as ``module:name``."""
        members = self.lookup.exhibits.members(target.partition("--")[0])
        own = [model for model in members if parse_model(model).training == OWN]
        return [self.lookup.named("networks", model)["factory"] for model in own]

    def draws(self, target: str) -> dict[str, int]:
        """How often a source or target that draws random numbers is asked, as settings state it; empty for others."""
        members = self.lookup.exhibits.members(target)
        own = [self.lookup.named("networks", one) for one in members if parse_model(one).training == OWN]
        most = max((body.get("draws", 1) for body in (*own, self.lookup.defense(target))), default=1)
        return {"draws": most} if most > 1 else {}

    def seconds(self, dataset: str, model: str) -> float:
        """Expected seconds to train a model at this scale: its recipe's epochs, and a pass more per attack step."""
        images = self.epochs(dataset, model) * self.lookup.config.datasets[dataset]["train"]
        passes = 1 + self.training_of(model).get("attack", {}).get("steps", 0)
        return float(images * passes * self.pass_seconds(dataset, model))

    def pass_seconds(self, dataset: str, model: str) -> float:
        """Expected seconds of a training step, per image: the scale's ``throughput``, and the images' pixels.

        Those of a network of the user's own are not known, and 0; an ensemble's are the sum of its members'.
        """
        members = self.lookup.exhibits.members(model)
        if members != [model]:
            return sum(self.pass_seconds(dataset, member) for member in members)
        spec, (_, height, width) = parse_model(model), self.lookup.config.datasets[dataset]["image"]
        if spec.training == OWN:
            return 0
        area = height * width / MEASURED_SIDE**2 * (2 if spec.wide else 1)
        if self.training_of(model).get("pretrained") or spec.arch in PACKAGED or self.reduces(dataset, model):
            area /= QUARTER_STRIDE**2
        return area / self._throughput(spec.arch)

    def reduces(self, dataset: str, model: str) -> bool:
        """Whether a network of this project's form reduces the images before its first block: the dataset's stem."""
        arch = parse_model(model).arch
        asked = self.lookup.config.datasets[dataset].get("stem") == QUARTER and arch not in PACKAGED
        return asked and ARCHITECTURES[arch].stem and "pretrained" not in self.training_of(model)

    def _throughput(self, arch: str) -> float:
        """Images that a training passes in a second; raises `LacunaError` where the scale does not say it."""
        config = self.lookup.config
        if arch not in config.settings["throughput"]:
            needed = f"images a second of {arch}, forward and backward"
            raise LacunaError(
                f"config/scales/{config.scale}.yaml: key throughput.{arch} is missing; required: {needed}"
            )
        return float(config.settings["throughput"][arch])
