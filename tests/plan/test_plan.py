"""What the workflow asks the plan: the cells, files and settings of Table 3, at every scale."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml
from asking import exhibit_inputs, exhibit_settings
from refusing import DATASETS, put

from lacuna.config.load import load
from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.numbers.cells import cell_identity
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

SCALES = {"demo": "fashion-mnist-subset", "laptop": "cifar10", "paper": "cifar10"}
CHOSEN = {"scale": "demo", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
SOURCES = [f"{arch}-standard-s0" for arch in ("resnet18", "resnet50", "densenet121", "senet18", "vgg19")]  # of Table 3
DEFECTIVE, DEMO = "config/papers/defective.yaml", "config/scales/demo.yaml"
DATASET = "fashion-mnist-subset"
MODEL = "resnet18-bottom0.5-standard-s1m1"


@pytest.fixture(params=SCALES)
def plan(request: pytest.FixtureRequest, root: Path) -> Plan:
    return Plan(load(root, CHOSEN | {"scale": request.param}))


def settings_of(plan: Plan) -> dict[str, str]:
    """Every settings text that Table 3 and its figure need, by what it is for."""
    dataset = plan.lookup.dataset_of("table3")
    targets = list(dict.fromkeys(cell.model for cell in plan.lookup.cells("table3")))
    return {
        "dataset": plan.stages["dataset"].canonical(dataset),
        **{f"train {model}": plan.stages["train"].canonical(dataset, model) for model in [*SOURCES, *targets]},
        "select": plan.stages["select"].canonical(dataset, "transfer"),
        **{f"attack {source}": plan.stages["attack"].canonical(dataset, "pgd16", source) for source in SOURCES},
        **{f"evaluate {model}": plan.stages["evaluate"].canonical(dataset, "pgd16", model) for model in targets},
        "cells": plan.stages["cells"].canonical(**plan.lookup.wildcards_of("table3")),
        "table": plan.stages["table"].canonical(**plan.lookup.wildcards_of("table3")),
        "figure": plan.stages["figure"].canonical(**plan.lookup.wildcards_of("defective-table3")),
    }


def changed(before: Plan, after: Plan) -> set[str]:
    """Stages whose settings differ."""
    old, new = settings_of(before), settings_of(after)
    assert old.keys() == new.keys()
    return {key.split()[0] for key in old if old[key] != new[key]}


CODES = ["row", "column", "target", "keep_prob", "variant", "source", "attack", "metric"]


@pytest.mark.parametrize("number", range(1, 17))
def test_the_cells_of_every_table_are_the_printed_ones_in_printed_order(number: int, root: Path) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": "paper"}))
    printed = pd.read_csv(
        root / exhibit_inputs(plan, "cells", f"table{number}")["printed"],
        dtype=str,
        keep_default_na=False,
    )
    printed = printed[printed["table"] == str(number)][CODES].drop_duplicates()  # Table 5 prints 0.5-Bottom twice
    settings = exhibit_settings(plan, "cells", f"table{number}")
    ours = pd.DataFrame([cell_identity(cell, settings["ensembles"]) for cell in settings["cells"]])[CODES]
    if number == 2:  # printed as "-"
        ours = ours[~(ours["row"].str.startswith("Thermometer") & (ours["column"] == "FGSM"))]
    if number == 8:  # the paper does not name the architecture
        ours["target"] = ""
    assert ours.to_numpy().tolist() == printed.to_numpy().tolist()


def test_the_demo_has_the_printed_rows_and_columns(root: Path) -> None:
    demo, paper = (Plan(load(root, CHOSEN | {"scale": scale})) for scale in ("demo", "paper"))
    assert demo.lookup.tables.keys() == paper.lookup.tables.keys()
    for table, (written_by, _) in demo.lookup.tables.items():
        if written_by == "advdrop":  # photographs that nobody labelled, and another victim
            continue
        left_out = {"dual, every image"}  # the demo's images all have an object
        assert [(c.row, c.column, c.model) for c in demo.lookup.cells(table)] == [
            (c.row, c.column, c.model) for c in paper.lookup.cells(table) if c.column not in left_out
        ]


def test_table_3_is_made_from_one_outcome_file_per_target(plan: Plan) -> None:
    paths = exhibit_inputs(plan, "cells", "table3")["outcomes"]
    assert len(paths) == len(set(paths)) == 15
    folder = f"results/{plan.config.scale}/{plan.lookup.dataset_of('table3')}/evaluate/pgd16"
    assert paths == [f"{folder}/{cell.model}.parquet" for cell in list(plan.lookup.cells("table3"))[::6]]


def test_table_3_needs_15_targets_and_5_sources_which_are_never_targets(plan: Plan) -> None:
    targets = {cell.model for cell in plan.lookup.cells("table3")}
    sources = {cell.source for cell in plan.lookup.cells("table3")} - {""}
    assert (len(targets), sources) == (15, set(SOURCES))
    assert len(targets | sources) == 20
    assert all(parse_model(source).seed == 0 for source in sources)
    assert all(parse_model(target).seed == 1 for target in targets)


def test_clean_cells_have_no_source_and_no_attack(plan: Plan) -> None:
    clean = [cell for cell in plan.lookup.cells("table3") if cell.metric == "test_accuracy"]
    assert len(clean) == 15
    assert {(cell.source, cell.attack) for cell in clean} == {("", "none")}


@pytest.mark.parametrize(("scale", "dataset"), SCALES.items())
def test_everything_made_lies_below_its_scale_and_dataset(root: Path, scale: str, dataset: str) -> None:
    plan = Plan(load(root, CHOSEN | {"scale": scale}))
    assert plan.lookup.dataset_of("table3") == plan.lookup.dataset_of("defective-table3") == dataset
    made = [
        *exhibit_inputs(plan, "cells", "table3")["outcomes"],
        *plan.stages["evaluate"].inputs(dataset, "pgd16", MODEL)["adversarial"],
        *plan.networks.checkpoints(dataset, MODEL),
        *plan.stages["select"].inputs(dataset, "transfer")["checkpoints"],
        *plan.published.table("table3"),
        *plan.published.figure("defective-table3"),
        *exhibit_inputs(plan, "figure", "defective-table3")["cells"],
        plan.stages["attack"].inputs(dataset, "pgd16", SOURCES[0])["selection"],
    ]
    assert all(path.startswith(f"results/{scale}/{dataset}/") for path in made)
    assert len(set(made)) == len(made) - 1  # the figure shows the published cells


def test_a_suite_is_one_adversarial_set_per_source(plan: Plan) -> None:
    dataset = plan.lookup.dataset_of("table3")
    folder = f"results/{plan.config.scale}/{dataset}/attack/pgd16"
    assert plan.stages["evaluate"].inputs(dataset, "pgd16", MODEL)["adversarial"] == [
        f"{folder}/{source}.safetensors" for source in SOURCES
    ]
    assert plan.stages["evaluate"].settings(dataset, "pgd16", MODEL)["sets"] == [
        {"attack": "pgd16", "source": source, "path": f"{folder}/{source}.safetensors"} for source in SOURCES
    ]


def test_the_suite_of_clean_images_needs_no_adversarial_set(plan: Plan) -> None:
    assert plan.stages["evaluate"].inputs(plan.lookup.dataset_of("table3"), "clean", MODEL)["adversarial"] == []


def test_settings_are_canonical_and_the_same_on_every_call(plan: Plan) -> None:
    first, second = settings_of(plan), settings_of(Plan(plan.config))
    assert first == second
    for text in first.values():
        assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_settings_do_not_depend_on_the_order_of_keys_in_a_file(project: Project) -> None:
    before = settings_of(Plan(project.load()))
    for name in (DEFECTIVE, DEMO, "config/datasets.yaml"):
        project.edit(name, lambda content: [content.update({key: content.pop(key)}) for key in reversed(list(content))])
    text = (project.root / DEFECTIVE).read_text()
    assert next(iter(yaml.safe_load(text))) == "figures"
    assert settings_of(Plan(project.load())) == before


def set_epsilon(content: Any) -> None:
    content["attacks"]["pgd16"]["budgets"][0]["epsilon"] = "8/255"


def set_width(content: Any) -> None:
    content["width"] = "1/4"


def set_images(content: Any) -> None:
    content["images"]["transfer"] = 100


def set_throughput(content: Any) -> None:
    content["throughput"]["vgg19"] = 1


def set_plot_title(content: Any) -> None:
    content["figures"]["defective-table3"]["title"] = "another"


NETWORK_STAGES = {"train", "select", "attack", "evaluate"}


@pytest.mark.parametrize(
    ("file", "change", "stages"),
    [
        (DEFECTIVE, set_epsilon, {"attack", "cells"}),
        (DEFECTIVE, set_plot_title, {"figure"}),
        (DEMO, set_images, {"select"}),
        (DEMO, set_width, {*NETWORK_STAGES, "table", "figure"}),  # below which a note states the width
        (DEMO, set_throughput, set()),
    ],
    ids=["epsilon", "plot title", "images", "width", "throughput"],
)
def test_a_change_touches_only_the_stages_that_depend_on_it(
    table3: Project, file: str, change: Callable[[Any], None], stages: set[str]
) -> None:
    before = Plan(table3.load())
    table3.edit(file, change)
    assert changed(before, Plan(table3.load())) == stages


@pytest.mark.parametrize("chosen", [{"seed": 1}, {"mask_place": "paper"}], ids=str)
def test_another_seed_or_mask_place_is_another_network(root: Path, chosen: dict[str, Any]) -> None:
    stages = changed(Plan(load(root, CHOSEN)), Plan(load(root, CHOSEN | chosen)))
    assert stages >= NETWORK_STAGES
    assert stages.isdisjoint({"dataset", "table", "figure"})


def test_precision_is_about_training_and_the_reference_leaves_no_trace(root: Path) -> None:
    plans = [Plan(load(root, CHOSEN | chosen)) for chosen in ({}, {"precision": "float32"}, {"precision": "bfloat16"})]
    assert changed(plans[0], plans[1]) == set()
    assert changed(plans[1], plans[2]) == {"train"}


def test_a_new_row_changes_nothing_but_the_cells(project: Project) -> None:
    row = {"row": "0.7-Bottom", "model": "resnet18-bottom0.7-standard-s1m1"}
    before = Plan(project.load())
    project.edit(DEFECTIVE, lambda content: content["tables"]["table3"]["rows"].append(row))
    after = Plan(project.load())
    old, new = settings_of(before), settings_of(after)
    assert {key for key in old if old[key] != new[key]} == {"cells"}
    assert new.keys() - old.keys() == {f"train {row['model']}", f"evaluate {row['model']}"}
    assert (
        exhibit_inputs(after, "cells", "table3")["outcomes"][:-1]
        == exhibit_inputs(before, "cells", "table3")["outcomes"]
    )


def test_the_attack_settings_hold_the_grid_and_the_source(plan: Plan) -> None:
    settings = plan.stages["attack"].settings(plan.lookup.dataset_of("table3"), "pgd16", SOURCES[0])
    assert settings["method"] == "pgd"
    assert settings["budgets"] == {"pgd_e16_a1_t20": {"epsilon": "16/255", "step": "1/255", "steps": 20}}
    assert settings["network"]["model"] == SOURCES[0]


def test_a_grid_of_budgets_is_one_attack_and_one_outcome_file(table3: Project) -> None:
    def change(content: Any) -> None:
        content["attacks"]["pgd16"]["budgets"].append({"epsilon": "32/255", "step": "1/255", "steps": 40})
        for i, column in enumerate(content["tables"]["table3"]["columns"][:5]):
            column["attack"] = ["pgd_e16_a1_t20", "pgd_e32_a1_t40"][i % 2]

    before = exhibit_inputs(Plan(table3.load()), "cells", "table3")["outcomes"]
    table3.edit(DEFECTIVE, change)
    plan = Plan(table3.load())
    assert [cell.attack for cell in plan.lookup.cells("table3")][:2] == ["pgd_e16_a1_t20", "pgd_e32_a1_t40"]
    assert exhibit_inputs(plan, "cells", "table3")["outcomes"] == before
    settings = plan.stages["attack"].settings(DATASET, "pgd16", SOURCES[0])
    assert sorted(settings["budgets"]) == ["pgd_e16_a1_t20", "pgd_e32_a1_t40"]


@pytest.mark.parametrize("role", ["standard-s0", "standard-s1", "bottom0.5-standard-s1m1", "bottom0.3-standard-s1m1"])
def test_epochs_are_those_of_the_architecture_in_every_role(project: Project, role: str) -> None:
    project.edit(DEMO, lambda content: content["recipes"][DATASET].update(epochs=9, epochs_of={"resnet50": 5}))
    plan = Plan(project.load())
    recipes = {a: plan.stages["train"].settings(DATASET, f"{a}-{role}")["recipe"] for a in ARCHITECTURES}
    assert {arch: recipe["epochs"] for arch, recipe in recipes.items()} == dict.fromkeys(ARCHITECTURES, 9) | {
        "resnet50": 5
    }
    assert not any("epochs_of" in recipe for recipe in recipes.values())


def test_reading_epochs_leaves_the_configuration_as_it_was(root: Path) -> None:
    plan = Plan(load(root, CHOSEN))
    first = plan.stages["train"].canonical(DATASET, "resnet50-standard-s1")
    assert plan.stages["train"].canonical(DATASET, "resnet50-standard-s1") == first
    assert "epochs_of" in plan.config.settings["recipes"][DATASET]


def test_training_settings_name_network_data_recipe_and_seed(plan: Plan) -> None:
    dataset = plan.lookup.dataset_of("table3")
    settings, data = plan.stages["train"].settings(dataset, MODEL), plan.config.datasets[dataset]
    assert (settings["model"], settings["seed"], settings["mask_place"]) == (MODEL, 0, "released_code")
    assert (settings["image"], settings["classes"]) == (data["image"], 10)
    assert settings["width"] == plan.config.settings["width"]
    assert set(settings["recipe"]) == set(plan.config.settings["recipes"][dataset]) - {"epochs_of"}


def test_one_selection_serves_all_sources_by_default(plan: Plan) -> None:
    dataset = plan.lookup.dataset_of("table3")
    path = plan.paths.of("select", "selection", dataset=dataset, selection="transfer")
    assert {plan.stages["attack"].inputs(dataset, "pgd16", source)["selection"] for source in SOURCES} == {path}
    checkpoints = [plan.paths.of("train", "checkpoint", dataset=dataset, model=source) for source in SOURCES]
    assert plan.stages["select"].inputs(dataset, "transfer")["checkpoints"] == checkpoints


def test_right_on_source_gives_every_source_a_selection_of_its_own(table3: Project) -> None:
    table3.edit(DEFECTIVE, lambda content: content["selections"].update(transfer={"rule": "right_on_source"}))
    plan = Plan(table3.load())
    for source in SOURCES:
        selection = f"transfer-{source}"
        assert plan.stages["attack"].inputs(DATASET, "pgd16", source)["selection"] == plan.paths.of(
            "select", "selection", dataset=DATASET, selection=selection
        )
        checkpoint = plan.paths.of("train", "checkpoint", dataset=DATASET, model=source)
        assert plan.stages["select"].inputs(DATASET, selection)["checkpoints"] == [checkpoint]
        settings = plan.stages["select"].settings(DATASET, selection)
        assert (settings["selection"], settings["images"]) == (selection, 500)
        assert [network["model"] for network in settings["networks"]] == [source]


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (lambda plan: plan.stages["evaluate"].inputs(DATASET, "pgd64", MODEL)["adversarial"], "suite 'pgd64'"),
        (lambda plan: plan.stages["attack"].canonical(DATASET, "pgd64", SOURCES[0]), "attack 'pgd64'"),
        (lambda plan: plan.stages["select"].inputs(DATASET, "nobody")["checkpoints"], "selection 'nobody'"),
    ],
    ids=["suite", "attack", "selection"],
)
def test_a_name_in_no_paper_is_refused(root: Path, ask: Callable[[Plan], object], kind: str) -> None:
    with pytest.raises(LacunaError, match=rf"^{kind} is in none of config/papers/\*\.yaml; allowed: "):
        ask(Plan(load(root, CHOSEN)))


@pytest.mark.parametrize(("said", "meant"), [("true", True), ("false", False), (True, True)])
def test_switches_may_be_written_as_in_yaml_on_the_command_line(root: Path, said: object, meant: bool) -> None:
    assert load(root, CHOSEN | {"fold_batch_norm": said}).fold_batch_norm is meant


def test_two_papers_cannot_define_one_suite(table3: Project) -> None:
    text = (table3.root / DEFECTIVE).read_text().replace("paper: defective", "paper: dual")
    text = text.replace("  table3:", "  dual-table3:").replace("table: table3", "table: dual-table3")
    (table3.root / "config/papers/dual.yaml").write_text(text.replace("  defective-table3:", "  dual-figure3:"))
    with pytest.raises(
        LacunaError, match=r"^config/papers/dual\.yaml: .* is also defined in config/papers/defective\.yaml; "
    ):
        table3.load()


@pytest.mark.parametrize(("configured", "own"), [(False, True), (True, False), (True, None)])
def test_an_attacks_own_word_on_folding_goes_before_the_configurations(
    table3: Project, configured: bool, own: bool | None
) -> None:
    if own is not None:
        own_word = {"pgd16": {"fold_batch_norm": own}}
        table3.edit("config/scales/demo.yaml", lambda content: content.setdefault("attacks", {}).update(own_word))
    plan = Plan(load(table3.root, CHOSEN | {"fold_batch_norm": configured}))
    settings = plan.stages["attack"].settings(DATASET, "pgd16", SOURCES[0])
    assert settings["fold_batch_norm"] is (configured if own is None else own)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_expected_seconds_follow_from_throughput_epochs_images_and_their_pixels(plan: Plan, arch: str) -> None:
    model = f"{arch}-bottom0.5-standard-s1m1"
    dataset = plan.lookup.role("mnist")  # 28 x 28 at every scale
    passes = plan.networks.epochs(dataset, model) * plan.config.datasets[dataset]["train"]
    expected = passes * (28 / 32) ** 2 / plan.config.settings["throughput"][arch]
    assert plan.networks.seconds(dataset, model) == pytest.approx(expected)


def test_networks_with_weights_of_torchvision_or_a_quarter_stem_see_images_a_quarter_as_wide(root: Path) -> None:
    plan = Plan(load(root, {"scale": "paper", "seed": 0, "mask_place": "released_code", "fold_batch_norm": False}))
    speed = plan.config.settings["throughput"]["resnet34"]
    quarter = pytest.approx((224 / 4 / 32) ** 2 / speed)
    assert plan.networks.pass_seconds("imagenet10", "resnet34-atdual-s0") == quarter
    assert plan.networks.pass_seconds("imagenet10", "resnet34-standard-s0") == quarter
    assert plan.networks.pass_seconds("cifar10", "resnet34-standard-s0") == pytest.approx(1 / speed)


def test_a_selection_that_no_paper_has_is_named_in_the_scale(table3: Project) -> None:
    table3.edit("config/scales/demo.yaml", lambda content: content["images"].update(transfre=5))
    with pytest.raises(LacunaError, match="key images: 'transfre' is not known; allowed: transfer"):
        table3.load()


def test_notes_of_a_table_its_paper_the_scale_and_its_dataset_stand_below_it_in_this_order(project: Project) -> None:
    dataset = DATASET
    places = {DEFECTIVE: "tables.defective-noise.notes", f"{DEFECTIVE} ": "notes", DATASETS: f"{dataset}.notes"}
    for file, place in places.items():
        project.edit(file.strip(), put(place, [f"Of {place}."]))
    project.edit(DEMO, put("notes", [{"note": "Of the scale.", "needs": {"attack": ["noise"]}}]))
    plan = Plan(project.load())
    paper, own = "Of notes.", f"Of {places[DEFECTIVE]}."
    wanted = [own, paper, "Of the scale.", f"Of {dataset}.notes."]
    assert exhibit_settings(plan, "table", "defective-noise")["notes"] == wanted
    assert exhibit_settings(plan, "figure", "defective-figure4")["notes"] == wanted
    assert exhibit_settings(plan, "figure", "defective-figure8")["notes"] == [paper, f"Of {dataset}.notes."]
    assert exhibit_settings(plan, "table", "table3")["notes"] == [paper, f"Of {dataset}.notes."]


def test_a_note_of_a_dataset_changes_no_image(project: Project) -> None:
    before = Plan(project.load()).stages["dataset"].canonical(dataset=DATASET)
    project.edit(DATASETS, put(f"{DATASET}.notes", ["Another sentence."]))
    plan = Plan(project.load())
    assert plan.stages["dataset"].canonical(dataset=DATASET) == before
    assert "Another sentence." not in "".join(one.settings for one in plan.inventory.artefacts())
