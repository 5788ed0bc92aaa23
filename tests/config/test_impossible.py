"""Settings that are well formed and cannot be: each is refused with its place and with numbers that would work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from refusing import DATASETS, DEFECTIVE, DEMO, LAPTOP, PAPER, Change, put, refusal

if TYPE_CHECKING:
    from projects import Project

RECIPE, SGD = "recipes.fashion-mnist-subset", "recipes.cifar10"
OF_BYTES = "since pixels lie in [0, 1]; of 0 to 255 write [0.485, 0.456, 0.406]"
IMAGENET = "imagenet.normalisation"


def recipe(place: str, **change: Any) -> Change:
    """Changes several keys of a recipe."""
    return lambda content: content["recipes"][place].update(change)


# The columns: file, what is changed, the key that the sentence names, what it says.
COLUMNS = ("ResNet-18", "ResNet-50", "DenseNet-121", "SENet-18", "VGG-19", "Test Accuracy")
SCALES: list[tuple[str, Change, str, str]] = [
    (DEMO, put("width", "16"), "width", "from 1/128 (4 channels everywhere) to 6"),
    (DEMO, put("width", "7"), "width", "to 6"),
    (DEMO, put("width", "1/129"), "width", "a fraction above 0, from 1/128"),
    (DEMO, put(f"{RECIPE}.batch_size", 10001), f"{RECIPE}.batch_size", "at most 10000, the training images"),
    (LAPTOP, put("recipes.imagenet10.batch_size", 7321), "recipes.imagenet10.batch_size", "at most 7320"),
    (DEMO, put(f"{RECIPE}.augmentation.pad", 28), f"{RECIPE}.augmentation.pad", "below 28"),
    (PAPER, put(f"{SGD}.augmentation.pad", 400), f"{SGD}.augmentation.pad", "below 32"),
    (PAPER, put(f"{SGD}.weight_decay", 10), f"{SGD}.weight_decay", "below 10, 1 / learning_rate"),
    (PAPER, put(f"{SGD}.learning_rate", 101), f"{SGD}.learning_rate", "above 0 and at most 100"),
    (
        PAPER,
        put("recipes.stl10.learning_rate", 2),
        "recipes.stl10.learning_rate",
        "at most 1, the length of a step of adam",
    ),
    (PAPER, recipe("cifar10", nesterov=True, momentum=0), f"{SGD}.nesterov", "false, or a momentum above 0"),
    (PAPER, put(f"{SGD}.epochs_of", {"vgg19": 200}), f"{SGD}.schedule.milestones", "below epochs_of.vgg19 (200)"),
    (DEMO, recipe("fashion-mnist-subset", batch_size=10000, epochs=1), f"{RECIPE}.batch_size", "at most 5000, or more"),
    (DEMO, put("tables", {"table9": {"rows": {"VGG-19": "VGG"}}}), "tables", "table3"),
    (DEMO, put("tables", {"table3": {"rows": {"VGG-18": "VGG"}}}), "tables.table3.rows", "ResNet-50, SENet-18, VGG-19"),
    (DEMO, put("tables", {"table3": {"columns": dict.fromkeys(COLUMNS)}}), "tables.table3.columns", "at least one"),
]
DATA: list[tuple[str, Change, str, str]] = [
    (DATASETS, put(f"{IMAGENET}.mean", [123.675, 116.28, 103.53]), f"{IMAGENET}.mean", OF_BYTES),
    (DATASETS, put(f"{IMAGENET}.std", [58.395, 57.12, 57.375]), f"{IMAGENET}.std", "write [0.229, 0.224, 0.225]"),
    (DATASETS, put("mnist.normalisation.mean", [33.3]), "mnist.normalisation.mean", "0 to 1"),
    (DATASETS, put("mnist.normalisation.std", [0.0003]), "mnist.normalisation.std", "0.001 to 1"),
    (DATASETS, put("mnist.normalisation.std", [2.5]), "mnist.normalisation.std", "0.001 to 1"),
    (DATASETS, put("cifar10.image", [1, 32, 32]), "cifar10.image", "[3, 32, 32], as it is published"),
    (DATASETS, put("mnist.image", [1, 32, 32]), "mnist.image", "[1, 28, 28], as it is published"),
    (DATASETS, put("stl10.train", 105000), "stl10.train", "5000, as it is published"),
    (DATASETS, put("photographs.test", 2000), "photographs.test", "32, as it is published"),
    (DATASETS, put("photographs.source.labels", "resnet18"), "photographs.source.labels", "efficientnet-lite0"),
    (DATASETS, put("imagenet10.indices", list(range(9))), "imagenet10.indices", "one index for each class"),
    (DATASETS, put("imagenet10.indices", [1, 1, *range(2, 10)]), "imagenet10.indices", "the index of each class"),
    (DATASETS, put("imagenet10.indices", [1000, *range(9)]), "imagenet10.indices[0]", "0 to 999"),
    (DATASETS, put("photographs.scene_images", 0), "photographs.scene_images", "at least 1"),
    (DATASETS, put("cifar10.classes", 100), "cifar10.classes", "10, as it is published"),
    (DATASETS, put("tiny-imagenet.image", [4, 64, 64]), "tiny-imagenet.image", "1 or 3, as files have"),
    (DATASETS, put("segment6.image", [2, 32, 32]), "segment6.image", "1 or 3"),
    (DATASETS, put("imagenet.image", [3, 100000, 100000]), "imagenet.image", "at most 4096"),
    (DATASETS, put("imagenet.source.train", "../../home"), "imagenet.source.train", "a place below path"),
    (DATASETS, put("imagenet.source.test", "/etc"), "imagenet.source.test", "a place below path"),
    (DATASETS, put("segment6.source.images", "images/../.."), "segment6.source.images", "a place below path"),
    (DATASETS, put("segment6.source.partitions", "/etc/passwd"), "segment6.source.partitions", "a place below path"),
    (DATASETS, put("imagenet10.source.folders[3]", "../secret"), "imagenet10.source.folders", "name of a folder"),
    (DATASETS, put("imagenet10.source.folders[0]", ".."), "imagenet10.source.folders", "name of a folder"),
    (DATASETS, put("imagenet.test", 999), "imagenet.test", "at least 1000, one for each class"),
    (DATASETS, put("imagenet10.train_at_least", 9), "imagenet10.train_at_least", "at least 10, one for each class"),
    (DATASETS, put("tiny-imagenet.train", 100), "tiny-imagenet.train", "at least 200, one for each class"),
    (DATASETS, put("fashion-mnist-subset.test", 9), "fashion-mnist-subset.test", "at least 10, one for each class"),
    (DATASETS, put("imagenet.test", "first 999"), "imagenet.test", "at least 1000, one for each class"),
    (DATASETS, put("imagenet.test", "first"), "imagenet.test", 'or "first 200", so many of more'),
    (DATASETS, put("imagenet.test", "first 0"), "imagenet.test", 'or "first 200", so many of more'),
    (DATASETS, put("imagenet.test", "first 1e3"), "imagenet.test", 'or "first 200", so many of more'),
    (DATASETS, put("imagenet.source.first", {"test": 5}), "imagenet.source", "kind"),
    (DATASETS, put("mnist.test", "first 10001"), "mnist.test", "10000, as it is published"),
    (DATASETS, put("imagenet.classes", 10**6), "imagenet.classes", "at least two names"),
]
SEGMENTATION = {"kind": "segmentation", "network": "fcn_resnet50", "class_of": {"cat": "cat", "ship": "boat"}}
CLASS_OF = "cifar10.foreground.masks.class_of"
DATA += [
    (DATASETS, put("cifar10.foreground.masks", SEGMENTATION | {"class_of": {"cta": "cat"}}), CLASS_OF, "airplane"),
    (DATASETS, put("cifar10.foreground.masks", SEGMENTATION | {"class_of": {"ship": "ship"}}), CLASS_OF, "boat"),
]


def trained(**training: Any) -> Change:
    """A training of one's own for the first row of Table 3."""

    def change(content: Any) -> None:
        content["trainings"]["mine"] = training
        content["tables"]["table3"]["rows"][0]["model"] = "resnet18-mine-s1"

    return change


