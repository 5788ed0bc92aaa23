"""Block DCT: against scipy block by block, its inverse, and its adjoint, for any size and number of channels."""

import numpy as np
import pytest
import scipy.fft
import torch
import torch.nn.functional as F
from torch import Tensor

from lacuna.attacks.core.dct import block_dct, inverse_block_dct

SHAPES = [(2, 1, 8, 8), (3, 2, 16, 8), (2, 3, 28, 28), (1, 1, 1, 9), (2, 4, 7, 33), (1, 3, 64, 64)]
CASES = [(shape, seed) for shape in SHAPES for seed in range(2)]


def drawn(shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(("shape", "seed"), CASES)
def test_coefficients_are_scipys_block_by_block(shape: tuple[int, ...], seed: int) -> None:
    x = drawn(shape, seed)
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (0, -shape[2] % 8), (0, -shape[3] % 8)], mode="edge")
    made = block_dct(x)
    assert made.shape == (*shape[:2], padded.shape[2] // 8, padded.shape[3] // 8, 8, 8)
    for i, j in np.ndindex(*made.shape[2:4]):
        block = padded[:, :, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8]
        theirs = scipy.fft.dctn(block, axes=(2, 3), norm="ortho")
        np.testing.assert_allclose(made[:, :, i, j].numpy(), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "seed"), CASES)
def test_the_inverse_gives_the_images_back(shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> None:
    x = drawn(shape, seed, dtype)
    back = inverse_block_dct(block_dct(x), (shape[2], shape[3]))
    assert back.dtype == dtype
    torch.testing.assert_close(back, x, rtol=0, atol=1e-12 if dtype == torch.float64 else 1e-5)
    if shape[2] % 8 == shape[3] % 8 == 0:
        torch.testing.assert_close(block_dct(x).square().sum(), x.square().sum())


@pytest.mark.parametrize(("shape", "seed"), CASES)
def test_with_zeros_it_is_the_adjoint_of_the_cut_inverse(shape: tuple[int, ...], seed: int) -> None:
    coefficients = torch.zeros_like(block_dct(drawn(shape, seed))).requires_grad_()
    direction = drawn(shape, seed + 10)
    images = inverse_block_dct(coefficients, (shape[2], shape[3]))
    (expected,) = torch.autograd.grad((images * direction).sum(), coefficients)
    torch.testing.assert_close(block_dct(direction, "constant"), expected, rtol=0, atol=1e-12)
    assert torch.equal(
        block_dct(direction, "constant"),
        block_dct(F.pad(direction, (0, 24, 0, 24))[..., : -(-shape[2] // 8) * 8, : -(-shape[3] // 8) * 8]),
    )


def test_images_and_channels_do_not_mix() -> None:
    x = drawn((3, 2, 20, 12), 1)
    whole = block_dct(x)
    for i, c in np.ndindex(3, 2):
        torch.testing.assert_close(block_dct(x[i : i + 1, c : c + 1])[0, 0], whole[i, c], rtol=0, atol=1e-12)
