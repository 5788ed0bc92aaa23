"""Notes stand below the exhibits that use what they are about, at every scale and after a change of any."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from asking import exhibit_settings
from hypothesis import given
from hypothesis import strategies as st
from noted import Facts, facts, meets, part
from refusing import DATASETS, DEFECTIVE, DEMO, put

from lacuna.config.load import load
from lacuna.language.attacks import attack_code
from lacuna.language.notes import NEEDS, Note, agrees
from lacuna.plan.notes import notes_of, refuse_dead_notes
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

ROOT = Path(__file__).parents[2]
SCALES = ("demo", "laptop", "paper")
CHOSEN = {"seed": 0, "mask_place": "released_code", "fold_batch_norm": False}
OWN = "config/scales/mine.yaml"
OF_ATTACKS = r"CW|boundary|Square|APGD|AdvDrop|step|queries"
NO_ATTACKS = ("masks", "diagram", "foregrounds", "rounding", "curves", "gradients")  # plots that show no attack
MASKS = "Masks: "  # how the sentence begins that says how the foreground is found
WORDS = {"an eighth": Fraction(1, 8), "a quarter": Fraction(1, 4)}
Exhibit = tuple[Any, str]


@cache
def plan_at(scale: str) -> Plan:
    return Plan(load(ROOT, CHOSEN | {"scale": scale}))


def exhibits(plan: Plan) -> list[Exhibit]:
    return [*(("table", name) for name in plan.lookup.tables), *(("figure", name) for name in plan.lookup.figures)]


def shown(plan: Plan) -> dict[Exhibit, list[str]]:
    return {exhibit: notes_of(plan.known, *exhibit) for exhibit in exhibits(plan)}


def read(entries: Any) -> list[tuple[str, Any]]:
    """Sentences with their needs."""
    return [(one, {}) if isinstance(one, str) else (one["note"], one.get("needs", {})) for one in entries]


def written(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def declared(plan: Plan, exhibit: Exhibit, used: Facts) -> list[tuple[str, Any]]:
    """The notes that may stand below an exhibit, as the files have them: its table's, its paper's, the scale's, ..."""
    kind, name = exhibit
    paper, body = (plan.lookup.tables if kind == "table" else plan.lookup.figures)[name]
    content, table = written(f"config/papers/{paper}.yaml"), name if kind == "table" else body.get("table")
    notes = read(content["tables"][table].get("notes", [])) if table else []
    notes += read(content.get("notes", [])) + read(written(f"config/scales/{plan.config.scale}.yaml").get("notes", []))
    datasets = written(DATASETS)
    return notes + [note for dataset in used["dataset"] for note in read(datasets[dataset].get("notes", []))]


def every_note() -> list[tuple[str, Any]]:
    """Every note of the repository's configuration."""
    papers = [written(f"config/papers/{path.name}") for path in (ROOT / "config/papers").glob("*.yaml")]
    bodies = [*papers, *(table for content in papers for table in content["tables"].values())]
    bodies += [*written(DATASETS).values(), *(written(f"config/scales/{scale}.yaml") for scale in SCALES)]
    return [note for body in bodies for note in read(body.get("notes", []))]


@pytest.mark.parametrize("scale", SCALES)
def test_exactly_the_notes_stand_whose_needs_are_met(scale: str) -> None:
    plan = plan_at(scale)
    for exhibit, sentences in shown(plan).items():
        used = facts(plan, *exhibit)
        wanted = [sentence for sentence, needs in declared(plan, exhibit, used) if meets(needs, used)]
        assert sorted(one for one in sentences if not one.startswith(MASKS)) == sorted(wanted), exhibit
        assert exhibit_settings(plan, *exhibit).get("notes", []) == sentences


@pytest.mark.parametrize("scale", SCALES)
def test_what_looks_at_a_foreground_says_how_it_is_found_and_names_the_model_of_the_salience_term(scale: str) -> None:
    plan, words = plan_at(scale), {"spectral_residual": "spectral residual", "deepgaze": "DeepGaze IIE"}
    found = {"nonzero": "pixels above 0", "folder": "files in data/segment6/masks", "grabcut": "GrabCut"}
    for exhibit, sentences in shown(plan).items():
        used = facts(plan, *exhibit)
        said = [one for one in sentences if one.startswith(MASKS)]
        kinds, datasets = used["foreground"].keys(), [plan.config.datasets[name] for name in used["dataset"]]
        assert len(said) == len(kinds), exhibit
        salient = any(body.get("weight") for bodies in used["attack"].values() for body in bodies)
        terms = {words[one["foreground"]["saliency"]["kind"]] for one in datasets if salient and "foreground" in one}
        for kind, sentence in zip(kinds, said, strict=True):
            assert found.get(kind, "above the midrange of its log density") in sentence
            assert any(f"; salience term: {term}." in sentence for term in terms) is salient


