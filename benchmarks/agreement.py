"""Whether the fast attack loop makes the same attacks: mean loss on the source, outcomes on a target.

PGD on a trained source in the reference path, in the fast path (folded, channels last) and in the peers; all images
rounded to 8 bit. ``same_outcomes`` is the share of images that the target gives the same label as the reference's.
Trains the demo's two ResNet-18 first where they are missing.
"""

import subprocess
import sys

import pandas as pd
import torch
import torch.nn.functional as F
from attacks import installed
from common import OUT, network
from torch import Tensor, nn

from lacuna.evaluation.predictions import predict
from lacuna.files.artefacts import read_tensors
from lacuna.models.build import load_weights
from lacuna.numerics.images import as_pixels, to_bytes

FOLDER = "results/demo/fashion-mnist-subset"
NETWORKS = {name: f"{FOLDER}/train/resnet18-standard-{name}.safetensors" for name in ("s0", "s1")}
IMAGES, STEPS = 500, 20


def trained(name: str) -> nn.Module:
    """One of the demo's networks, in PyTorch's default layout."""
    model = network("1/8", (1, 28, 28), f"resnet18-standard-{name}")
    load_weights(model, read_tensors(NETWORKS[name]), NETWORKS[name])
    return model.eval().to(memory_format=torch.contiguous_format)


@torch.no_grad()
def mean_loss(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Cross-entropy of 8-bit images, averaged."""
    return float(F.cross_entropy(model(as_pixels(images)), labels))


def main() -> None:
    torch.set_num_threads(1)
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", "all", "--", *NETWORKS.values()]
    subprocess.run(command, check=True)
    data = read_tensors(f"{FOLDER}/dataset/test.safetensors")
    images, labels = data["images"][:IMAGES], data["labels"][:IMAGES]
    source, target = trained("s0"), trained("s1")
    pixels = images.float() / 255
    made = {name: to_bytes(attack(pixels, labels)) for name, attack in installed(source, STEPS, (1, 28, 28)).items()}
    outcomes = {name: predict(target, adversarial, IMAGES) for name, adversarial in made.items()}
    losses = {name: mean_loss(source, adversarial, labels) for name, adversarial in made.items()}
    frame = pd.DataFrame(
        {
            "engine": list(made),
            "mean_loss": losses.values(),
            "loss_to_reference": [loss / losses["reference"] for loss in losses.values()],
            "same_pixels": [made[name].eq(made["reference"]).double().mean().item() for name in made],
            "same_outcomes": [outcomes[name].eq(outcomes["reference"]).double().mean().item() for name in made],
            "defense_rate": [outcomes[name].eq(labels).double().mean().item() for name in made],
        }
    )
    frame.round(5).to_csv(OUT / "agreement.csv", index=False)
    print(frame.round(5).to_string(index=False))


if __name__ == "__main__":
    main()
