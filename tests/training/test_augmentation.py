"""Crops that are scaled and lighting, as on ImageNet: torchvision's function, their statistics, where they apply."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from test_training import KilledError, Killer, network, problem, recipe, trained
from torch import Tensor
from varying import augment, augment_both

from lacuna.errors import LacunaError
from lacuna.files.states import Resumable
from lacuna.training.augmentation import COMPONENTS, DEVIATIONS, boxes, resized
from lacuna.training.loop import train

if TYPE_CHECKING:
    from projects import Project

torch.set_num_threads(1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int, side: int, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=seeded(seed))


def squares(count: int, side: int) -> tuple[Tensor, Tensor]:
    return torch.full((count,), side), torch.full((count,), side)


def asked(**how: Any) -> dict[str, Any]:
    return {"augmentation": {"flip": False} | how}


# Crops that are scaled ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "channels", "smallest"), [(224, 3, 0.08), (33, 1, 0.02), (64, 3, 0.6)])
def test_boxes_are_scaled_as_torchvision_scales_them(side: int, channels: int, smallest: float) -> None:
    from torchvision.transforms.v2.functional import resized_crop

    images, places = noise(12, side, channels), boxes(*squares(12, side), smallest, seeded(side))
    made = resized(images, places)
    assert (made.shape, made.dtype) == (images.shape, torch.uint8)
    theirs = [
        resized_crop(image.float(), top, left, height, width, [side, side], antialias=True)
        for image, (top, left, height, width) in zip(images, places.T.tolist(), strict=True)
    ]
    assert ((made.float() - torch.stack(theirs)).abs() <= 0.5 + 0.02).all()


@pytest.mark.parametrize("smallest", [0.08, 0.5, 1.0])
def test_boxes_are_drawn_as_torchvision_draws_them(smallest: float) -> None:
    from torchvision.transforms import RandomResizedCrop

    side, count = 97, 4000
    ours = boxes(*squares(count, side), smallest, seeded(2)).double()
    torch.manual_seed(3)
    image = torch.zeros(1, side, side)
    theirs = torch.tensor([RandomResizedCrop.get_params(image, [smallest, 1.0], [3 / 4, 4 / 3]) for _ in range(count)])
    for read in (area, shape, top, left):
        first, second = read(ours), read(theirs.double().T)
        steps = torch.cat([first, second]).unique()
        shares = [torch.searchsorted(values.sort()[0], steps, right=True) / count for values in (first, second)]
        assert (shares[0] - shares[1]).abs().max() < 1.95 * (2 / count) ** 0.5  # Kolmogorov and Smirnov, one in 1000


def area(places: Tensor) -> Tensor:
    return places[2] * places[3]


def shape(places: Tensor) -> Tensor:
    return (places[3] / places[2]).log()


def top(places: Tensor) -> Tensor:
    return places[0]


def left(places: Tensor) -> Tensor:
    return places[1]


@pytest.mark.parametrize(("side", "smallest"), [(224, 0.08), (7, 0.01), (50, 0.999)])
def test_boxes_lie_inside_and_have_the_area_and_the_ratio_that_are_asked(side: int, smallest: float) -> None:
    places = boxes(*squares(3000, side), smallest, seeded(1))
    assert (places[:2] >= 0).all()
    assert (places[2:] >= 1).all()
    assert (places[:2] + places[2:] <= side).all()
    rounded = (area(places) - smallest * side**2) >= -(places[2] + places[3]) / 2 - 1
    assert rounded.all()
    assert (shape(places.double()).abs() <= log(4 / 3) + 1 / places[2:].min(0).values).all()


def test_a_box_of_the_whole_image_is_the_image() -> None:
    images = noise(5, 40)
    whole = torch.tensor([[0], [0], [40], [40]]).expand(4, 5)
    assert torch.equal(resized(images, whole), images)


def test_a_box_shows_nothing_from_outside() -> None:
    images = torch.zeros(1, 3, 30, 30, dtype=torch.uint8)
    images[..., 10:20, 5:25] = 90
    inside = resized(images, torch.tensor([[10], [5], [10], [20]]))
    assert (inside == 90).all()


@pytest.mark.parametrize("how", [{"crop": 0.08}, {"crop": 0.3, "flip": True}, {"pad": 3, "lighting": 0.2}])
def test_masks_follow_their_images(how: dict[str, Any]) -> None:
    images = torch.full((20, 3, 48, 48), 100, dtype=torch.uint8)
    masks = torch.zeros(20, 48, 48, dtype=torch.bool)
    for i in range(20):
        masks[i, 8 + i : 30 + i, 12:40] = True
    images[:, 0] = torch.where(masks, 200, 100).to(torch.uint8)
    made, followed = augment_both(images, masks, asked(**how), seeded(4))
    assert followed is not None
    inside, outside = made[:, 0][followed].float(), made[:, 0][~followed].float()
    assert inside.min() >= 150 - 25
    assert outside.max() <= 150 + 25
    assert torch.equal(augment(images, asked(**how), seeded(4)), made)


# Lighting -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deviation", [0.1, 0.4])
def test_lighting_shifts_a_whole_image_along_imagenets_principal_colours(deviation: float) -> None:
    images = torch.full((6000, 3, 4, 4), 128, dtype=torch.uint8)
    shifts = augment(images, asked(pad=0, lighting=deviation), seeded(7)).double() - 128
    assert torch.equal(shifts, shifts[:, :, :1, :1].expand_as(shifts))
    found = shifts[:, :, 0, 0] / 255
    axes, spread = torch.tensor(COMPONENTS).double(), torch.tensor(DEVIATIONS).double() * deviation
    expected = axes @ torch.diag(spread**2) @ axes.T
    rounding = torch.eye(3) / 12 / 255**2
    torch.testing.assert_close(found.T.cov(), expected + rounding, rtol=0.08, atol=2e-6)
    assert (found.mean(0).abs() < 4 * found.std(0) / 6000**0.5).all()


def test_the_components_are_perpendicular_and_of_length_one() -> None:
    axes = torch.tensor(COMPONENTS).double()
    torch.testing.assert_close(axes.T @ axes, torch.eye(3).double(), atol=2e-3, rtol=0)


@pytest.mark.parametrize("level", [0, 255, 3])
def test_lighting_stays_within_eight_bits(level: int) -> None:
    images = torch.full((500, 3, 2, 2), level, dtype=torch.uint8)
    made = augment(images, asked(pad=0, lighting=1.0), seeded(8)).int()
    assert (made.float().mean(0) - level).abs().max() < 40  # nothing has gone round
    assert made.unique().numel() > 20


# When ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [{"crop": 0.08}, {"crop": 0.2, "flip": True, "lighting": 0.1}, {"pad": 0, "lighting": 0.5}]
)
def test_draws_are_a_function_of_the_generator_and_leave_the_images(how: dict[str, Any]) -> None:
    images = noise(16, 20)
    kept = images.clone()
    draws = [augment(images, asked(**how), seeded(seed)) for seed in (1, 1, 2)]
    assert torch.equal(images, kept)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert (
        len(
            {
                tuple(image.flatten().tolist())
                for image in augment(images[:1].expand(16, -1, -1, -1), asked(**how), seeded(1))
            }
        )
        == 16
    )


@pytest.mark.parametrize(("epochs", "plain"), [(4, 1), (3, 2), (5, 4)])
def test_the_last_epochs_see_the_images_as_they_are(
    epochs: int, plain: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = problem(40)
    seen: list[Tensor] = []

    def watch(model: Any, inputs: tuple[Tensor]) -> None:
        seen.append((inputs[0] * 255).round().to(torch.uint8))

    model = network("dropping")
    model.register_forward_pre_hook(watch)
    how = recipe(epochs=epochs, batch_size=40, augmentation={"crop": 0.3, "flip": True, "plain_epochs": plain})
    train(model, images, labels, how, name="x", seed=0, state=Resumable(tmp_path / "s", "d"), say=lambda _: None)
    known = {tuple(image.flatten().tolist()) for image in images}
    same = [sum(tuple(image.flatten().tolist()) in known for image in batch) for batch in seen]
    assert [count == 40 for count in same] == [False] * (epochs - plain) + [True] * plain


@pytest.mark.parametrize("epoch", [2, 3, 4])
def test_a_killed_training_with_crops_and_lighting_ends_with_the_same_bytes(epoch: int, tmp_path: Path) -> None:
    how = {"augmentation": {"crop": 0.2, "flip": True, "lighting": 0.3, "plain_epochs": 1}}
    with pytest.raises(KilledError):
        trained("dropping", tmp_path / "killed", Killer(f"epoch {epoch} of"), **how)
    again = trained("dropping", tmp_path / "killed", **how)
    assert again == trained("dropping", tmp_path / "undisturbed", **how)
    assert again != trained("dropping", tmp_path / "another", augmentation={"pad": 1, "flip": True})


# What cannot be -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "dataset", "change", "said"),
    [("demo", "fashion-mnist-subset", {"lighting": 0.1}, r"augmentation\.lighting: 0.1 .*not of 1 channels"),
     ("paper", "mnist", {"lighting": 0.3}, r"augmentation\.lighting.*red, green and blue"),
     ("paper", "imagenet", {"plain_epochs": 100}, r"augmentation\.plain_epochs: 100 .*below epochs \(100\)"),
     ("laptop", "cifar10", {"plain_epochs": 5}, r"plain_epochs: 5 .*below epochs \(5\)"),
     ("demo", "fashion-mnist-subset", {"plain_epochs": 2}, r"below epochs_of\.\w+ \(2\)"),
     ("paper", "imagenet", {"pad": 4}, r"augmentation.*pad or crop"),
     ("paper", "cifar10", {"crop": 0}, r"cifar10\.augmentation"),
     ("paper", "imagenet", {"crop": 1.5}, r"augmentation\.crop.*at most 1"),
     ("paper", "imagenet", {"lighting": -0.1}, r"augmentation\.lighting.*above 0")],
)  # fmt: skip
def test_what_no_training_can_do_is_refused(
    project: Project, scale: str, dataset: str, change: dict[str, Any], said: str
) -> None:
    project.edit(
        f"config/scales/{scale}.yaml", lambda content: content["recipes"][dataset]["augmentation"].update(change)
    )
    with pytest.raises(LacunaError, match=said):
        project.load(scale=scale)
