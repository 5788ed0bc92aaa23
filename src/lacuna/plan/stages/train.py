"""train: one network from its name, with the history of its training."""

from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from lacuna.data.own_paths import find_missing
from lacuna.data.streamed import DECODED, gigabytes, is_streamed, readers_for
from lacuna.language.attacks import METHODS
from lacuna.language.models import ARCHITECTURES, FLOAT32, OWN, PACKAGED, parse_model
from lacuna.language.packages import PACKAGE
from lacuna.plan.figures import files_of
from lacuna.plan.modules import ATTACK_NAMES, NETWORKS
from lacuna.plan.stage import Inputs, Stage, architecture_part, method_part

MEMORY = 12  # gigabytes of the machine's memory that a job asks for; decoding ahead takes more


class Train(Stage):
    """The training of one network; one rule per architecture, train_<architecture>, so that the longest start first."""

    name = "train"
    on_device = True
    after = ("dataset", "foreground")
    outputs = {"checkpoint": "train/{model}.safetensors", "history": "train/{model}.history.csv"}
    constraints = {"model": f"(?!{OWN}-)[a-z0-9.-]+"}
    modules = (
        *NETWORKS,
        *ATTACK_NAMES,
        "data/decoding",
        "data/folder",
        "data/index",
        "data/normalisation",
        "data/streamed",
        "files/states",
        "numerics/images",
        "numerics/recording",
        "training/adversarial",
        "training/augmentation",
        "training/fast",
        "training/history",
        "training/loop",
        "training/objective",
        "training/optimiser",
        "training/recipe",
        "training/step",
        "training/stream",
    )

    def inputs(self, dataset: str, model: str) -> Inputs:
        """The training images, the test images where the history has them, the foreground where it is trained on."""
        return {
            "images": self.paths.of("dataset", "train", dataset=dataset),
            "tests": self._tests(dataset, model),
            "foreground": self._foreground(dataset, model),
        }

    def _tests(self, dataset: str, model: str) -> list[str]:
        """The test images, for the networks whose history a figure shows; none for others, which saves the passes."""
        shown = self.path("history", dataset=dataset, model=model) in self._drawn
        return [self.paths.of("dataset", "test", dataset=dataset)] if shown else []

    @cached_property
    def _drawn(self) -> set[str]:
        """The histories that figures are drawn from."""
        figures = [(body, self.lookup.dataset_of(name)) for name, (_, body) in self.lookup.figures.items()]
        return {path for body, dataset in figures for path in files_of(self.known, body, dataset).get("histories", [])}

    def _foreground(self, dataset: str, model: str) -> list[str]:
        """The training images' foreground, for networks trained on attacks on regions; none for others."""
        attack = self.networks.training_of(model).get("attack", {})
        if not (attack and METHODS[attack["method"]].foreground):
            return []
        self.lookup.foreground(dataset)
        return [self.paths.of("foreground", "foreground", dataset=dataset, split="train")]

    def settings(self, dataset: str, model: str) -> dict[str, Any]:
        """Network, data format, recipe, seed; of streamed images where they lie and how they are fitted."""
        config, epochs = self.lookup.config, {"epochs": self.networks.epochs(dataset, model)}
        recipe = dict(config.settings["recipes"][dataset]) | epochs if epochs["epochs"] else epochs
        recipe.pop("epochs_of", None)
        history = {"history": True} if self._tests(dataset, model) else {}
        precision = {} if config.precision == FLOAT32 else {"precision": config.precision}
        source = config.datasets[dataset]["source"]
        stream = {key: source[key] for key in ("path", "resize")} if self._is_streamed(dataset) else {}
        streamed = {"stream": stream} if stream else {}
        fast = {"fast": True} if config.fast and epochs["epochs"] else {}
        return {**self.networks.settings(dataset, model), "recipe": recipe, **history, **precision, **fast, **streamed}

    def code(self, dataset: str, model: str) -> list[str]:
        """With its architecture, and the attack method that it is trained on."""
        attack = self.networks.training_of(model).get("attack")
        methods = [method_part(attack["method"])] if attack else []
        return [self.name, *map(architecture_part, self.networks.architectures(model)), *methods]

    def refuse_misfit(self, dataset: str, model: str) -> None:
        """Weights that a package is asked for must be installed."""
        if self.networks.training_of(model).get("pretrained") == PACKAGE:
            PACKAGED[parse_model(model).arch].path()

    def missing(self, dataset: str, model: str) -> Path | None:
        """The folder of streamed images, which a training reads itself."""
        if not (self._is_streamed(dataset) and self.networks.epochs(dataset, model)):
            return None
        return find_missing(self.lookup.config.datasets[dataset]["source"])

    def seconds(self, dataset: str, model: str) -> float:
        """By the scale's throughput, or by what readers of streamed images decode, whichever takes longer."""
        readers = self.readers(dataset, model)
        decoding = self._images(dataset, model) / (readers * DECODED) if readers else 0
        return max(self.networks.seconds(dataset, model), decoding)

    def readers(self, dataset: str, model: str) -> int:
        """Threads beside its own that decode streamed images, as many as the network needs; 0 where none are streamed.

        They decide no number.
        """
        if not (self._is_streamed(dataset) and self.networks.epochs(dataset, model)):
            return 0
        return readers_for(self._images(dataset, model) / self.networks.seconds(dataset, model))

    def _images(self, dataset: str, model: str) -> int:
        """Images that the training draws in all its epochs."""
        return self.networks.epochs(dataset, model) * int(self.lookup.config.datasets[dataset]["train"])

    def _is_streamed(self, dataset: str) -> bool:
        return is_streamed(self.lookup.config.datasets[dataset])

    def priority(self, dataset: str, model: str) -> int:
        """That of its architecture."""
        return self.priority_of(parse_model(model).arch)

    def priority_of(self, arch: str) -> int:
        """The slower an architecture is trained, the sooner it starts."""
        return int(1e6 / self.lookup.config.settings["throughput"].get(arch, 1e6))

    def size(self, output: str, dataset: str, model: str) -> float:
        """The checkpoint's parameters, four bytes each; a width w multiplies them by about its square."""
        arch = parse_model(model).arch
        if output != "checkpoint":
            return 0
        if arch in PACKAGED:
            return 4 * PACKAGED[arch].parameters
        return 4 * ARCHITECTURES[arch].parameters * float(Fraction(self.lookup.config.settings["width"])) ** 2

    def memory(self, dataset: str, model: str) -> float:
        """That of any training, and of streamed images what is decoded ahead."""
        readers, data = self.readers(dataset, model), self.lookup.config.datasets[dataset]
        if not readers:
            return MEMORY
        return MEMORY + gigabytes(readers, self.lookup.config.settings["recipes"][dataset]["batch_size"], data["image"])
