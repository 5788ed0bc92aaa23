"""WRN-32-4: the post-activation ResNet-32 of CIFAR, four times as wide, masked in its stem and first stage."""

from collections import Counter
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.language.models import ARCHITECTURES, parse_model
from lacuna.models.build import build_model, parameter_count
from lacuna.models.layers import Defect

torch.set_num_threads(1)
STAGES = ((16, 64), (64, 128), (128, 256))  # channels before and after each stage of five blocks


def network(variant: str, width: str = "1/8", place: str = "released_code", side: int = 16) -> nn.Sequential:
    mean, std = torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25)
    how = {"width": Fraction(width), "mask_place": place, "seed": 0, "mean": mean, "std": std}
    return build_model(parse_model(f"wrn32{variant}"), (3, side, side), 10, **how)


def test_parameters_are_those_of_the_layers_written_out() -> None:
    stem, head = 3 * 16 * 9 + 2 * 16, 256 * 10 + 10
    first = sum(9 * a * b + 9 * b * b + a * b + 3 * 2 * b for a, b in STAGES)  # with its projection
    others = sum(4 * (2 * 9 * b * b + 2 * 2 * b) for _, b in STAGES)
    assert (
        parameter_count(network("-standard-s0", "1"))
        == ARCHITECTURES["wrn32"].parameters
        == stem + first + others + head
    )


def functional(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
    """The network as a chain of functions, from its state dict."""

    def conv_bn(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = tensors[f"{name}.0.weight"]
        x = F.conv2d(x, weight, None, stride, weight.shape[2] // 2)
        return F.batch_norm(
            x, *(tensors[f"{name}.1.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias"))
        )

    x = conv_bn("stem", x).relu()
    for i in range(15):
        stride = 2 if i in (5, 10) else 1
        out = conv_bn(f"blocks.{i}.convs.1", conv_bn(f"blocks.{i}.convs.0", x, stride).relu())
        x = (out + (conv_bn(f"blocks.{i}.projection", x, stride) if i in (0, 5, 10) else x)).relu()
    return F.avg_pool2d(x, x.shape[2]).flatten(1) @ tensors["head.weight"].T + tensors["head.bias"]


def test_the_standard_network_computes_what_a_functional_reference_does() -> None:
    model, generator = network("-standard-s0").double(), torch.Generator().manual_seed(0)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
            norm.bias.data.copy_(torch.rand(norm.bias.shape, generator=generator) - 0.5)
    x = torch.rand(4, 3, 16, 16, generator=generator).double()
    model.train()(x)
    logits = model.eval()(x)
    assert logits.std(0).max() > 0.02
    torch.testing.assert_close(logits, functional(model[1].state_dict(), model[0](x)))


def test_initial_convolutions_are_normal_with_variance_two_over_fan_out() -> None:
    for name, module in network("-standard-s0", "1").named_modules():
        if isinstance(module, nn.Conv2d):
            scaled = module.weight.detach() / (2 / (module.out_channels * module.weight[0, 0].numel())) ** 0.5
            count = scaled.numel()
            assert scaled.mean().abs() < 5 / count**0.5, name
            assert (scaled.pow(2).mean() - 1).abs() < 5 * (2 / count) ** 0.5, name
            assert (scaled.pow(4).mean() - 3).abs() < 5 * (96 / count) ** 0.5, name  # 1.8 where uniform


BOTTOM = [(16, 32, 32)] + [(64, 32, 32)] * 10
TOP = [(128, 16, 16)] * 10 + [(256, 8, 8)] * 10
VARIANTS = {
    ("-standard-s0", "released_code"): [],
    ("-bottom0.07-standard-s0m1", "released_code"): BOTTOM,
    ("-bottom0.07-standard-s0m1", "paper"): BOTTOM,  # the stem, five first convolutions, five sums
    ("-sm0.5-standard-s0m1", "released_code"): BOTTOM,
    ("-top0.5-standard-s0m1", "released_code"): TOP,
    ("-bottom0.5-top0.3-standard-s0m1", "released_code"): BOTTOM + TOP,
}


@pytest.mark.parametrize(("variant", "place"), VARIANTS)
def test_each_variant_has_its_masks(variant: str, place: str) -> None:
    model = network(variant, "1", place, side=32)
    masks = {name: module.mask for name, module in model.named_modules() if isinstance(module, Defect)}
    assert Counter(tuple(mask.shape[1:]) for mask in masks.values()) == Counter(VARIANTS[variant, place])
    assert not [name for name in masks if "projection" in name]
    assert len([name for name in masks if "sum" in name]) == (5 if place == "paper" else 0)