AT = {"method": "pgd", "epsilon": "8/255", "step": "2/255", "steps": 7}
LEVELS = {"method": "lspga", "epsilon": "8/255", "steps": 7, "logit_step": 1}
V1 = {"pretrained": "IMAGENET1K_V1"}
TRAININGS: list[tuple[Change, str, str]] = [
    (trained(attack=LEVELS), "trainings.mine.attack.method", "lspga with thermometer, others without"),
    (trained(attack=AT, thermometer=16), "trainings.mine.attack.method", "thermometer encoding has no gradient"),
    (trained(thermometer=257), "trainings.mine.thermometer", "at most 256"),
    (trained(head="kept"), "trainings.mine.head", "head with pretrained alone"),
    (trained(head="kept", **V1, label_smoothing=0.1), "trainings.mine.head", "head with pretrained alone"),
    (trained(thermometer=16, **V1), "trainings.mine.thermometer", "one of the two"),
    (trained(gaussian=25), "trainings.mine.gaussian", "at most 1"),
    (trained(label_smoothing=0.9), "tables.table3", "label_smoothing 0.9 leaves the true class no more"),
    (trained(label_smoothing=0.95), "tables.table3", "allowed: below 0.9"),
    (trained(drop_block={"keep": 0.9, "size": 29}), "tables.table3", "drop_block.size 29 is more"),
]