def test_every_note_stands_below_an_exhibit() -> None:
    every = {scale: {one for notes in shown(plan_at(scale)).values() for one in notes} for scale in SCALES}
    found = {scale: {one for one in notes if not one.startswith(MASKS)} for scale, notes in every.items()}
    assert {sentence for sentence, _ in every_note()} == set.union(*found.values())
    for scale in ("demo", "laptop"):
        assert {sentence for sentence, _ in read(written(f"config/scales/{scale}.yaml")["notes"])} <= found[scale]
        refuse_dead_notes(plan_at(scale).known)


@pytest.mark.parametrize("scale", SCALES)
def test_what_shows_no_attack_has_no_sentence_on_one(scale: str) -> None:
    plan = plan_at(scale)
    plots = {name: body["plot"] for name, (_, body) in plan.lookup.figures.items()}
    assert set(NO_ATTACKS) <= {*plots.values()}
    for name in (name for name, plot in plots.items() if plot in NO_ATTACKS):
        sentences = notes_of(plan.known, "figure", name)
        assert not [sentence for sentence in sentences if re.search(OF_ATTACKS, sentence)], name
    for name, (_, body) in plan.lookup.tables.items():
        if not {cell.attack for cell in plan.lookup.cells(name)} - {"none"}:
            needs = [need for note, need in every_note() if note in notes_of(plan.known, "table", name)]
            assert not [need for need in needs if {"attack", "method"} & need.keys()], body["title"]


def test_a_figure_shows_less_than_the_table_of_its_name_or_its_cells() -> None:
    demo, laptop = plan_at("demo"), plan_at("laptop")
    cells, drawn = (
        " ".join(notes_of(demo.known, *one)) for one in (("table", "table12"), ("figure", "defective-figure5"))
    )
    assert "CW" in cells
    assert "CW" not in drawn, "it shows PGD alone"
    rows, examples = (" ".join(notes_of(laptop.known, kind, "dual-figure2")) for kind in ("table", "figure"))  # type: ignore[arg-type]
    assert "budgets of adversarial training grow" in rows
    assert "budgets of adversarial training grow" not in examples, "they are made on the clean network"


def test_a_tables_own_notes_stand_below_figures_of_its_cells_and_no_other_of_its_name(project: Project) -> None:
    tables = ("dual-figure2", "dual-figure4")
    for name in tables:
        project.edit("config/papers/dual.yaml", put(f"tables.{name}.notes", ["On these cells."]))
    notes = {exhibit for exhibit, sentences in shown(Plan(project.load())).items() if "On these cells." in sentences}
    assert notes == {*(("table", name) for name in tables), ("figure", "dual-figure4")}


# A change of the configuration -------------------------------------------------------------------------------------


def test_another_dataset_for_any_role_takes_the_notes_of_the_old_one_away(project: Project) -> None:
    old, new = "fashion-mnist-subset", "elsewhere"
    mine, theirs = "These are garments.", "These are elsewhere."

    def second(content: Any) -> None:
        content[old]["notes"].append(mine)
        foreground = {**content[old]["foreground"], "masks": content["cifar10"]["foreground"]["masks"]}
        content[new] = {**content[old], "notes": [theirs], "foreground": foreground}

    project.edit(DATASETS, second)
    project.edit(DEMO, lambda content: content["recipes"].update({new: content["recipes"][old]}))
    before = Plan(project.load())
    first, of_old = shown(before), {note for note, _ in read(written(DATASETS)[old]["notes"])} | {mine}
    roles = [role for role, dataset in before.config.settings["datasets"].items() if dataset == old]
    assert len(roles) > 5
    for role in roles:
        project.edit(DEMO, put(f"datasets.{role}", new))
        plan = Plan(project.load())
        for exhibit, sentences in shown(plan).items():
            played = {plan.config.settings["datasets"][one] for one in facts(plan, *exhibit)["role"]}
            assert (mine in sentences, theirs in sentences) == (old in played, new in played), (role, exhibit)
            if played == {new}:
                assert not of_old & {*sentences}
                kept = [one for one in first[exhibit] if one not in of_old and not one.startswith(MASKS)]
                assert [one for one in sentences if one in kept] == kept, "what is not about the dataset stays"
            elif new not in played:
                assert sentences == first[exhibit]
        project.edit(DEMO, put(f"datasets.{role}", old))


def own(project: Project, **content: Any) -> dict[Exhibit, list[str]]:
    (project.root / OWN).write_text(yaml.safe_dump(content))
    plan = Plan(project.load(scale="mine"))
    refuse_dead_notes(plan.known)
    return shown(plan)


