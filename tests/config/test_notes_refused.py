"""Notes that cannot be as they are written: one sentence with the file and the key, before the first job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from refusing import DATASETS, DEFECTIVE, DEMO, PAPER, put, refusal

from lacuna.errors import LacunaError
from lacuna.plan.notes import refuse_dead_notes
from lacuna.plan.plan import Plan

if TYPE_CHECKING:
    from projects import Project

PLACES = {
    DEMO: ("notes", "notes[0]"),
    DEFECTIVE: ("notes", "notes[0]"),
    f"{DEFECTIVE} table": ("tables.table3.notes", "tables.table3.notes[0]"),
    DATASETS: ("cifar10.notes", "cifar10.notes[0]"),
}
SENTENCE = "A sentence."


def noted(project: Project, place: str, note: Any) -> str:
    """Writes the only note of a place, and gives the key that a sentence on it must name."""
    key, first = PLACES.get(place, PLACES[DEMO])
    project.edit(place.split()[0], put(key, [note]))
    return f"{place.split()[0]}, key {first}"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"attacks": ["cw40"]}, ".attacks", "is not known (did you mean 'attack'?); allowed: attack, dataset, defense"),
    ({}, "", "is not allowed; allowed: what an exhibit must use"),
    ({"attack": ["cw41"]}, ".attack", "'cw41' is not known"),
    ({"attack": {"cw41": {"steps": 5}}}, ".attack", "'cw41' is not known"),
    ({"attack": []}, ".attack", "allowed: a list of attacks"),
    ({"attack": ["cw40", "cw40"]}, ".attack", "allowed: a list of attacks"),
    ({"attack": "cw40"}, ".attack", "allowed: a list of attacks, or these names with keys that each must have"),
    ({"attack": {"cw40": {}}}, ".attack.cw40", "allowed: keys with the values that they must have"),
    ({"attack": {"cw40": 50}}, ".attack.cw40", "allowed: keys with the values that they must have"),
    ({"attack": {"cw40": {"stpes": 5}}}, ".attack.cw40", "'stpes' is not known"),
    ({"attack": {"cw40": {"steps": {"below": "many"}}}}, ".attack.cw40.steps", "below takes a number"),
    ({"attack": {"cw40": {"steps": {"below": 5, "above": 1}}}}, ".attack.cw40.steps", "no other key stands beside it"),
    ({"training": ["clena"]}, ".training", "'clena' is not known"),
    ({"training": {"at": {"pretrianed": None}}}, ".training.at", "'pretrianed' is not known; allowed: attack, drop_"),
    ({"training": {"at": {"attack": {"wramup": 1}}}}, ".training.at.attack", "'wramup' is not known"),
    (
        {"defense": {"smooth25": {"smoothing": {"m": 1}}}},
        ".defense.smooth25.smoothing",
        "'m' is not known; allowed: al",
    ),
    ({"defense": ["jpeg94"]}, ".defense", "'jpeg94' is not known"),
    ({"dataset": ["cifar"]}, ".dataset", "'cifar' is not known; allowed: cifar10"),
    ({"role": ["cifar"]}, ".role", "'cifar' is not known; allowed: cifar10"),
    ({"role": {"cifar10": {}}}, ".role", "allowed: a list of roles of the papers"),
    ({"method": ["cw40"]}, ".method", "'cw40' is not known; allowed: advdrop"),
    (
        {"foreground": ["black"]},
        ".foreground",
        "'black' is not known; allowed: folder, grabcut, nonzero, onnx, saliency",
    ),
    ({"saliency": ["deepgase"]}, ".saliency", "'deepgase' is not known; allowed: centre_surround, deepgaze, spectral"),
    ({"width": "an eighth"}, ".width", "allowed: the scale's width, such as 1/8, or {below: 1}"),
    ({"width": {"above": 1}}, ".width.above", "is not known; allowed: below"),
    ({"width": {"below": "1/0"}}, ".width.below", "allowed: the scale's width, such as 1/8"),
]


@pytest.mark.parametrize("place", [DEMO, DATASETS])
@pytest.mark.parametrize(("needs", "key", "words"), REFUSED, ids=[str(needs) for needs, _, _ in REFUSED])
def test_a_need_of_what_does_not_exist_is_named(
    project: Project, place: str, needs: dict[str, Any], key: str, words: str
) -> None:
    where = noted(project, place, {"note": SENTENCE, "needs": needs})
    sentence = refusal(project)
    assert sentence.replace(": key ", ", key ").startswith(f"{where}.needs{key}")
    assert words in sentence


@pytest.mark.parametrize("place", [place for place in PLACES if place not in (DEMO, DATASETS)])
def test_needs_are_looked_up_wherever_a_note_stands(project: Project, place: str) -> None:
    where = noted(project, place, {"note": SENTENCE, "needs": {"attack": ["cw41"]}})
    assert refusal(project).startswith(f"{where}.needs.attack: 'cw41' is not known")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "note", ["", " \n", 3, None, [], {}, {"needs": {"width": "1/8"}}, {"note": " ", "needs": {"width": 1}}]
)
def test_a_note_needs_a_sentence(project: Project, place: str, note: Any) -> None:
    where = noted(project, place, note)
    sentence = refusal(project)
    assert sentence.replace(": key ", ", key ").startswith(where)
    assert "sentence" in sentence or " is missing; required: note" in sentence or "note and needs" in sentence


def test_a_note_of_a_scale_says_what_it_needs(project: Project) -> None:
    noted(project, DEMO, {"note": SENTENCE})
    assert refusal(project) == f"{DEMO}: key notes[0].needs is missing; required: note, needs"


@pytest.mark.parametrize("place", [place for place in PLACES if place != DEMO])
def test_elsewhere_a_sentence_suffices(project: Project, place: str) -> None:
    noted(project, place, SENTENCE)
    project.load()
    noted(project, place, {"note": SENTENCE})
    project.load()


def test_a_wrong_note_of_the_scale_that_is_extended_is_refused_too(project: Project) -> None:
    noted(project, DEMO, {"note": SENTENCE, "needs": {"attack": ["cw41"]}})
    (project.root / "config/scales/mine.yaml").write_text("extends: demo\n")
    assert "'cw41' is not known" in refusal(project, scale="mine")


# Notes that no exhibit can show -------------------------------------------------------------------------------------


def dead(project: Project, **chosen: Any) -> str:
    with pytest.raises(LacunaError) as error:
        refuse_dead_notes(Plan(project.load(**chosen)).known)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("place", "needs", "below"),
    [
        (PAPER, {"mask": ["bottom0.45"]}, ""),  # a scale with its own victims could have another network
        (PAPER, {"mask": ["dc0.5"]}, ""),  # a thin network has no masks
        (PAPER, {"attack": ["cw40"], "training": ["atdual"]}, ""),
        (DEFECTIVE, {"attack": ["dual_plain"]}, "of defective "),
        (f"{DEFECTIVE} table", {"attack": ["cw40"]}, "of table3 "),
        (f"{DEFECTIVE} table", {"role": ["mnist"]}, "of table3 "),
        (f"{DEFECTIVE} table", {"defense": {"jpeg75": {"arguments": {"quality": 75}}}}, "of table3 "),
        (DATASETS, {"attack": ["square", "dual_cw"], "role": ["mnist"]}, ""),
    ],
)
def test_a_note_that_no_exhibit_can_show_is_named(project: Project, place: str, needs: Any, below: str) -> None:
    where = noted(project, place, {"note": SENTENCE, "needs": needs})
    expected = f"{where}: no table or figure {below}uses all that the note needs; allowed: what one of them uses"
    assert dead(project, scale="paper" if place == PAPER else "demo") == expected


@pytest.mark.parametrize(
    "needs",
    [
        {"width": "1/3"},
        {"dataset": ["stl10"]},
        {"attack": {"cw40": {"steps": 7}}},
        {"method": ["folder"]},
        {"saliency": ["deepgaze"], "foreground": ["segmentation"]},
        {"training": {"clean": {"pretrained": "IMAGENET1K_V1"}}},
    ],
)
@pytest.mark.parametrize("place", [DEMO, DATASETS])
def test_a_note_that_another_scale_may_show_is_let_pass(project: Project, place: str, needs: Any) -> None:
    noted(project, place, {"note": SENTENCE, "needs": needs})
    refuse_dead_notes(Plan(project.load()).known)


def test_a_scale_with_another_victim_may_leave_a_training_out(project: Project) -> None:
    project.edit(DEMO, put("victims", {"advdrop": "resnet50-standard-s0"}))
    refuse_dead_notes(Plan(project.load()).known)


def test_a_note_below_an_exhibit_that_the_scale_lacks_is_passed_over(project: Project) -> None:
    project.edit(DEMO, lambda content: content["images"].pop("boundary"))
    config = project.load()
    assert ("tables", "table4") in config.incomplete
    refuse_dead_notes(Plan(config).known)