def modelled(model: str, **training: Any) -> Change:
    def change(content: Any) -> None:
        content["trainings"]["mine"] = training
        content["tables"]["table3"]["rows"][0]["model"] = model

    return change


TRAININGS += [
    (modelled("resnet34-mine-s1", **V1), "tables.table3", "trained weights fit 3 channels and width 1, not 1 and 1/8"),
    (modelled("resnet50-mine-s1", **V1, head="kept"), "tables.table3", "pretrained: null in the scale's trainings"),
    (modelled("resnet18-bottom0.00001-standard-s1m1"), "tables.table3", "bottom0.00001 leaves no neuron"),
    (modelled("resnet18-top0.0001-standard-s1m1"), "tables.table3", "at least 0.00031"),
    (modelled("vgg19-sm0.001-standard-s1m1"), "tables.table3", "sm0.001 leaves no neuron of a layer that has 784"),
]


def levels(content: Any) -> None:
    """The attack of Table 3 ascends levels, which its sources do not have."""
    budget = {"epsilon": "8/255", "steps": 7, "logit_step": 1}
    content["attacks"]["pgd16"] = {"method": "lspga", "selection": "transfer", "budgets": [budget]}
    for column in content["tables"]["table3"]["columns"]:
        column.pop("attack", None)


def encoded(content: Any) -> None:
    """The sources of Table 3 are encoded, and attacked through their pixels."""
    content["trainings"]["mine"] = {"thermometer": 16}
    content["suites"]["pgd16"]["sources"][0] = "resnet18-mine-s0"
    content["tables"]["table3"]["columns"][0]["source"] = "resnet18-mine-s0"


SOURCES = [
    (levels, "tables.table3", "lspga needs a network with thermometer encoding"),
    (
        encoded,
        "tables.table3",
        "resnet18-mine-s0 discretises its pixels, so that pgd finds no gradient; allowed: lspga",
    ),
]
CASES = [*SCALES, *DATA, *((DEFECTIVE, *rest) for rest in (*TRAININGS, *SOURCES))]


@pytest.mark.parametrize(
    ("file", "change", "key", "says"), CASES, ids=[f"{i}-{k}" for i, (_, _, k, _) in enumerate(CASES)]
)
def test_what_cannot_be_is_refused_with_what_can(
    table3: Project, file: str, change: Change, key: str, says: str
) -> None:
    table3.edit(file, change)
    sentence = refusal(table3, **({"scale": Path(file).stem} if "scales" in file else {}))
    assert sentence.startswith(file)
    assert f"key {key}" in sentence
    assert says in sentence.partition(f"key {key}")[2], sentence