def said(notes: dict[Exhibit, list[str]]) -> str:
    return " ".join(sentence for sentences in notes.values() for sentence in sentences)


@pytest.mark.parametrize("width", ["1/4", "1/7", "1"])
def test_a_scale_with_another_width_says_nothing_of_the_old_one(project: Project, width: str) -> None:
    assert re.search("an eighth|8 channels", said(shown(plan_at("demo"))))
    text = said(own(project, extends="demo", width=width))
    assert not re.search("an eighth|a quarter|8 channels", text)
    assert "boundary attack takes fewer steps" in text, "what is still true is inherited"
    assert "eighth" in said(own(project, extends="demo", width="2/16")), "it is the same number"


def test_a_scale_adds_its_notes_to_those_that_it_takes_over(project: Project) -> None:
    note = {"note": "A sentence of mine.", "needs": {"training": ["standard"]}}
    notes = own(project, extends="demo", notes=[note])
    first = shown(plan_at("demo"))
    assert {*notes["table", "table3"]} == {*first["table", "table3"], note["note"]}
    assert notes["table", "dual-figure4"] == first["table", "dual-figure4"]


def test_networks_that_start_from_published_weights_are_not_said_to_start_from_scratch(project: Project) -> None:
    assert "trained from scratch" in said(shown(plan_at("laptop")))
    weights = {"pretrained": "IMAGENET1K_V1"}
    trainings = {
        **dict.fromkeys(written("config/papers/dual.yaml")["trainings"], weights),
        "v1": {**weights, "head": "kept"},
    }
    notes = own(project, extends="laptop", width="1", trainings=trainings)
    assert "from scratch" not in said(notes)
    some = own(project, extends="laptop", width="1", trainings={"atpgd": weights})
    assert "from scratch" not in " ".join(some["table", "dual-figure4"]), "not all of its networks do"
    assert "from scratch" in " ".join(some["figure", "dual-figure2"]), "its network does"


@pytest.mark.parametrize(("steps", "fewer"), [(1, True), (24_999, True), (25_000, False), (90_000, False)])
def test_fewer_steps_are_said_where_they_are_fewer(project: Project, steps: int, fewer: bool) -> None:
    notes = own(project, extends="demo", attacks={"boundary": {"budget": {"steps": steps}}})
    assert ("The boundary attack takes fewer steps" in " ".join(notes["table", "table4"])) is fewer


def test_a_stand_in_is_called_so_only_where_it_stands(project: Project) -> None:
    assert "stand-in for Stylized-ImageNet" in said(shown(plan_at("demo")))
    stylised = written("config/scales/paper.yaml")["attacks"]["stylised"]
    text = said(own(project, extends="laptop", attacks={"stylised": stylised, "stylised_sure": stylised}))
    assert "Stylized-ImageNet" not in text
    deepgaze = written("config/scales/paper.yaml")["foreground"]
    assert "stands in for DeepGaze" not in said(own(project, extends="laptop", foreground=deepgaze))


# Of the user's own -------------------------------------------------------------------------------------------------


def test_metrics_and_plots_of_ones_own_have_the_notes_of_what_they_show(project: Project) -> None:
    line = {"metric": "mine:kept", "model": "resnet18-bottom0.1-standard-s1m1"}
    attacked = {"column": "kept", "suite": "boundary", "source": "self", **line}
    table = {
        "title": "Mine", "dataset": "cifar10", "columns": [attacked], "rows": [{"row": "a"}],
        "notes": ["Mine.", {"note": "Of the boundary attack.", "needs": {"attack": ["boundary"]}}],
    }  # fmt: skip
    clean = {**table, "columns": [{"column": "kept", **line}], "notes": ["Mine, on clean images."]}
    figures = {"mine": {"title": "Mine", "plot": "mine:bars", "table": "mine"}}
    content = {"paper": "ours", "title": "Ours", "notes": ["Ours."], "tables": {"mine": table, "clean": clean}}
    (project.root / "ours.yaml").write_text(yaml.safe_dump({**content, "figures": figures}))
    plan = Plan(project.load(papers=["ours.yaml"]))
    refuse_dead_notes(plan.known)
    of_masks = [note for note, needs in every_note() if "bottom0.1" in needs.get("mask", [])]
    below = notes_of(plan.known, "table", "mine")
    assert below[:3] == ["Mine.", "Of the boundary attack.", "Ours."]
    assert {*of_masks} <= {*below}
    assert notes_of(plan.known, "figure", "mine") == below
    assert notes_of(plan.known, "table", "clean")[:2] == ["Mine, on clean images.", "Ours."]


