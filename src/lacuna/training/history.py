"""The course of a training: one line per epoch, for training curves (Figure 14)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.numerics.device import device_of
from lacuna.numerics.images import as_pixels

# Rates and losses as they are, accuracies in percent. Training columns are means over the epoch's steps, on the images
# trained on (augmented, or adversarial); test columns are of the network after the epoch, on the clean test set.
COLUMNS = ("epoch", "learning_rate", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
BATCH = 500


@torch.no_grad()
def measure(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy in percent on images uint8 (N, C, H, W); leaves the model in evaluation mode."""
    model.eval()
    device = device_of(model)
    sums = torch.zeros(2, device=device)
    for x, y in zip(torch.split(images, BATCH), torch.split(labels, BATCH), strict=True):
        logits, truth = model(as_pixels(x.to(device))), y.to(device)
        loss = F.cross_entropy(logits, truth, reduction="sum")
        sums += torch.stack([loss, logits.argmax(1).eq(truth).sum()])
    loss, right = sums.tolist()
    return loss / len(images), 100 * right / len(images)


def as_csv(history: Sequence[Sequence[float]]) -> str:
    """CSV of a history: lines of `COLUMNS` after the epoch, which counts from 1; short ones have no test columns."""
    lines = [",".join(COLUMNS)]
    for epoch, values in enumerate(history, start=1):
        fields = [f"{value:.6g}" for value in values]
        lines.append(",".join([str(epoch), *fields, *[""] * (len(COLUMNS) - 1 - len(fields))]))
    return "\n".join(lines) + "\n"
