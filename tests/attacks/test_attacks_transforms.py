"""Sets made without a network: noise, shuffled patches, replaced texture."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from victims import images

from lacuna.attacks.core.draws import Draws
from lacuna.attacks.gaussian import gaussian
from lacuna.attacks.shuffle import shuffle
from lacuna.attacks.stylised import stylise
from lacuna.data.sources import load_splits
from lacuna.errors import LacunaError

torch.set_num_threads(1)
Transform = Callable[..., Tensor]
CASES: list[tuple[Transform, dict[str, Any]]] = [
    (gaussian, {"sigma": 0.1}),
    (shuffle, {"k": 2}),
    (shuffle, {"k": 3, "pad": True}),
    (stylise, {}),
]


def made(transform: Transform, x: Tensor, ids: Tensor, seed: int = 7, **budget: Any) -> Tensor:
    return transform(None, x, torch.zeros(len(x), dtype=torch.int64), **budget, draws=Draws(seed, tuple(ids.tolist())))


@pytest.mark.parametrize(("transform", "budget"), CASES)
def test_a_result_belongs_to_its_image_id_whatever_the_batch(transform: Transform, budget: dict[str, Any]) -> None:
    x, ids = images(0, 12).float(), torch.arange(100, 112)
    whole, order = made(transform, x, ids, **budget), torch.randperm(12, generator=torch.Generator().manual_seed(0))
    before = x.clone()
    for size in (1, 5):
        parts = [made(transform, x[i], ids[i], **budget) for i in order.split(size)]
        assert torch.equal(torch.cat(parts), whole[order])
    assert torch.equal(x, before)
    assert whole.shape == x.shape
    assert whole.dtype == x.dtype
    assert whole.min() >= 0
    assert whole.max() <= 1
    assert not torch.equal(made(transform, x, ids + 100, **budget), whole)
    assert not torch.equal(made(transform, x, ids, seed=8, **budget), whole)


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.25])
def test_noise_is_normal_with_its_tails_set_to_two_sigma(sigma: float) -> None:
    grey = torch.full((200, 1, 16, 16), 0.5, dtype=torch.float64)
    noise = (made(gaussian, grey, torch.arange(200), sigma=sigma) - 0.5).flatten() / sigma
    assert noise.abs().max() == pytest.approx(2)
    tails = noise.abs() > 2 - 1e-9
    assert tails.double().mean().item() == pytest.approx(0.0455, abs=0.003)  # P(|z| > 2)
    inner = noise[~tails]
    for z, share in ((0.5, 0.6915), (1.0, 0.8413), (1.5, 0.9332)):
        assert (noise < z).double().mean().item() == pytest.approx(share, abs=0.005)
    assert abs(inner.mean()) < 0.01
    first, second = noise.view(200, 256)[:, :-1].flatten(), noise.view(200, 256)[:, 1:].flatten()
    assert abs(np.corrcoef(first.numpy(), second.numpy())[0, 1]) < 0.01  # each value its own draw
    assert made(gaussian, grey.zero_(), torch.arange(200), sigma=sigma).min() == 0


def slow_shuffle(image: np.ndarray, k: int, order: list[int]) -> np.ndarray:
    """The patch at place i, row by row, is the one that was at order[i]."""
    height, width = image.shape[1] // k, image.shape[2] // k
    result = np.zeros_like(image)
    for place, taken in enumerate(order):
        (r, c), (s, d) = divmod(place, k), divmod(taken, k)
        patch = image[:, s * height : (s + 1) * height, d * width : (d + 1) * width]
        result[:, r * height : (r + 1) * height, c * width : (c + 1) * width] = patch
    return result


@pytest.mark.parametrize(("k", "size"), [(2, (8, 8)), (4, (8, 12)), (4, (28, 28)), (7, (28, 28)), (8, (32, 32))])
def test_patches_are_moved_whole_and_alike_in_all_channels(k: int, size: tuple[int, int]) -> None:
    x, ids = torch.rand(5, 3, *size, generator=torch.Generator().manual_seed(k)), torch.arange(5)
    result = made(shuffle, x, ids, k=k)
    for i in range(5):
        generator = Draws(7, (i,)).generators("patches")[0]
        order = torch.randperm(k * k, generator=generator).tolist()
        assert np.array_equal(result[i].numpy(), slow_shuffle(x[i].numpy(), k, order))
        assert torch.equal(result[i].flatten().sort().values, x[i].flatten().sort().values)


def test_every_permutation_occurs_the_identity_too() -> None:
    x = torch.arange(4.0).view(1, 1, 2, 2).expand(600, 1, 2, 2)
    seen = {tuple(row) for row in made(shuffle, x, torch.arange(600), k=2).flatten(1).tolist()}
    assert len(seen) == 24


@pytest.mark.parametrize("k", [3, 8])
def test_sizes_without_equal_patches_need_padding(k: int) -> None:
    x, ids = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    with pytest.raises(LacunaError, match=f"28 x 28 have no {k} x {k} equal patches") as error:
        made(shuffle, x, ids, k=k)
    assert "\n" not in str(error.value)
    result, more = made(shuffle, x, ids, k=k, pad=True), -28 % k
    before, after = more // 2, more - more // 2
    for i in range(4):
        padded = np.pad(x[i].numpy(), ((0, 0), (before, after), (before, after)))
        order = torch.randperm(k * k, generator=Draws(7, (i,)).generators("patches")[0]).tolist()
        expected = slow_shuffle(padded, k, order)[:, before : before + 28, before : before + 28]
        assert np.array_equal(result[i].numpy(), expected)
    assert torch.equal(made(shuffle, x, ids, k=4, pad=True), made(shuffle, x, ids, k=4))


def test_stylised_images_keep_silhouettes_and_lose_texture(root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    monkeypatch.chdir(root)
    settings = yaml.safe_load((root / "config/datasets.yaml").read_text())["fashion-mnist-subset"]
    x = load_splits("fashion-mnist-subset", settings)["test"][0][:60].float() / 255
    result = made(stylise, x, torch.arange(60))
    garment, kept = x[:, 0] > 0.15, result[:, 0] > 0.05
    overlap = (garment & kept).sum((1, 2)) / (garment | kept).sum((1, 2))
    assert overlap.median() > 0.75

    def detail(images: Tensor) -> Tensor:
        """What a 3 x 3 mean leaves out, well inside the garment."""
        inside = -torch.nn.functional.max_pool2d(-garment[:, None].float(), 5, 1, 2) > 0
        return torch.where(inside, images - torch.nn.functional.avg_pool2d(images, 3, 1, 1), 0)

    def alike(first: Tensor, second: Tensor) -> float:
        norms = first.flatten(1).norm(dim=1) * second.flatten(1).norm(dim=1)
        return ((first * second).flatten(1).sum(1) / norms.clamp(min=1e-9)).abs().mean().item()

    assert alike(detail(x), detail(result)) < 0.2 < alike(detail(x), detail((x + 0.1).clamp(0, 1)))
    background = result[~torch.nn.functional.max_pool2d((x > 0).float(), 7, 1, 3).bool()]
    assert background.mean() < 0.03


def test_an_image_of_one_colour_stays_what_it_is() -> None:
    for level in (0.0, 1.0):
        x = torch.full((2, 3, 8, 8), level)
        assert torch.equal(made(stylise, x, torch.arange(2)), x)