def test_networks_of_ones_own_have_no_width_masks_or_training(project: Project) -> None:
    network = {"factory": "mine:build", "checkpoint": "mine.pt"}
    cells = {"columns": [{"column": "Acc", "metric": "test_accuracy"}], "rows": [{"row": "a", "model": "own-mine"}]}
    table = {"title": "Mine", "dataset": "cifar10", **cells}
    content = {"paper": "ours", "title": "Ours", "networks": {"own-mine": network}, "tables": {"mine": table}}
    (project.root / "ours.yaml").write_text(yaml.safe_dump(content))
    assert notes_of(Plan(project.load(papers=["ours.yaml"])).known, "table", "mine") == []


# Sentences ---------------------------------------------------------------------------------------------------------


def test_numbers_in_sentences_are_those_of_their_needs() -> None:
    for sentence, needs in every_note():
        width = Fraction(str(needs["width"])) if "width" in needs else None
        assert [share for words, share in WORDS.items() if words in sentence] in ([], [width]), sentence
        if match := re.search(r"probability ([\d.]+) leave ([\d.]+) % .* with (\d+) channels", sentence):
            keep, share, channels = float(match[1]), match[2], int(match[3])
            assert width is not None
            assert width * 64 == channels
            assert f"{100 * (1 - keep) ** channels:.1g}" == f"{float(share):.1g}"
            assert abs(100 * (1 - keep) ** channels - float(share)) < 0.1
            printed = 100 * (1 - keep) ** 64
            assert ("none with the printed 64" in sentence) == (printed < 0.001)
            assert {re.sub("[a-z]*", "", mask) for mask in needs["mask"]} == {match[1]}


def test_limits_in_sentences_are_those_of_their_needs_and_of_the_scale_paper() -> None:
    paper, met = plan_at("paper"), 0
    for sentence, needs in every_note():
        numbers = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", sentence)}
        for name, keys in needs.get("attack", {}).items() if isinstance(needs.get("attack"), dict) else ():
            for key, limit in ((key, value["below"]) for key, value in keys.items() if isinstance(value, dict)):
                assert {budget[key] for budget in part(paper, "attacks", name)["budgets"]} == {limit}, name
                assert limit in numbers, sentence
                met += 1
    assert met > 10


def test_codes_in_sentences_are_those_of_the_attacks() -> None:
    demo = plan_at("demo")
    found = [
        (code, needs) for sentence, needs in every_note() for code in re.findall(r"\(([a-z]+_\w[\w.]*)\)", sentence)
    ]
    assert len(found) == 2
    for code, needs in found:
        for body in (part(demo, "attacks", name) for name in needs["attack"]):
            assert [attack_code(body["method"], budget) for budget in body["budgets"]] == [code]


def test_the_softmax_in_a_sentence_is_that_of_the_selection() -> None:
    content = written(DEFECTIVE)
    assert f"softmax of {content['selections']['transformed_sure']['confidence']} " in str(content["tables"])


# Needs -------------------------------------------------------------------------------------------------------------

NAMES = st.sets(st.sampled_from("abc"), min_size=1)
STEPS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), min_size=1)


@given(NAMES, STEPS, st.integers(0, 3))
def test_a_need_is_met_by_one_of_its_names_and_by_no_other_number(
    names: set[str], used: dict[str, int], n: int
) -> None:
    have = {kind: {} for kind in NEEDS} | {"attack": {name: [{"steps": steps}] for name, steps in used.items()}}
    both = [used[name] for name in names & used.keys()]
    assert Note("x", {"attack": [*names]}).stands(have) is bool(both)
    assert Note("x", {"attack": {name: {"steps": n} for name in names}}).stands(have) is (bool(both) and {*both} == {n})
    fewer = Note("x", {"attack": {name: {"steps": {"below": n}} for name in names}})
    assert fewer.stands(have) is (bool(both) and max(both) < n)
    assert not Note("x", {"attack": [*names], "role": ["a"]}).stands(have)
    assert Note("x").stands(have)


@pytest.mark.parametrize(
    ("stated", "found", "met"),
    [
        ("1/8", "2/16", True), ("1/8", 0.125, True), ("1/8", "1/4", False), (None, None, True), (None, 0, False),
        (True, True, True), (True, 1.5, False), ({"below": 1}, "1/8", True), ({"below": "1/8"}, "1/8", False),
        ({"below": 3}, None, False), ({"below": 3}, "many", False), ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1}}, {"a": 1}, False), ({"a": None}, {"b": 1}, True), ("kept", "kept", True), ("1/0", "1/0", True),
    ],
)  # fmt: skip
def test_values_agree_as_numbers_or_as_they_are_written(stated: Any, found: Any, met: bool) -> None:
    assert agrees(stated, found) is met
