"""Gaussian noise. It needs no network: the model may be None."""

from torch import Tensor, nn

from lacuna.attacks.core.draws import Draws


def gaussian(model: nn.Module | None, x: Tensor, labels: Tensor, *, sigma: float, draws: Draws) -> Tensor:
    """Adds Gaussian noise of standard deviation ``sigma`` (pixel units) to every value (Section 4.3).

    Noise outside +-2 sigma is set to +-2 sigma, as the paper says, and the result is clipped to [0, 1]. Images are
    (B, C, H, W) in [0, 1].
    """
    return (x + sigma * draws.normal("noise", x).clamp_(-2, 2)).clamp_(0, 1)
