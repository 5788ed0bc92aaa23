"""Batch normalisation folded into convolutions: the same function."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn

from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model


def network(name: str, seed: int) -> nn.Module:
    """A narrow network in evaluation mode, float64, with statistics and affine parameters drawn at random."""
    spec = parse_model(name)
    ones = torch.ones(3, 1, 1)
    model = build_model(
        spec, (3, 16, 16), 4, width=Fraction(1, 8), mask_place="released_code", seed=seed, mean=ones / 2, std=ones
    )
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in ((module.running_var, 0.5), (module.weight.data, 0.5), (module.running_mean, -0.5)):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + low)
            module.bias.data.copy_(torch.randn(module.bias.shape, generator=generator))
    return model.double().eval()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("variant", ["standard-s0", "bottom0.5-standard-s0m0"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_folding_changes_neither_logits_nor_image_gradients(arch: str, variant: str, seed: int) -> None:
    model = network(f"{arch}-{variant}", seed)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x = torch.rand(3, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

    def answers(net: nn.Module) -> tuple[Tensor, Tensor]:
        image = x.clone().requires_grad_()
        logits = net(image)
        return logits.detach(), torch.autograd.grad(logits[:, 0].sum(), image)[0]

    for ours, theirs in zip(answers(fold_batch_norm(model)), answers(model), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("arch", "left"),
    [("resnet18", 0), ("resnet50", 0), ("wrn32", 0), ("vgg19", 0), ("senet18", 8), ("densenet121", 62)],
)
def test_only_normalisation_before_a_convolution_stays(arch: str, left: int) -> None:
    kinds = [type(module) for module in fold_batch_norm(network(f"{arch}-standard-s0", 0)).modules()]
    assert kinds.count(nn.BatchNorm2d) == left


def test_a_model_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluation"):
        fold_batch_norm(network("vgg19-standard-s0", 0).train())
