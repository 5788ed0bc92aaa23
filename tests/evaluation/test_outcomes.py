"""Predictions, and outcomes joined by image id."""

from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from lacuna.evaluation.outcomes import OUTCOME_COLUMNS, adversarial_outcomes, clean_outcomes, join_outcomes
from lacuna.evaluation.predictions import PART, Answers, Predictions, clean_answers, predict
from lacuna.files.states import Resumable
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model

torch.set_num_threads(1)


def network(arch: str, seed: int) -> nn.Module:
    zero, one = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    how = {"width": Fraction(1, 16), "mask_place": "released_code", "seed": seed, "mean": zero, "std": one}
    return build_model(parse_model(f"{arch}-bottom0.5-standard-s0m1"), (3, 16, 16), 10, **how)


def images(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_predictions_do_not_depend_on_the_batch_size(arch: str) -> None:
    model, x = network(arch, 0), images(23, 0)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        model(images(32, 1).float() / 255)  # a batch's statistics, so that signals reach the end
    whole = predict(model, x, 100)
    assert len(whole.unique()) > 1
    assert whole.shape == (23,)
    assert whole.dtype == torch.int64
    assert torch.equal(whole, model.eval()(x.float() / 255).argmax(1))
    for batch in (1, 5, 22, 23):
        assert torch.equal(predict(model, x, batch), whole)


def test_predicting_uses_evaluation_mode_and_changes_nothing() -> None:
    model, x = network("resnet18", 1).train(), images(9, 2)
    before, copy = {name: t.clone() for name, t in model.state_dict().items()}, x.clone()
    first = predict(model, x, 4)
    assert torch.equal(first, model.eval()(x.float() / 255).argmax(1))
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert torch.equal(x, copy)
    assert not first.requires_grad


def adversarial_set(seed: int, tests: int = 50, chosen: int = 20) -> dict[str, Tensor]:
    """An adversarial set's tensors in a random order of images."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randint(0, 10, (4, chosen), generator=generator)
    ids = torch.randperm(tests, generator=generator)[:chosen]
    names = ("label", "source_clean", "source_flat", "pgd_e16_a1_t20.source_adversarial")
    valid, distance, saved = torch.rand(3, chosen, generator=generator)
    measured = {"pgd_e16_a1_t20.valid": valid > 0.3, "pgd_e16_a1_t20.distance": distance}
    measured["pgd_e16_a1_t20.distance_8bit"] = saved
    return {"image": ids, **dict(zip(names, draw, strict=True)), **measured}


@pytest.mark.parametrize("seed", range(5))
def test_outcomes_are_joined_to_clean_predictions_by_id(seed: int) -> None:
    tensors, generator = adversarial_set(seed), torch.Generator().manual_seed(seed + 100)
    clean, seen = torch.randint(0, 10, (50,), generator=generator), torch.randint(0, 10, (20,), generator=generator)
    frame = adversarial_outcomes("pgd_e16_a1_t20", "source", tensors, clean, seen)
    assert list(frame.columns) == OUTCOME_COLUMNS
    for i, row in enumerate(frame.itertuples(index=False)):
        assert (row.attack, row.source) == ("pgd_e16_a1_t20", "source")
        assert row.image == tensors["image"][i]
        assert row.clean == clean[row.image]
        assert row.adversarial == seen[i]
        assert row.label == tensors["label"][i]
        assert row.source_clean == tensors["source_clean"][i]
        assert row.source_flat == tensors["source_flat"][i]
        assert row.source_adversarial == tensors["pgd_e16_a1_t20.source_adversarial"][i]
        assert row.valid == tensors["pgd_e16_a1_t20.valid"][i]
        assert row.distance == tensors["pgd_e16_a1_t20.distance"][i]
        assert row.distance_8bit == tensors["pgd_e16_a1_t20.distance_8bit"][i]
    assert frame.dtypes[["valid", "distance", "distance_8bit"]].tolist() == [bool, "float32", "float32"]


def of_all(classes: Tensor) -> Answers:
    """What a target says about every clean image, without a certificate."""
    return Answers(torch.arange(len(classes)), classes, torch.full((len(classes),), torch.nan))


class Certifier(nn.Module):
    """Says the first pixel, certified up to half of it, and remembers how many images it was asked about."""

    asked = 0

    def decide(self, images: Tensor) -> Tensor:
        return self.certify(images)[0]

    def certify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.asked += len(images)
        return images[:, 0, 0, 0].long(), images[:, 0, 0, 0].double() / 2


def test_a_target_that_certifies_is_asked_about_attacked_images_only(tmp_path: Path) -> None:
    images = torch.arange(20, dtype=torch.uint8).view(20, 1, 1, 1)
    attacked, target = [torch.tensor([7, 3]), torch.tensor([3, 11])], Certifier()
    clean = clean_answers(
        Predictions(target, 5, Resumable(tmp_path / "state", "digest"), lambda line: None), images, attacked
    )
    assert target.asked == 3
    frame = join_outcomes([clean_outcomes(torch.arange(20), clean)])
    assert frame["image"].tolist() == frame["clean"].tolist() == [3, 7, 11]
    assert frame["radius"].tolist() == [1.5, 3.5, 5.5]
    assert clean.classes[[0, 3]].tolist() == [-1, 3]


class StoppedError(Exception):
    """A kill in the middle of a set."""


class Mortal(Certifier):
    """Is stopped when it is asked about one image more than it may be."""

    def __init__(self, allowed: int) -> None:
        super().__init__()
        self.allowed = allowed

    def certify(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if self.asked + len(images) > self.allowed:
            raise StoppedError
        return super().certify(images)


@pytest.mark.parametrize("certified", [False, True])
def test_a_killed_certification_goes_on_within_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certified: bool
) -> None:
    monkeypatch.setattr(Resumable, "due", lambda state: True)
    images = torch.arange(35, dtype=torch.uint8).view(35, 1, 1, 1)
    whole = Certifier().certify(images)[: 1 + certified]

    def ask(target: Certifier) -> tuple[Tensor, ...]:
        predictions = Predictions(target, 5, Resumable(tmp_path / "state", "digest"), lambda line: None)
        return predictions.certify("set", images) if certified else (predictions.predict("set", images),)

    with pytest.raises(StoppedError):
        ask(Mortal(allowed=2 * PART + 3))
    second = Mortal(allowed=35 - 2 * PART)
    assert all(torch.equal(*pair) for pair in zip(ask(second), whole, strict=True))
    assert second.asked == second.allowed


@pytest.mark.parametrize("said", [(), ("wanted",), ("unrounded", "wanted", "relaxed", "hard")])
def test_what_an_attack_says_besides_has_columns_of_its_own(said: tuple[str, ...]) -> None:
    tensors, clean = adversarial_set(0), torch.arange(50) % 10
    extras = {name: torch.arange(20) + 100 * i for i, name in enumerate(said)}
    tensors |= {f"pgd_e16_a1_t20.{name}": tensor for name, tensor in extras.items()}
    frame = adversarial_outcomes("pgd_e16_a1_t20", "source", tensors, clean, torch.zeros(20, dtype=torch.int64))
    whole = join_outcomes([clean_outcomes(clean, of_all(clean)), frame])
    assert list(whole.columns) == OUTCOME_COLUMNS
    for name in ("unrounded", "wanted", "relaxed", "hard"):
        assert whole[name].dtype == "int64"
        assert whole[name][:50].tolist() == [-1] * 50
        assert whole[name][50:].tolist() == (extras[name].tolist() if name in said else [-1] * 20)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_an_adversarial_set_does_not_matter(seed: int) -> None:
    tensors, clean = adversarial_set(seed), torch.arange(50) % 10
    seen = torch.arange(20) % 7
    order = torch.randperm(20, generator=torch.Generator().manual_seed(seed))
    shuffled = {name: tensor[order] for name, tensor in tensors.items()}
    frames = [
        adversarial_outcomes("pgd_e16_a1_t20", "s", *arguments)
        for arguments in ((tensors, clean, seen), (shuffled, clean, seen[order]))
    ]
    first, second = (frame.sort_values("image", ignore_index=True) for frame in frames)
    assert first.equals(second)


def test_clean_outcomes_have_one_line_per_image_and_no_source() -> None:
    labels, clean = torch.tensor([3, 1, 2]), torch.tensor([3, 0, 2])
    frame = clean_outcomes(labels, of_all(clean))
    assert frame["image"].tolist() == [0, 1, 2]
    assert frame["label"].tolist() == [3, 1, 2]
    assert frame["clean"].tolist() == frame["adversarial"].tolist() == [3, 0, 2]
    assert set(frame["attack"]) == {"none"}
    assert set(frame["source"]) == {""}
    assert set(frame["source_clean"]) == set(frame["source_adversarial"]) == {-1}
    assert frame["valid"].all()
    assert (frame["distance"] == 0).all()
    assert frame.dtypes[["valid", "distance", "distance_8bit"]].tolist() == [bool, "float32", "float32"]


def test_joined_outcomes_keep_every_line_in_the_documented_columns() -> None:
    clean = clean_outcomes(torch.arange(50) % 10, of_all(torch.arange(50) % 9))
    attacked = [
        adversarial_outcomes("pgd_e16_a1_t20", source, adversarial_set(i), torch.arange(50) % 9, torch.arange(20) % 3)
        for i, source in enumerate(("a", "b"))
    ]
    whole = join_outcomes([clean[sorted(clean.columns)], *attacked])
    assert list(whole.columns) == OUTCOME_COLUMNS
    assert len(whole) == 90
    assert isinstance(whole["source"].dtype, pd.CategoricalDtype)
    for source, frame in (("", clean), ("a", attacked[0]), ("b", attacked[1])):
        lines = whole[whole["source"] == source].astype({"attack": object, "source": object}).reset_index(drop=True)
        assert lines.fillna(-9).to_dict("list") == frame[OUTCOME_COLUMNS].fillna(-9).to_dict("list")
