"""Which images an attack runs on."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.evaluation.predictions import predict, predict_sure
from lacuna.evaluation.selection import outside_limits, select_images


def guesses(seed: int, count: int = 400, networks: int = 4, classes: int = 10) -> tuple[Tensor, dict[str, Tensor]]:
    """Labels, and predictions of several networks that are each right on about 85 %."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (count,), generator=generator)
    predictions = {}
    for i in range(networks):
        wrong = torch.rand(count, generator=generator) < 0.15
        predictions[f"net{i}"] = torch.where(wrong, (labels + 1 + i) % classes, labels)
    return labels, predictions


@pytest.mark.parametrize("networks", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_selected_images_are_right_on_all_networks_and_carry_their_labels(seed: int, networks: int) -> None:
    labels, predictions = guesses(seed, networks=networks)
    chosen = select_images(labels, predictions, 100, "transfer", seed)
    assert list(chosen.columns) == ["image", "label"]
    assert chosen["image"].is_unique
    assert len(chosen) == 100
    for image, label in chosen.itertuples(index=False):
        assert label == labels[image]
        assert all(predicted[image] == label for predicted in predictions.values())


@pytest.mark.parametrize("seed", range(4))
def test_all_that_qualify_can_be_selected_and_fewer_are_the_first_of_them(seed: int) -> None:
    labels, predictions = guesses(seed)
    qualified = [i for i, label in enumerate(labels) if all(p[i] == label for p in predictions.values())]
    everything = select_images(labels, predictions, len(qualified), "transfer", seed)
    assert sorted(everything["image"]) == qualified
    some = select_images(labels, predictions, 57, "transfer", seed)
    assert some.equals(everything.head(57))


@pytest.mark.parametrize("seed", range(4))
def test_the_order_is_a_permutation_that_depends_on_seed_and_name_only(seed: int) -> None:
    labels, _ = guesses(seed)
    right = {"net": labels}
    order = select_images(labels, right, 400, "transfer", seed)["image"].tolist()
    assert sorted(order) == list(range(400))
    assert 0.4 < sum(a < b for a, b in pairwise(order)) / 399 < 0.6
    torch.manual_seed(seed + 1)
    assert select_images(labels, right, 400, "transfer", seed)["image"].tolist() == order
    for name, other in (("transfer-vgg19-standard-s0", seed), ("transfer", seed + 1)):
        assert select_images(labels, right, 400, name, other)["image"].tolist() != order


@pytest.mark.parametrize("seed", range(4))
def test_images_that_a_network_gets_wrong_leave_the_order_of_the_others_alone(seed: int) -> None:
    labels, predictions = guesses(seed)
    order = select_images(labels, {"net": labels}, 400, "transfer", seed)["image"].tolist()
    chosen = select_images(labels, predictions, 150, "transfer", seed)["image"].tolist()
    assert [image for image in order if image in set(chosen)] == chosen


@pytest.mark.parametrize(
    ("selection", "key"), [("transfer", "images.transfer"), ("clean-vgg19-standard-s0", "images.clean")]
)
def test_too_few_images_is_one_sentence_with_the_key_to_change(selection: str, key: str) -> None:
    labels, predictions = guesses(0)
    qualified = sum(all(p[i] == label for p in predictions.values()) for i, label in enumerate(labels))
    with pytest.raises(LacunaError) as error:
        select_images(labels, predictions, qualified + 1, selection, 0)
    message = str(error.value)
    assert "\n" not in message
    assert f"{key} of the scale" in message
    assert f"{qualified} of 400" in message
    assert f"{qualified + 1} are asked" in message
    assert selection in message
    assert all(name in message for name in predictions)


# Limits of the foreground ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"at_least": 0.01, "at_most": 0.99}, {"at_least": 0.3}, {"at_most": 0.6}])
def test_images_outside_the_limits_are_taken_for_no_network_and_the_order_of_others_stays(
    limits: dict[str, float],
) -> None:
    labels, predictions = guesses(3)
    share = torch.linspace(0, 1, len(labels))[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    left_out = outside_limits(share, limits)
    low, high = limits.get("at_least", 0), limits.get("at_most", 1)
    assert left_out.tolist() == [not low <= one <= high for one in share.tolist()]
    for networks in ({}, predictions):
        every = select_images(labels, networks, 400, "dual", 0, at_most=True)["image"].tolist()
        inside = select_images(labels, networks, 400, "dual", 0, at_most=True, left_out=left_out)["image"].tolist()
        assert inside == [image for image in every if not left_out[image]]
    with pytest.raises(LacunaError, match="0 of 400 test images have a foreground within its limits, 5 are asked"):
        select_images(labels, {}, 5, "dual", 0, at_most=True, left_out=torch.ones_like(left_out))


def test_shares_at_the_limits_are_inside() -> None:
    share = torch.tensor([0, 0.01, 0.5, 0.99, 1])
    assert outside_limits(share, {"at_least": 0.01, "at_most": 0.99}).tolist() == [True, False, False, False, True]


# Where networks must be sure ------------------------------------------------------------------------------------


class Said(nn.Module):
    """A network whose logits stand in the first row of an image's pixels, ten times as large."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x[:, 0, 0]


@pytest.mark.parametrize("least", [0.3, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("batch", [7, 500])
def test_answers_below_the_confidence_count_as_none(least: float, batch: int) -> None:
    images = torch.randint(0, 256, (300, 1, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    logits = 10 * images[:, 0, 0].double() / 255
    shares = logits.exp() / logits.exp().sum(1, keepdim=True)
    expected = torch.where(shares.amax(1) >= least, logits.argmax(1), -1)
    found = predict_sure(Said().train(), images, batch, least)
    assert torch.equal(found, expected)
    assert torch.equal(predict(Said(), images, batch)[found >= 0], found[found >= 0])


def test_the_number_of_images_is_the_largest_where_fewer_will_do() -> None:
    labels, predictions = guesses(1)
    qualified = sum(all(p[i] == label for p in predictions.values()) for i, label in enumerate(labels))
    every = select_images(labels, predictions, 400, "sure", 0, at_most=True)
    assert len(every) == qualified
    assert select_images(labels, predictions, 20, "sure", 0, at_most=True).equals(every.head(20))
    with pytest.raises(LacunaError, match=r"selection sure: 0 of 400 test images are right on net"):
        select_images(labels, {"net": torch.full_like(labels, -1)}, 20, "sure", 0, at_most=True)
