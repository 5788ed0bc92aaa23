"""Every mistake in config/ is refused before anything runs, in one sentence: the file, the key, what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from pandas._libs.parsers import STR_NA_VALUES
from refusing import (
    BUDGET,
    CONFIG,
    DATASETS,
    DEFECTIVE,
    DEMO,
    LAPTOP,
    PAPER,
    Change,
    again,
    drop,
    put,
    refusal,
    rename,
    sibling,
)

from lacuna.config.schema import whole_schema
from lacuna.config.tables import MISSING
from lacuna.language.models import GRAMMAR, KNOWN_NETWORKS

if TYPE_CHECKING:
    from projects import Project

RECIPE = "recipes.fashion-mnist-subset"
TABLE = "tables.table3"
FRACTION = "a fraction of the pixel range"


@pytest.fixture
def project(table3: Project) -> Project:
    """Table 3 alone, where an edit breaks nothing else."""
    return table3


def scale_of(file: str) -> dict[str, str]:
    """The choice under which a file is read."""
    return {"scale": file.split("/")[-1].removesuffix(".yaml")} if "scales" in file else {}


def test_every_schema_is_a_json_schema(root: Path) -> None:
    schemas = sorted((root / "workflow/schemas").glob("*.schema.yaml"))
    assert len(schemas) >= 5
    for path in schemas:
        Draft202012Validator.check_schema(whole_schema(path.name.removesuffix(".schema.yaml"), path.read_text()))


# A key that is not known. The columns: file, place of the right key, the key as mistyped.
TYPOS = [
    (CONFIG, "seed", "sede"),
    (CONFIG, "mask_place", "maskplace"),
    (DEMO, "width", "widht"),
    (DEMO, "datasets.mnist", "mnits"),
    (DEMO, f"{RECIPE}.learning_rate", "learningrate"),
    (DEMO, f"{RECIPE}.epochs", "epoch"),
    (DEMO, f"{RECIPE}.schedule.warmup", "warmpu"),
    (DEMO, f"{RECIPE}.augmentation.flip", "flips"),
    (DEMO, "throughput.vgg19", "vgg91"),
    (LAPTOP, "recipes", "recipe"),
    (LAPTOP, "recipes.mnist.momentum", "momentun"),
    (PAPER, "images", "image"),
    (PAPER, "recipes.cifar10.schedule.milestones", "milestone"),
    (DATASETS, "cifar10.classes", "clases"),
    (DATASETS, "fashion-mnist-subset.source.sha256", "sha265"),
    (DATASETS, "mnist.normalisation.mean", "maen"),
    (DEFECTIVE, "suites", "suits"),
    (DEFECTIVE, "selections.transfer.rule", "rules"),
    (DEFECTIVE, "attacks.pgd16.method", "metod"),
    (DEFECTIVE, f"{BUDGET}.epsilon", "epsilom"),
    (DEFECTIVE, "suites.pgd16.sources", "source"),
    (DEFECTIVE, f"{TABLE}.dataset", "data_set"),
    (DEFECTIVE, f"{TABLE}.columns[0].metric", "metrics"),
    (DEFECTIVE, f"{TABLE}.rows[2].model", "mdoel"),
    (DEFECTIVE, "figures.defective-table3.plot", "plott"),
]


@pytest.mark.parametrize(("file", "place", "typo"), TYPOS, ids=[f"{f}:{t}" for f, _, t in TYPOS])
def test_a_mistyped_key_is_named_with_the_key_that_was_meant(
    project: Project, file: str, place: str, typo: str
) -> None:
    project.edit(file, rename(place, typo))
    path, _, right = place.rpartition(".")
    sentence = refusal(project, **scale_of(file))
    assert sentence.startswith(file)
    assert f"key {path}{'.' * bool(path)}{typo} is not known (did you mean '{right}'?); allowed: " in sentence
    assert right in sentence.split("allowed: ")[1].split(", ")


def test_a_mistyped_dataset_is_named_where_a_scale_asks_for_it(project: Project) -> None:
    project.edit(DATASETS, rename("fashion-mnist-subset", "fashion-mnist-subste"))
    sentence = refusal(project)
    assert f"{DEMO}, key datasets.cifar10: 'fashion-mnist-subset'" in sentence
    assert "allowed: cifar10, fashion-mnist, fashion-mnist-subste, imagenet, imagenet10, mnist" in sentence


@pytest.mark.parametrize(
    ("chosen", "allowed"),
    [
        ({"scale": "dmeo"}, "allowed: demo, laptop, paper"),
        ({"scale": 3}, "allowed: name of a file in config/scales"),
        ({"seed": -1}, "allowed: an integer of at least 0"),
        ({"seed": "1"}, "allowed: an integer of at least 0"),
        ({"seed": True}, "allowed: an integer of at least 0"),
        ({"seed": 0.5}, "allowed: an integer of at least 0"),
        ({"seed": 1.0}, "allowed: an integer of at least 0"),  # would seed other draws than 1
        ({"seed": None}, "allowed: an integer of at least 0"),
        ({"mask_place": "nosuch"}, "allowed: released_code, paper"),
    ],
    ids=str,
)
def test_an_impossible_choice_is_refused(project: Project, chosen: dict[str, Any], allowed: str) -> None:
    sentence = refusal(project, **chosen)
    assert sentence.startswith(f"config/config.yaml or --config, key {next(iter(chosen))}: ")
    assert allowed in sentence


ROW = f"{TABLE}.rows[1].model"
MODELS = [
    ("resnet19-standard-s1", f"unknown architecture 'resnet19'; allowed: {', '.join(KNOWN_NETWORKS)}"),
    ("resnet18-nosuch-s1", "unknown training 'nosuch'; allowed: standard"),
    ("resnet18-bottom0-standard-s1m1", "'0' must be a decimal in (0, 1]"),
    ("resnet18-bottom0.0-standard-s1m1", "'0.0' must be a decimal in (0, 1]"),
    ("resnet18-bottom-0.5-standard-s1m1", GRAMMAR),
    ("resnet18-bottom1.5-standard-s1m1", "'1.5' must be a decimal in (0, 1]"),
    ("resnet18-bottom0.50-standard-s1m1", "without trailing zeros"),
    ("resnet18-bottom.5-standard-s1m1", "must be a decimal in (0, 1]"),
    ("resnet18-bottom0.5-standard-s1", "a mask seed (m<number>) is required"),
    ("resnet18-standard-s1m1", "a mask seed needs neuron masks"),
    ("resnet18-dc0.5-standard-s1m1", "a mask seed needs neuron masks"),
    ("resnet18-top0.5-bottom0.5-standard-s1m1", "allowed: bottom, top, bottom with top, nostem, dc, sm"),
    ("vgg19x2-standard-s1", "resnet18 only"),
    ("resnet18-standard-s01", "write it as 'resnet18-standard-s1'"),
    ("ResNet18-standard-s1", GRAMMAR),
    ("resnet18-standard", GRAMMAR),
]


@pytest.mark.parametrize(("name", "words"), MODELS, ids=[name for name, _ in MODELS])
def test_an_impossible_model_is_refused_with_its_row(project: Project, name: str, words: str) -> None:
    project.edit(DEFECTIVE, put(ROW, name))
    sentence = refusal(project)
    assert sentence.startswith(f"{DEFECTIVE}, key {ROW}: model '{name}'")
    assert words in sentence


MULTISTEP = {"name": "multistep", "milestones": [1, 2], "factor": 0.1}
FALLING = MULTISTEP | {"milestones": [2, 1]}
EPSILON, STEP = f"{BUDGET}.epsilon", f"{BUDGET}.step"
NORMALISATION = "cifar10.normalisation"
# An impossible value. The columns: file, what is changed, the key that the sentence names, what it says is allowed.
VALUES: list[tuple[str, Change, str, str]] = [
    # budgets of attacks
    (DEFECTIVE, put(EPSILON, "0/255"), EPSILON, "above 0"),
    (DEFECTIVE, put(EPSILON, "-16/255"), EPSILON, FRACTION),
    (DEFECTIVE, put(EPSILON, "256/255"), EPSILON, FRACTION),
    (DEFECTIVE, put(EPSILON, 0.0627), EPSILON, FRACTION),
    (DEFECTIVE, put(EPSILON, "16/0"), EPSILON, FRACTION),
    (DEFECTIVE, put(EPSILON, "16 / 255"), EPSILON, FRACTION),
    (DEFECTIVE, put(STEP, "0.0"), STEP, "above 0"),
    (DEFECTIVE, put(STEP, "1/255\n"), STEP, FRACTION),
    (DEFECTIVE, drop(f"{BUDGET}.steps"), BUDGET, "pgd takes epsilon, step, steps"),
    (DEFECTIVE, put("attacks.pgd16.method", "fgsm"), BUDGET, "fgsm takes epsilon"),
    (DEFECTIVE, put(f"{BUDGET}.steps", 0), f"{BUDGET}.steps", "an integer of at least 1"),
    (DEFECTIVE, put("attacks.pgd16.budgets", []), "attacks.pgd16.budgets", "at least one budget"),
    # names that must exist
    (DEFECTIVE, put("attacks.pgd16.method", "nosuch"), "attacks.pgd16.method", "fgsm, pgd"),
    (DEFECTIVE, put("attacks.pgd16.selection", "nosuch"), "attacks.pgd16.selection", "transfer"),
    (DEFECTIVE, put("suites.pgd16.attacks[0]", "nosuch"), "suites.pgd16.attacks[0]", "pgd16"),
    (DEFECTIVE, put(f"{TABLE}.columns[0].suite", "nosuch"), f"{TABLE}.columns[0].suite", "pgd16"),
    (DEFECTIVE, put(f"{TABLE}.columns[0].metric", "nosuch"), f"{TABLE}.columns[0].metric", "defense_rate"),
    (
        DEFECTIVE,
        put(f"{TABLE}.columns[1].attack", "pgd_e8"),
        f"{TABLE}.columns[1].attack",
        "allowed: pgd16, pgd_e16_a1_t20",
    ),
    (DEFECTIVE, put(f"{TABLE}.dataset", "nosuch"), f"{TABLE}.dataset", "cifar10, imagenet, imagenet10, mnist"),
    (DEFECTIVE, put("figures.defective-table3.table", "nosuch"), "figures.defective-table3.table", "table3"),
    (DEFECTIVE, put("figures.defective-table3.plot", "nosuch"), "figures.defective-table3.plot", "heatmap"),
    (DEFECTIVE, put("paper", "dual"), "paper", "allowed: defective"),
    (DEFECTIVE, put("selections.transfer.rule", "nosuch"), "selections.transfer", "right_on_all_sources"),
    (DEFECTIVE, sibling("suites.pgd16", "clean"), "suites.clean", "any other name"),
    (DEFECTIVE, sibling(TABLE, "Table 3"), "tables", "lower-case letters, digits and -"),
    (DEMO, put("datasets.cifar10", "nosuch"), "datasets.cifar10", "fashion-mnist-subset"),
    (DEMO, sibling(RECIPE, "nosuch"), "recipes", "fashion-mnist-subset"),
    (DEMO, put(f"{RECIPE}.epochs_of.resnet81", 2), f"{RECIPE}.epochs_of", ", ".join(KNOWN_NETWORKS)),
    (DATASETS, put("mnist.source.kind", "nosuch"), "mnist.source", "embedded"),
    # which networks meet
    (DEFECTIVE, put(f"{TABLE}.rows[12].model", "vgg19-standard-s0"), f"{TABLE}.columns[4].source", "another network"),
    (DEFECTIVE, put("suites.pgd16.sources[0]", "vgg19-standard-s7"), f"{TABLE}.columns[0].source", "vgg19-standard-s7"),
    (DEFECTIVE, drop("suites.pgd16.sources[0]"), f"{TABLE}.columns[0].source", "resnet50-standard-s0"),
    (DEFECTIVE, put("selections.transfer.sources[0]", "x"), "selections.transfer.sources[0]", GRAMMAR),
    (DEFECTIVE, again("suites.pgd16.sources[0]"), "suites.pgd16.sources", "none twice"),
    (DEFECTIVE, again(f"{TABLE}.rows[4]"), f"{TABLE}.rows", "once"),
    (DEFECTIVE, again(f"{TABLE}.columns[4]"), f"{TABLE}.columns", "once"),
    (DEFECTIVE, put(f"{TABLE}.rows", []), f"{TABLE}.rows", "at least one row"),
    (DEFECTIVE, drop(f"{TABLE}.columns[0].source"), f"{TABLE}.columns[0].source", "needs suite and source"),
    (DEFECTIVE, put(f"{TABLE}.columns[5].suite", "pgd16"), f"{TABLE}.columns[5].suite", "takes none"),
    # sizes, recipes and costs of a scale
    (DEMO, put("images.transfer", 2001), "images.transfer", "at most 2000, the test images of fashion-mnist-subset"),
    (DEMO, put("images.transfer", 0), "images.transfer", "at least 1"),
    (DEMO, put("width", 0.125), "width", "a fraction above 0"),
    (DEMO, put("width", "0"), "width", "a fraction above 0"),
    (DEMO, put(f"{RECIPE}.learning_rate", -0.1), f"{RECIPE}.learning_rate", "a number above 0"),
    (DEMO, put(f"{RECIPE}.learning_rate", float("nan")), f"{RECIPE}.learning_rate", "a number above 0"),
    (DEMO, put(f"{RECIPE}.momentum", 1), f"{RECIPE}.momentum", "[0, 1)"),
    (DEMO, put(f"{RECIPE}.batch_size", 1), f"{RECIPE}.batch_size", "at least 2"),
    (DEMO, put(f"{RECIPE}.epochs", 4.0), f"{RECIPE}.epochs", "an integer from 1 to 100000"),  # no count of epochs
    (DEMO, put(f"{RECIPE}.schedule.name", "nosuch"), f"{RECIPE}.schedule", "multistep"),
    (DEMO, put(f"{RECIPE}.schedule", MULTISTEP | {"warmup": 0.3}), f"{RECIPE}.schedule", "onecycle with warmup"),
    (DEMO, put(f"{RECIPE}.schedule", FALLING), f"{RECIPE}.schedule.milestones", "rising"),
    (DEMO, put(f"{RECIPE}.augmentation.flip", "sometimes"), f"{RECIPE}.augmentation.flip", "true or false"),
    # datasets
    (DATASETS, put("cifar10.image", [3, 32, 30]), "cifar10.image", "a square"),
    (DATASETS, put("cifar10.test", 0), "cifar10.test", "at least 1"),
    (DATASETS, put(f"{NORMALISATION}.kind", "nosuch"), f"{NORMALISATION}.kind", "channel, pixel_mean"),
    (DATASETS, put(f"{NORMALISATION}.mean", [0.5]), f"{NORMALISATION}.mean", "one number above 0 per channel"),
    (DATASETS, put("mnist.source.name", "nosuch"), "mnist.source.name", "CIFAR10, MNIST"),
    (DATASETS, put("imagenet.classes", 1), "imagenet.classes", "at least two names, each a text; or how many"),
]


@pytest.mark.parametrize(
    ("file", "change", "key", "allowed"), VALUES, ids=[f"{i}-{key}" for i, (_, _, key, _) in enumerate(VALUES)]
)
def test_an_impossible_value_is_refused_with_what_is_allowed(
    project: Project, file: str, change: Change, key: str, allowed: str
) -> None:
    project.edit(file, change)
    sentence = refusal(project)
    assert sentence.startswith(file)
    _, found, after = sentence.partition(f"key {key}")
    assert found, sentence
    assert allowed in after


def test_mean_without_std_is_refused_in_words_of_the_file(project: Project) -> None:
    project.edit(DATASETS, drop(f"{NORMALISATION}.std"))
    sentence = refusal(project)
    assert f"key {NORMALISATION}" in sentence
    assert "std" in sentence.split("allowed: " if "allowed: " in sentence else "required: ")[1]
    assert "dependentRequired" not in sentence


def test_two_budgets_of_one_code_are_refused(project: Project) -> None:
    same = {"epsilon": "32/510", "step": "1/255", "steps": 20}  # 16/255 once more: it would replace the first
    project.edit(DEFECTIVE, lambda content: content["attacks"]["pgd16"]["budgets"].append(same))
    project.edit(DEFECTIVE, lambda c: [x.update(attack="pgd_e16_a1_t20") for x in c["tables"]["table3"]["columns"][:5]])
    sentence = refusal(project)
    assert f"{DEFECTIVE}, key attacks.pgd16.budgets" in sentence
    assert "pgd_e16_a1_t20" in sentence


def test_one_exhibit_in_two_papers_is_refused_with_both_files(project: Project) -> None:
    text = (project.root / DEFECTIVE).read_text().replace("paper: defective", "paper: dual")
    (project.root / "config/papers/dual.yaml").write_text(text)
    sentence = refusal(project)
    assert "config/papers/dual.yaml: tables.table3 is also defined in config/papers/defective.yaml" in sentence


TWICE = [(CONFIG, "seed"), (DATASETS, "mnist"), (DEMO, "width"), (DEFECTIVE, "title")]


@pytest.mark.parametrize(("file", "key"), TWICE, ids=[file for file, _ in TWICE])
def test_a_key_written_twice_is_named(project: Project, file: str, key: str) -> None:
    project.rewrite(file, lambda text: f"{text}\n{key}: 1\n")
    assert refusal(project).startswith(f"{file}: key '{key}' is written twice")


def test_a_nested_key_written_twice_is_named_with_its_line(project: Project) -> None:
    project.rewrite(DEMO, lambda text: text.replace("    momentum: 0.9\n", "    momentum: 0.9\n    momentum: 0.8\n"))
    assert refusal(project).startswith(f"{DEMO}: key 'momentum' is written twice, line ")


@pytest.mark.parametrize("file", [DATASETS, DEMO, DEFECTIVE])
@pytest.mark.parametrize("rubbish", ["x: [1, 2", "x: a: b", "\tx: 1", "x: *nothing", "x: !!python/object:os.x 1"])
def test_text_that_is_no_yaml_is_refused_with_its_line(project: Project, file: str, rubbish: str) -> None:
    project.rewrite(file, lambda text: f"{text}\n{rubbish}\n")
    sentence = refusal(project)
    assert sentence.startswith(f"{file}, line ")
    assert "not valid YAML" in sentence


@pytest.mark.parametrize("file", [DATASETS, DEMO, DEFECTIVE])
def test_a_control_character_is_refused_with_its_file(project: Project, file: str) -> None:
    project.rewrite(file, lambda text: text + "# \x00\n")
    assert refusal(project).startswith(file)


@pytest.mark.parametrize("key", ["1", "null", "true", "1.5"])
def test_a_key_that_is_no_text_is_refused(project: Project, key: str) -> None:
    project.rewrite(DEMO, lambda text: text + f"\n{key}: 1\nzzz: 1\n")
    sentence = refusal(project)
    assert sentence.startswith(DEMO)
    assert sentence.endswith("is not a text; put it in quotes")


@pytest.mark.parametrize("file", [DATASETS, DEMO, DEFECTIVE])
@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "42\n"])
def test_a_file_without_keys_is_refused(project: Project, file: str, text: str) -> None:
    project.rewrite(file, lambda _: text)
    assert refusal(project).startswith(file)


def test_a_text_too_long_for_a_sentence_is_refused_in_one(project: Project) -> None:
    project.edit(DEFECTIVE, lambda content: content["tables"]["table3"].update(title="x" * 5000))
    assert len(refusal(project)) < 200


def test_a_row_of_ones_own_needs_one_line(project: Project) -> None:
    row = {"row": "0.1-Bottom", "model": "resnet18-bottom0.1-standard-s1m1"}
    project.edit(DEFECTIVE, lambda content: content["tables"]["table3"]["rows"].append(row))
    assert project.load().papers["defective"]["tables"]["table3"]["rows"][-1] == row


def test_names_that_pandas_reads_as_missing_are_known() -> None:
    assert {*STR_NA_VALUES} == MISSING | {""}
