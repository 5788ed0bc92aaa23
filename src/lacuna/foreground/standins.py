"""Stand-ins for DeepGaze that need no weights: the spectral residual, and centre-surround contrast."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 64  # both models work at this size, as OpenCV's spectral residual does
GREY = (0.299, 0.587, 0.114)
FLOOR = 1e-12  # the least saliency of a pixel, so that an image of one colour has a uniform density


def as_density(saliency: Tensor, size: tuple[int, int]) -> Tensor:
    """Saliency (B, h, w) of at least 0 as a density (B, H, W) that sums to 1; ``size`` (H, W) by bilinear resizing."""
    resized = F.interpolate(saliency[:, None], size, mode="bilinear")[:, 0] + FLOOR
    return resized / resized.sum((1, 2), keepdim=True)


def gaussian_weights(sigma: float, radius: int) -> Tensor:
    """Weights float64 (2 radius + 1,) of a Gaussian at -radius ... radius; they sum to 1."""
    places = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-(places**2) / (2 * sigma**2))
    return weights / weights.sum()


def smoothing_matrix(weights: Tensor) -> Tensor:
    """The matrix float64 (SIDE, SIDE) that filters a row of pixels with ``weights``.

    The row is mirrored at its ends; the last pixel is not repeated. On CPUs a matrix is ten times as fast as a
    convolution of one channel.
    """
    radius = len(weights) // 2
    padded = F.pad(torch.eye(SIDE, dtype=torch.float64)[:, None], (radius, radius), mode="reflect")
    return F.conv1d(padded, weights.view(1, 1, -1))[:, 0]


def blur(x: Tensor, matrix: Tensor) -> Tensor:
    """Filters maps (..., SIDE, SIDE) along both axes with a `smoothing_matrix`."""
    filtered = matrix.to(x.dtype)
    return filtered.T @ x @ filtered


class SpectralResidual(nn.Module):
    """Hou and Zhang, Saliency detection: a spectral residual approach, CVPR 2007; parameters as in OpenCV.

    The local mean is taken from the log amplitude of the grey image's spectrum; the phase stays. The inverse transform,
    smoothed and squared, is the saliency.
    """

    label = "spectral residual, a stand-in for DeepGaze"
    colours: Tensor
    mean: Tensor
    bell: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("colours", torch.tensor(GREY, dtype=torch.float64))
        self.register_buffer("mean", smoothing_matrix(torch.full((3,), 1 / 3, dtype=torch.float64)))
        self.register_buffer("bell", smoothing_matrix(gaussian_weights(8, 2)))

    def forward(self, x: Tensor) -> Tensor:
        """Density (B, H, W) of images (B, C, H, W) in [0, 1]."""
        small = F.interpolate(self._grey(x), (SIDE, SIDE), mode="bilinear")
        spectrum = torch.fft.fft2(small)
        mean = blur((spectrum.abs() + FLOOR).log(), self.mean)
        back = torch.fft.ifft2(spectrum * torch.exp(-mean)).abs()  # exp(log amplitude - mean) and the phase
        return as_density(blur(back, self.bell).square()[:, 0], (x.shape[2], x.shape[3]))

    def _grey(self, x: Tensor) -> Tensor:
        """Brightness (B, 1, H, W): ITU-R 601 of three channels, the mean of any other number of channels."""
        if x.shape[1] != len(self.colours):
            return x.mean(1, keepdim=True)
        return (x * self.colours.to(x.dtype).view(1, -1, 1, 1)).sum(1, keepdim=True)


class CentreSurround(nn.Module):
    """Contrast between a place and its surround, over three scales and all channels (after Itti, Koch, Niebur 1998).

    No attack uses this model. Foreground scores are measured with it too, beside the model that attacks use.
    """

    label = "centre-surround contrast, a second stand-in that no attack uses"
    SCALES = ((1, 4), (2, 8), (3, 10))  # standard deviations of centre and surround, at 64 x 64

    def __init__(self) -> None:
        super().__init__()
        for sigma in {sigma for scale in self.SCALES for sigma in scale}:
            self.register_buffer(f"blur{sigma}", smoothing_matrix(gaussian_weights(sigma, 3 * sigma)))

    def forward(self, x: Tensor) -> Tensor:
        """Density (B, H, W) of images (B, C, H, W) in [0, 1]."""
        small = F.interpolate(x, (SIDE, SIDE), mode="bilinear")
        planes = small.reshape(-1, 1, SIDE, SIDE)
        contrast = torch.stack([self._contrast(planes, *scale) for scale in self.SCALES]).sum(0)
        energy = contrast.reshape(small.shape).sum(1)
        return as_density(blur(energy[:, None], self.get_buffer("blur2"))[:, 0], (x.shape[2], x.shape[3]))

    def _contrast(self, planes: Tensor, centre: int, surround: int) -> Tensor:
        """Squared difference of two blurred planes, by the standard deviations ``centre`` and ``surround``."""
        near, far = (blur(planes, self.get_buffer(f"blur{sigma}")) for sigma in (centre, surround))
        return (near - far).square()
