"""README.md of an exported network: a model card as huggingface.co reads it."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from lacuna import __version__
from lacuna.exports.forms import OPSET, Comparison
from lacuna.language.models import parse_model
from lacuna.numbers.statistics import wilson

# What huggingface.co calls licences and datasets; others are "other", and are not named.
LICENCES = {"MIT": "mit", "Apache-2.0": "apache-2.0", "CC BY-SA 3.0": "cc-by-sa-3.0"}
DATASETS = {
    "fashion-mnist-subset": "zalando-datasets/fashion_mnist",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "mnist": "ylecun/mnist",
    "imagenet": "ILSVRC/imagenet-1k",
}
LISTED = ("epochs", "batch_size", "learning_rate", "momentum", "weight_decay", "schedule", "augmentation")


def card(about: dict[str, Any], facts: Mapping[str, Any], made: Mapping[str, str], seen: Comparison) -> str:
    """The whole text. ``facts`` and ``made`` are of the checkpoint's record: parameters and masks; sha256, commit.

    ``made`` also has ``weights``, the sha256 of model.safetensors.
    """
    low, high = wilson(seen.right, seen.images)
    accuracy = f"{100 * seen.right / seen.images:.2f} % ({100 * low:.2f} to {100 * high:.2f})"
    channels, height, width = about["network"]["image"]
    parts = [
        f"# {about['model']}",
        f"{_what(about)} It maps float images (N, {channels}, {height}, {width}) with values in [0, 1] to logits "
        f"(N, {about['network']['classes']}); normalisation and masks are inside.",
        "## Accuracy",
        f"{accuracy} of {seen.images} test images of {about['dataset']['title']}: the 95 % interval is Wilson's, over "
        "images, for this one training.",
        "## How it was trained",
        *_training(about),
        "## Masks",
        _masks(facts.get("masks", [])),
        "## How to load it",
        "```python\nfrom load import load  # needs torch alone\n\nlogits = load()(images)\n```",
        "`model.onnx` has an input `images` and an output `logits` "
        f"(opset {OPSET}). `load.py` reads the weights in `model.safetensors` into the operations in `network.py`.",
        _checked(seen),
        "timm and RobustBench know no such architecture. `config.json` and `model_info.json` have their form: "
        "`timm.data.resolve_data_config` reads the one, and RobustBench's `benchmark` takes what `load()` gives.",
        "## Licence",
        f"The images of {about['dataset']['title']}: {about['dataset']['licence']}. "
        + (f"The weights with which training began: {about['weights']}. " if about["weights"] else "")
        + "Whoever publishes these weights says under which licence. Lacuna, which trained them, has the MIT licence.",
        "## Where it comes from",
        f"Lacuna {__version__}, scale {about['scale']}, commit {made['commit'] or 'unknown'}. The sha256 of "
        f"`model.safetensors` is {made['weights']}. It was written from the checkpoint {made['sha256']}, which "
        f"`python -m lacuna.trace {made['record']}` follows to its data.",
    ]
    return f"---\n{_front(about, seen)}---\n\n" + "\n\n".join(parts) + "\n"


def _front(about: dict[str, Any], seen: Comparison) -> str:
    dataset, terms = about["dataset"], about["dataset"]["licence"]
    identity = DATASETS.get(dataset["name"])
    other = {} if terms in LICENCES else {"license_name": "images", "license_link": "README.md#licence"}
    metric = {"type": "accuracy", "name": "Test accuracy", "value": round(100 * seen.right / seen.images, 4)}
    on = {"name": dataset["title"], "type": identity or dataset["name"], "split": "test"}
    result = {"task": {"type": "image-classification"}, "dataset": on, "metrics": [metric]}
    content = {
        "license": LICENCES.get(terms, "other"),
        **other,
        "pipeline_tag": "image-classification",
        "library_name": "pytorch",
        "tags": ["image-classification", "adversarial-robustness"],
        **({"datasets": [identity]} if identity else {}),
        "metrics": ["accuracy"],
        "model-index": [{"name": about["model"], "results": [result]}],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _what(about: dict[str, Any]) -> str:
    spec = parse_model(about["model"])
    width = about["network"].get("width", "1")
    wide = f", {width} as wide as printed," if width != "1" else ""
    masked = f" with masks ({spec.variant}, keep probability {spec.keep_prob})" if spec.masked else ""
    return f"A network `{spec.arch}`{wide}{masked} for images of {about['dataset']['title']}."


def _training(about: dict[str, Any]) -> Iterable[str]:
    recipe = about["training"].get("recipe")
    if recipe is None:
        yield "By its owner; Lacuna adopted its weights and did not train it."
        return
    if about["weights"]:
        yield f"It began with the weights of the package {about['weights']}."
    if not recipe["epochs"]:
        yield "It was not trained further."
        return
    listed = [f"| {key} | {value} |" for key, value in recipe.items() if key in LISTED or not isinstance(value, dict)]
    extra = [f"| {key} | `{value}` |" for key, value in about["network"].get("training", {}).items()]
    yield "\n".join(["| setting | value |", "|---|---|", *dict.fromkeys([*listed, *extra])])
    yield f"The seed is {about['network']['seed']}; the network's name says its own seeds."


def _masks(masks: Iterable[Mapping[str, Any]]) -> str:
    rows = [_mask(one) for one in masks]
    if not rows:
        return "None."
    head = ["| layer | neurons | kept | positions without a live neuron |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n\nThe masks are tensors `<layer>.mask` of zeros and ones, in every form."


def _mask(one: Mapping[str, Any]) -> str:
    shape = " x ".join(map(str, one["shape"]))
    return f"| `{one['layer']}` | {shape} | {one['kept']} | {100 * one['dead_positions']:.2f} % |"


def _checked(seen: Comparison) -> str:
    differences = "; ".join(
        f"{form} by at most {seen.differences[form]:.1e}, with another class on {seen.changed[form]} images"
        for form in seen.differences
    )
    return (
        f"Each form was compared with the trained network on all {seen.images} test images as it was written. Logits, "
        f"of which the largest is {seen.largest:.3g}, differ: {differences}. More than {seen.allowed:.1e} is an error."
    )
