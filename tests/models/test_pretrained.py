"""ResNets that start from published weights: torchvision's function, a new last layer, what is refused."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lacuna.errors import LacunaError
from lacuna.language.models import ARCHITECTURES, PUBLISHED_NETWORKS, parse_model
from lacuna.models.build import build_model
from lacuna.models.pretrained import load_imagenet, load_start

torch.set_num_threads(1)
START = {"pretrained": "IMAGENET1K_V1"}


def network(
    image: tuple[int, int, int] = (3, 32, 32), width: str = "1", name: str = "resnet34-dual-s0"
) -> nn.Sequential:
    mean, std = torch.full((image[0], 1, 1), 0.4), torch.full((image[0], 1, 1), 0.2)
    how = {"width": Fraction(width), "mask_place": "released_code", "seed": 0, "mean": mean, "std": std}
    return build_model(parse_model(name), image, 10, training=START, **how)


class Published:
    """Weights as torchvision hands them out."""

    url = "somewhere/resnet34-abc.pth"

    def __init__(self, tensors: dict[str, torch.Tensor] | None) -> None:
        self.tensors = tensors

    def get_state_dict(self, **_: Any) -> dict[str, torch.Tensor]:
        if self.tensors is None:
            raise OSError("no network")
        return self.tensors


def test_it_is_torchvisions_resnet34_with_a_new_last_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    torch.manual_seed(5)
    theirs = models.resnet34(num_classes=1000).eval()
    asked = []
    monkeypatch.setattr(models, "get_weight", lambda name: asked.append(name) or Published(theirs.state_dict()))
    ours = network()
    last = ours[1].fc.weight.clone()
    load_imagenet(ours[1], "resnet34", "IMAGENET1K_V1")
    assert asked == ["ResNet34_Weights.IMAGENET1K_V1"]
    assert torch.equal(ours[1].fc.weight, last)
    assert torch.equal(network()[1].fc.weight, last), "the new layer is a function of the seed"
    assert not torch.equal(network(name="resnet34-dual-s1")[1].fc.weight, last)
    theirs.fc = ours[1].fc
    x = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(ours.eval()(x), theirs((x - 0.4) / 0.2))


@pytest.mark.parametrize("arch", PUBLISHED_NETWORKS)
def test_a_network_with_its_last_layer_kept_is_the_published_one(monkeypatch: pytest.MonkeyPatch, arch: str) -> None:
    from torchvision import models

    torch.manual_seed(6)
    theirs = getattr(models, arch)(num_classes=10).eval()
    monkeypatch.setattr(models, "get_weight", lambda _: Published(theirs.state_dict()))
    ours = network(name=f"{arch}-v1-s0")
    said = load_start(ours[1], arch, START | {"head": "kept"})
    assert said == {"start": "IMAGENET1K_V1 of torchvision, as published"}
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    torch.testing.assert_close(ours.double().eval()(x), theirs.double()((x - ours[0].mean) / ours[0].std))


def test_weights_that_cannot_be_had_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torchvision import models

    monkeypatch.setattr(models, "get_weight", lambda _: Published(None))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(LacunaError, match=rf"put resnet34-abc\.pth of torchvision in {tmp_path}/checkpoints"):
        load_imagenet(network()[1], "resnet34", "IMAGENET1K_V1")


@pytest.mark.parametrize("arch", PUBLISHED_NETWORKS)
def test_weights_of_that_name_exist(arch: str) -> None:
    from torchvision.models import get_weight

    assert arch in get_weight(f"{ARCHITECTURES[arch].published}.IMAGENET1K_V1").url


@pytest.mark.parametrize(("image", "width"), [((1, 28, 28), "1"), ((3, 32, 32), "1/4")])
def test_grey_images_and_other_widths_are_refused(image: tuple[int, int, int], width: str) -> None:
    with pytest.raises(LacunaError, match="fit 3 channels and width 1"):
        network(image, width)
