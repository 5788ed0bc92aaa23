"""The network of timm that docs/extend.md shows: it is adopted, answers as timm's own does, and can be attacked."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from lacuna.attacks.pgd import pgd
from lacuna.errors import LacunaError
from lacuna.models.networks import adopted_network, own_network

timm = pytest.importorskip("timm")
IMAGE, CLASSES = [3, 32, 32], 10  # CIFAR-10's


@pytest.fixture
def shown(root: Path) -> dict[str, Any]:
    """The settings that the entry of the document gives the rule adopt."""
    (entry,) = re.findall(r"^```yaml\n(networks:\n.*?)^```$", (root / "docs/extend.md").read_text(), re.M | re.S)
    return {"model": "own-timm", "image": IMAGE, "classes": CLASSES} | yaml.safe_load(entry)["networks"]["own-timm"]


def built(shown: dict[str, Any], seed: int) -> Any:
    torch.manual_seed(seed)
    return timm.create_model(**shown["arguments"]).eval()


def test_it_answers_as_timms_own_and_has_a_gradient(shown: dict[str, Any], tmp_path: Path) -> None:
    theirs = built(shown, 1)
    save_file(theirs.state_dict(), tmp_path / "weights.safetensors")
    adopted = adopted_network(shown, tmp_path / "weights.safetensors")
    network = own_network("own-timm", adopted, CLASSES).eval()
    images = torch.rand(4, *IMAGE, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(shown[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        torch.testing.assert_close(network(images), theirs((images - mean) / std))
        labels = network(images).argmax(1)
    attacked = pgd(network, images, labels, epsilon=8 / 255, step=2 / 255, steps=3)
    with torch.no_grad():
        before, after = (torch.nn.functional.cross_entropy(network(x), labels) for x in (images, attacked))
    assert after > before


def test_weights_of_another_architecture_are_one_sentence(shown: dict[str, Any], tmp_path: Path) -> None:
    other = timm.create_model("resnet18", num_classes=CLASSES)
    save_file(other.state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(LacunaError) as found:
        adopted_network(shown, tmp_path / "weights.safetensors")
    assert "\n" not in str(found.value)
