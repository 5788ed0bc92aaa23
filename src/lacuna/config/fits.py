"""What cannot be done with these images, this network, or this source, though it could with others. No torch here."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from lacuna.config.datasets import check_normalisation, images_of
from lacuna.config.defenses import ready_made
from lacuna.config.parts import LEVELS, Paper
from lacuna.config.uses import uses
from lacuna.data.classes import IMAGENET_CLASSES
from lacuna.data.streamed import is_streamed
from lacuna.errors import LacunaError
from lacuna.language.attacks import METHODS, OWN_METHOD, method_of
from lacuna.language.exhibits import Exhibits
from lacuna.language.methods import Images
from lacuna.language.models import BEHIND, OWN, PACKAGED, ModelSpec, parse_model

Body = Mapping[str, Any]
SMALLEST_SIDE = {"densenet121": 8}  # halves its images three times; the others round up, or stop at one pixel


def check_fits(papers: Mapping[str, Paper]) -> None:
    """Every network and defense of every exhibit against the dataset, and every attack against its source."""
    trainings = {name: body for paper in papers.values() for name, body in paper.content["trainings"].items()}
    own = {name: (paper.file, body) for paper in papers.values() for name, body in paper.content["networks"].items()}
    for paper in papers.values():
        for use in uses(paper.content, Exhibits(paper.parts)):
            dataset = paper.settings["datasets"][use.role]
            where, width = f"{paper.file}, key {use.key}", Fraction(paper.settings["width"])
            for model in sorted(use.models):
                _check_model(f"{where}: {model} on {dataset}", model, paper.datasets[dataset], width, trainings, own)
            for attack, source in sorted(use.sets):
                _check_source(paper, where, attack, source, trainings)
            for defense in sorted(use.defenses):
                _check_defense(paper, where, defense, dataset)


def _check_model(
    where: str,
    model: str,
    dataset: Body,
    width: Fraction,
    trainings: Mapping[str, Body],
    own: Mapping[str, tuple[str, Body]],
) -> None:
    spec, images = parse_model(model), images_of(dataset)
    if spec.training == OWN:
        file, body = own[model]
        return check_normalisation(f"{file}, key networks.{model}", body, sorted({1, images.channels}))
    training = trainings.get(spec.training, {})
    for problem in (
        *_network_problems(spec, images, width),
        *_start_problems(spec, training, dataset, width),
        *_training_problems(training, images),
        *_stream_problems(training, dataset),
    ):
        raise LacunaError(f"{where}: {problem}")
    return None


def _network_problems(spec: ModelSpec, images: Images, width: Fraction) -> Iterator[str]:
    smallest = PACKAGED[spec.arch].smallest if spec.arch in PACKAGED else SMALLEST_SIDE.get(spec.arch, 1)
    if images.side < smallest:
        yield f"{spec.arch} takes no images of {images.side} x {images.side}; allowed: at least {smallest} x {smallest}"
    for place, keep in spec.keep:
        neurons = fewest_neurons(place, images.side, width * (1 + spec.wide))
        if place != "dc" and Fraction(keep) * neurons < 1:
            least = f"{ceil(10**6 / neurons) / 10**6:.6f}".rstrip("0")
            yield f"{place}{keep} leaves no neuron of a layer that has {neurons}; allowed: at least {least}"


def fewest_neurons(place: str, side: int, width: Fraction) -> int:
    """Neurons of the smallest layer that carries masks at a place; no architecture's smallest has more.

    ``sm`` has one mask for all channels, at the images' size or half of it. Of other places the smallest layer has
    64 channels at the images' size (bottom), or 512 at a quarter of it (top), or less; 16 in narrow networks.
    """
    if place == "sm":
        return side**2
    channels, halved = (512, 4) if place == "top" else (64, 1)
    return max(16, round(channels * width)) * ceil(side / halved) ** 2


def _start_problems(spec: ModelSpec, training: Body, dataset: Body, width: Fraction) -> Iterator[str]:
    """What published weights, and the published last layer, do not fit."""
    images, only = images_of(dataset), 1 if spec.arch in PACKAGED else width
    if "pretrained" in training and (images.channels != 3 or only != 1):
        here = f"not {images.channels} and {only}"
        yield f"trained weights fit 3 channels and width 1, {here}; allowed: pretrained: null in the scale's trainings"
    if "head" in training and images.classes != IMAGENET_CLASSES and "indices" not in dataset:
        allowed = "no key head, or the dataset's key indices, the place of each class among ImageNet's"
        yield f"the published last layer has {IMAGENET_CLASSES} classes, not {images.classes}; allowed: {allowed}"


def _training_problems(training: Body, images: Images) -> Iterator[str]:
    if (smoothing := training.get("label_smoothing", 0)) >= (limit := 1 - 1 / images.classes):
        yield f"label_smoothing {smoothing} leaves the true class no more than others; allowed: below {limit:.4g}"
    if (size := training.get("drop_block", {}).get("size", 1)) > images.side:
        yield f"drop_block.size {size} is more than the image's; allowed: at most {images.side}"
    attack = training.get("attack", {})
    takes = METHODS[attack["method"]].training if attack else None
    if takes and (refused := takes.refuse_images(attack, images)):
        yield f"attack.{refused[0]} {attack[refused[0]]} is not allowed; allowed: {refused[1]}"


def _stream_problems(training: Body, dataset: Body) -> Iterator[str]:
    attack = training.get("attack")
    if attack and METHODS[attack["method"]].foreground and is_streamed(dataset):
        why = "needs the foregrounds of all training images, which a dataset with source.stream has not"
        yield f"attack.method {attack['method']} {why}; allowed: a dataset without it"


def _check_defense(paper: Paper, where: str, defense: str, dataset: str) -> None:
    body = paper.parts["defenses"][defense]
    takes, arguments = ready_made(body), body.get("arguments", {})
    if takes and (refused := takes.refuse_images(arguments, images_of(paper.datasets[dataset]))):
        given = f"{refused[0]} {arguments[refused[0]]} is not allowed for the images of {dataset}"
        raise LacunaError(f"{where}: defense '{defense}': {given}; allowed: {refused[1]}")


def _check_source(paper: Paper, where: str, attack: str, source: str, trainings: Mapping[str, Body]) -> None:
    """Thermometer encoding has no gradient at the pixels, and LS-PGA takes nothing else."""
    method, members = paper.parts["attacks"][attack]["method"], Exhibits(paper.parts).members(source)
    encoded = [m for m in members if "thermometer" in trainings.get(parse_model(m).training, {})]
    if method == LEVELS and encoded != [source.partition(BEHIND)[0]]:
        needs = f"{method} needs a network with thermometer encoding"
        raise LacunaError(f"{where}: attack '{attack}' on {source}: {needs}; allowed for others: fgsm, pgd")
    followed = method_of(method)
    if encoded and followed.loss and followed is not OWN_METHOD and method != LEVELS:
        why = f"{encoded[0]} discretises its pixels, so that {method} finds no gradient"
        raise LacunaError(f"{where}: attack '{attack}' on {source}: {why}; allowed: {LEVELS}, square, boundary")
