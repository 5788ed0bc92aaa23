"""Saliency models: densities, the published spectral residual, DeepGaze's calling convention on a stub, scores."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from victims import images

from lacuna.errors import LacunaError
from lacuna.foreground.deepgaze import DeepGaze, overlap, read_centre_bias
from lacuna.foreground.saliency import saliency_model
from lacuna.foreground.score import foreground_score, foreground_scores
from lacuna.foreground.standins import GREY, SIDE

torch.set_num_threads(1)
STAND_INS = [{"kind": "spectral_residual"}, {"kind": "centre_surround"}]


class Stub(nn.Module):
    """Called as DeepGaze IIE is, and remembers with what: log density of brightness plus the centre bias."""

    def __init__(self, sharpness: float = 0.02, bright: bool = True) -> None:
        super().__init__()
        self.sharpness, self.bright = nn.Parameter(torch.tensor(sharpness)), bright

    def forward(self, image: Tensor, centerbias: Tensor) -> Tensor:
        self.image, self.centerbias = image, centerbias
        log = self.sharpness * image.mean(1) * self.bright + centerbias
        return (log - log.logsumexp((1, 2), keepdim=True))[:, None]


def stubbed(side: int, **how: Any) -> DeepGaze:
    return DeepGaze(Stub(**how), read_centre_bias("uniform", side)).eval()


MODELS = [*(saliency_model(settings) for settings in STAND_INS), stubbed(24)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 17), (3, 96)])
def test_a_density_is_positive_and_sums_to_one(model: nn.Module, channels: int, size: int) -> None:
    x = images(size, 4, channels, size).float()
    x[0], x[1] = 0, 1  # plain images have nothing salient
    x.requires_grad_()
    density = model(x)
    assert density.shape == (4, size, size)
    assert density.min() > 0
    torch.testing.assert_close(density.sum((1, 2)), torch.ones(4), rtol=0, atol=1e-5)
    density.square().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad[3].abs().max() > 0
    assert not model.training


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.label)
def test_a_density_belongs_to_its_image_alone_and_has_the_gradient_of_differences(model: nn.Module) -> None:
    x = images(5, 3, 1, 12)
    model = model.double()
    foreground = torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1)) < 0.5
    torch.testing.assert_close(torch.cat([model(x[:1]), model(x[1:])]), model(x), rtol=1e-9, atol=1e-12)
    leaf = x.clone().requires_grad_()
    foreground_score(model(leaf), foreground).sum().backward()
    for place in np.random.default_rng(0).integers(0, 144, 8):
        shift = torch.zeros(144, dtype=torch.float64)
        shift[int(place)] = 1e-6
        shift = shift.view(1, 1, 12, 12)
        rise = foreground_score(model(x + shift), foreground) - foreground_score(model(x - shift), foreground)
        torch.testing.assert_close(leaf.grad.flatten(1)[:, int(place)], rise.detach() / 2e-6, rtol=1e-4, atol=1e-7)
    model.float()


@pytest.mark.parametrize("settings", STAND_INS)
def test_stand_ins_say_that_they_are_and_prefer_an_object_to_its_plain_ground(settings: dict[str, Any]) -> None:
    model = saliency_model(settings)
    assert "stand-in" in model.label
    x = torch.full((1, 3, 40, 40), 0.2)
    x[:, :, 10:18, 20:28] = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    foreground = torch.zeros(1, 40, 40, dtype=torch.bool)
    foreground[:, 8:20, 18:30] = True
    assert foreground_score(model(x), foreground).item() > 3 * foreground.double().mean().item()


@pytest.mark.parametrize("settings", STAND_INS)
def test_scores_of_a_set_do_not_depend_on_the_batch(settings: dict[str, Any]) -> None:
    model, x = saliency_model(settings), (images(2, 7, 3, 20) * 255).to(torch.uint8)
    foregrounds = torch.rand(7, 20, 20, generator=torch.Generator().manual_seed(1)) < 0.5
    scores = foreground_scores(model, x, foregrounds, 3)
    torch.testing.assert_close(scores, foreground_score(model(x / 255), foregrounds).detach(), rtol=1e-5, atol=1e-7)
    assert not scores.requires_grad


# The published spectral residual ------------------------------------------------------------------------------------


def mirrored(values: np.ndarray, weights: list[list[float]]) -> np.ndarray:
    """A map filtered with weights, pixel by pixel, mirrored at the border without repeating the edge."""
    radius = len(weights) // 2
    padded = np.pad(values, radius, mode="reflect")
    made = np.zeros_like(values)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            window = padded[row : row + 2 * radius + 1, column : column + 2 * radius + 1]
            made[row, column] = float((window * np.array(weights)).sum())
    return made


def bilinear(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """A map resized, pixel by pixel, with pixel centres at half coordinates."""
    made = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * values.shape[0] / height - 0.5, 0), values.shape[0] - 1)
            x = min(max((column + 0.5) * values.shape[1] / width - 0.5, 0), values.shape[1] - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, values.shape[0] - 1), min(left + 1, values.shape[1] - 1)
            down, along = y - top, x - left
            upper = values[top, left] * (1 - along) + values[top, right] * along
            lower = values[bottom, left] * (1 - along) + values[bottom, right] * along
            made[row, column] = upper * (1 - down) + lower * down
    return made


def published(image: np.ndarray) -> np.ndarray:
    """Hou and Zhang's saliency of one image (C, H, W): amplitude and phase apart, filters as OpenCV has them."""
    grey = image[0] if len(image) == 1 else sum(weight * plane for weight, plane in zip(GREY, image, strict=True))
    spectrum = np.fft.fft2(bilinear(grey, SIDE, SIDE))
    amplitude, phase = np.log(np.abs(spectrum) + 1e-12), np.angle(spectrum)
    residual = amplitude - mirrored(amplitude, [[1 / 9] * 3] * 3)
    back = np.abs(np.fft.ifft2(np.exp(residual) * np.exp(1j * phase)))
    bell = [math.exp(-(place**2) / (2 * 8**2)) for place in range(-2, 3)]
    kernel = [[a * b / sum(bell) ** 2 for b in bell] for a in bell]
    saliency = bilinear(mirrored(back, kernel) ** 2, image.shape[1], image.shape[2])
    return saliency / saliency.sum()


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 40), (3, 80)])
def test_the_spectral_residual_is_the_published_one(channels: int, size: int) -> None:
    x = images(size, 2, channels, size)
    ours = saliency_model({"kind": "spectral_residual"})(x)
    for i in range(len(x)):
        np.testing.assert_allclose(ours[i].numpy(), published(x[i].numpy()), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("size", [64, 224])
def test_the_spectral_residual_is_opencvs(size: int) -> None:
    """OpenCV has it among its contributed modules, which this project does not need otherwise."""
    cv2 = pytest.importorskip("cv2")
    if not hasattr(cv2, "saliency"):
        pytest.skip("needs opencv-contrib-python-headless in place of opencv-python")
    from skimage.data import astronaut

    image = cv2.resize(astronaut(), (size, size), interpolation=cv2.INTER_AREA)
    known = cv2.saliency.StaticSaliencySpectralResidual_create()
    known.setImageWidth(64)
    known.setImageHeight(64)
    _, theirs = known.computeSaliency(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    ours = saliency_model({"kind": "spectral_residual"})(torch.from_numpy(image).permute(2, 0, 1)[None].double() / 255)
    assert np.corrcoef(ours[0].numpy().ravel(), theirs.ravel())[0, 1] > 0.999


# DeepGaze -------------------------------------------------------------------------------------------------------------


def test_the_network_gets_large_images_from_0_to_255_and_a_log_centre_bias() -> None:
    x = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    x[0, 0, :3], x[0, 0, 3:] = 0, 1
    model = stubbed(48)
    model(x)
    stub: Any = model.network
    assert stub.image.shape == (2, 3, 48, 48)
    assert torch.equal(stub.image[:, 0], stub.image[:, 2])
    assert (stub.image[0].min(), stub.image[0].max()) == (0, 255)
    assert stub.image[0, 0, 0, 0] == 0
    assert stub.image[0, 0, -1, 0] == 255
    assert stub.centerbias.shape == (2, 48, 48)
    torch.testing.assert_close(stub.centerbias.exp().sum((1, 2)), torch.ones(2), rtol=1e-4, atol=0)


@pytest.mark.parametrize(("size", "side"), [(6, 48), (7, 48), (28, 100), (9, 9), (5, 17)])
def test_a_density_is_summed_over_each_pixels_area(size: int, side: int) -> None:
    shares = overlap(size, side)
    torch.testing.assert_close(shares.sum(0), torch.ones(side, dtype=torch.float64))  # nothing is lost
    torch.testing.assert_close(shares.sum(1), torch.full((size,), side / size, dtype=torch.float64))
    if side % size == 0:
        assert torch.equal(shares, torch.eye(size, dtype=torch.float64).repeat_interleave(side // size, 1))
    model, x = stubbed(side), images(1, 2, 3, size).float()
    density = model(x)
    stub: Any = model.network
    fine = stub(stub.image, stub.centerbias).exp()[:, 0]
    factor = np.lcm(size, side)
    exact = fine.repeat_interleave(int(factor // side), 1).repeat_interleave(int(factor // side), 2)
    exact = exact.reshape(2, size, int(factor // size), size, int(factor // size)).sum((2, 4))
    torch.testing.assert_close(density, exact / exact.sum((1, 2), keepdim=True), rtol=1e-4, atol=1e-8)


def test_the_centre_bias_decides_where_the_image_does_not(tmp_path: Path) -> None:
    log = np.full((20, 20), -9.0)
    log[10:, 10:] = 0
    np.save(tmp_path / "bias.npy", log)
    bias = read_centre_bias(str(tmp_path / "bias.npy"), 40)
    assert bias.shape == (1, 40, 40)
    torch.testing.assert_close(bias.logsumexp((1, 2)), torch.zeros(1), rtol=0, atol=1e-5)
    assert set(bias[0, 20:, 20:].unique().tolist()) == {float(bias.max())}
    density = DeepGaze(Stub(bright=False), bias)(torch.rand(1, 3, 8, 8))
    assert density[0, 4:, 4:].sum() > 0.99
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "flat.npy", np.zeros(9))
    for name, says in (("text.npy", "is no .npy file"), ("gone.npy", "release v1.0.0"), ("flat.npy", "a square array")):
        with pytest.raises(LacunaError, match=says):
            read_centre_bias(str(tmp_path / name), 40)


def test_without_its_weights_it_says_what_to_place_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    def load(*given: Any, **how: Any) -> nn.Module:
        asked.append((given, how))
        raise OSError("no network\nsecond line")

    monkeypatch.setattr(torch.hub, "load", load)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    settings = {"kind": "deepgaze", "centre_bias": "uniform", "pixels": 64}
    with pytest.raises(LacunaError) as caught:
        saliency_model(settings)
    sentence = str(caught.value)
    for part in ("OSError: no network)", f"{tmp_path}/matthias-k_DeepGaze_v1.2.1", f"{tmp_path}/checkpoints"):
        assert part in sentence
    assert "deepgaze2e.pth" in sentence
    assert "second line" not in sentence
    assert asked[0][0] == ("matthias-k/DeepGaze:v1.2.1", "DeepGazeIIE")
    assert asked[0][1]["pretrained"] is True
    monkeypatch.setattr(torch.hub, "load", lambda *_, **__: Stub())
    model = saliency_model(settings)
    assert model.label == "DeepGaze IIE"
    assert model.bias.shape == (1, 64, 64)
    assert not model.training
