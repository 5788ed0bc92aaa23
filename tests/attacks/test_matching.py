"""Matched perturbations: the wanted size is met where it can be, direction stays, the rest is said not to be valid."""

import pytest
import torch
from torch import Tensor
from victims import draws

from lacuna.attacks.core import matching
from lacuna.attacks.core.matching import match_l2, match_ssim
from lacuna.evaluation.quality import similarity

torch.set_num_threads(1)
SHAPES = [(1, 28, 28), (3, 24, 24), (3, 16, 20)]


def pair(shape: tuple[int, int, int], seed: int, count: int = 8) -> tuple[Tensor, Tensor]:
    """Clean 8-bit images with pixels at both ends, and a signed perturbation of eight levels, clipped."""
    generator = torch.Generator().manual_seed(seed)
    clean = (torch.rand(count, *shape, generator=generator) * 1.4 - 0.2).clamp_(0, 1).mul_(255).round_().div_(255)
    signs = torch.randint(-1, 2, clean.shape, generator=generator)
    return clean, (clean + signs * 8 / 255).clamp(0, 1)


def distances(clean: Tensor, made: Tensor) -> Tensor:
    return (made - clean).double().square().mean((1, 2, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "seed"), [(shape, seed) for shape in SHAPES for seed in range(3)])
def test_the_wanted_distance_is_met_along_the_same_direction(
    shape: tuple[int, int, int], seed: int, dtype: torch.dtype
) -> None:
    clean, base = (images.to(dtype) for images in pair(shape, seed))
    wanted = torch.logspace(-6, -1.3, len(clean), dtype=torch.float64)
    before = base.clone()
    made = match_l2(clean, base, wanted)
    assert made.valid.all()
    assert (made.images.dtype, made.valid.dtype) == (dtype, torch.bool)
    torch.testing.assert_close(
        distances(clean, made.images), wanted, rtol=1e-4 if dtype == torch.float32 else 1e-8, atol=0
    )
    assert made.images.min() >= 0
    assert made.images.max() <= 1
    assert torch.equal(base, before)
    change, direction = made.images - clean, base - clean
    assert (change * direction >= 0).all()
    assert (change[direction == 0] == 0).all()
    free = (made.images > 0) & (made.images < 1) & (direction != 0)
    for i in range(len(clean)):
        ratios = (change[i] / direction[i])[free[i]]
        assert ratios.std() < 1e-3 * ratios.mean()
    again = match_l2(clean, made.images, distances(clean, base))
    assert ((distances(clean, again.images) / distances(clean, base) - 1).abs() < 1e-3)[again.valid].all()


def test_what_cannot_be_reached_is_the_clean_image_and_not_valid() -> None:
    clean, base = pair(SHAPES[0], 0)
    base[1] = clean[1]  # nothing to scale
    base[2:4] = clean[2:4]
    base[2, 0, 5, 5], base[3, 0, 5, 5] = 1 - clean[2, 0, 5, 5], 1 - clean[3, 0, 5, 5]  # one pixel
    wanted = torch.full((8,), 1e-4)
    wanted[2], wanted[3], wanted[4], wanted[5] = 0.002, 1e-5, 2.0, 0.0
    made = match_l2(clean, base, wanted)
    assert made.valid.tolist() == [True, False, False, True, False, True, True, True]
    assert torch.equal(made.images[~made.valid], clean[~made.valid])
    assert torch.equal(made.images[5], clean[5])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("signed", [True, False])
def test_the_wanted_ssim_is_met_as_nearly_as_eight_bits_allow(shape: tuple[int, int, int], signed: bool) -> None:
    clean, base = pair(shape, 1, 5)
    if not signed:
        base = (clean + 0.1 * draws(clean).normal("base", clean)).clamp(0, 1)
    wanted = torch.tensor([0.999, 0.98, 0.9, 0.8, 0.6])
    made = match_ssim(clean, base, wanted)
    assert made.valid.all()
    off = (similarity("ssim", clean, made.images) - wanted).abs()
    ladder = torch.linspace(0, 8, 81)
    tried = [(clean + t * (base - clean)).clamp(0, 1) for t in ladder]
    best = torch.stack([(similarity("ssim", clean, images) - wanted).abs() for images in tried]).amin(0)
    assert (off <= best + 1e-6).all()
    assert signed or off.max() < 5e-4
    perfect = match_ssim(clean, base, torch.ones(5))
    assert torch.equal(perfect.images.mul(255).round(), clean.mul(255).round())
    none = match_ssim(clean, clean, wanted)
    assert not none.valid.any()
    assert torch.equal(none.images, clean)


@pytest.mark.parametrize("shape", SHAPES)
def test_ssim_is_measured_once_for_each_8_bit_image_and_bytes_do_not_notice(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def counted(name: str, reference: Tensor, distorted: Tensor) -> Tensor:
        measured.append(len(reference))
        return similarity(name, reference, distorted)

    monkeypatch.setattr(matching, "similarity", counted)
    clean, base = pair(shape, 2, 5)
    wanted = torch.tensor([0.999, 0.98, 0.9, 0.8, 0.6], dtype=torch.float64)
    made = match_ssim(clean, base, wanted)
    plain = matching._bisect(clean, base - clean, lambda images: wanted - similarity("ssim", clean, images))
    assert torch.equal(made.images, plain.images)
    assert torch.equal(made.valid, plain.valid)
    asked = len(clean) * (matching.DOUBLINGS + 1 + matching.BISECTIONS + 2)
    assert sum(measured) < asked / 2
