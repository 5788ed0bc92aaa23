"""Small networks of several architectures, settled on noise: members of ensembles."""

from fractions import Fraction
from typing import Any

import torch
from torch import nn

from lacuna.language.models import parse_model
from lacuna.models.build import build_model

NAMES = ("resnet18-standard-s0", "vgg19-bottom0.5-standard-s1m1", "senet18-standard-s2")
IMAGE, CLASSES, WIDTH = (2, 12, 12), 5, "1/16"


def member(name: str) -> nn.Module:
    """The network of a name in evaluation mode, float32, its batch normalisation settled on one batch of noise."""
    zero, one = torch.full((2, 1, 1), 0.4), torch.full((2, 1, 1), 0.3)
    how: dict[str, Any] = {"width": Fraction(WIDTH), "mask_place": "released_code", "seed": 0, "mean": zero, "std": one}
    model = build_model(parse_model(name), IMAGE, CLASSES, **how)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.rand(16, *IMAGE, generator=torch.Generator().manual_seed(0)))
    return model.eval()
