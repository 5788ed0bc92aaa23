"""The foreground as the object of interest in a semantic segmentation by torchvision's DeepLabV3 or FCN."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lacuna.errors import LacunaError
from lacuna.foreign.answers import require_tensor
from lacuna.foreign.calls import calling

SIDE = 520  # shorter side of the images that torchvision's weights were trained on
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BACKGROUND = 0


class Segmentation(nn.Module):
    """A segmentation network, and which of its classes is the object of interest for each class of a dataset.

    ``network`` takes normalised RGB images (B, 3, H, W) and gives ``{"out": scores (B, K, H, W)}``. ``objects`` int64
    has one entry per class of the dataset: a class of the network, or -1 for all classes but the background.
    """

    objects: Tensor

    def __init__(self, network: nn.Module, objects: Sequence[int], label: str = "") -> None:
        super().__init__()
        self.label = label
        self.network = network
        self.register_buffer("objects", torch.tensor(objects))

    @classmethod
    def pretrained(cls, network: str, class_of: Mapping[str, str], classes: Sequence[str]) -> "Segmentation":
        """A network of torchvision with its default weights.

        ``class_of`` maps classes of the dataset to classes of the network; it need not name every class. Raises
        `LacunaError` for a class that the dataset or the network does not have, and where the weights are missing.
        """
        from torchvision.models import get_model, get_model_weights

        weights = get_model_weights(network).DEFAULT
        objects = _objects(list(weights.meta["categories"]), class_of, classes)
        try:
            return cls(get_model(network, weights=weights), objects, f"{network} of torchvision").eval()
        except (OSError, RuntimeError) as error:
            name, folder = weights.url.rpartition("/")[2], f"{torch.hub.get_dir()}/checkpoints"
            raise LacunaError(
                f"the weights of {network} cannot be loaded ({type(error).__name__}); put {name} of torchvision in "
                f"{folder}; without them allowed: masks of kind saliency, with model kind spectral_residual"
            ) from None

    def foreground(self, x: Tensor, labels: Tensor) -> Tensor:
        """The pixels of the object of interest, bool (B, H, W), in images (B, 1 or 3, H, W) in [0, 1].

        ``labels`` int64 (B,) are the images' classes. An image may have no such pixel. Raises `LacunaError` where the
        network gives no such scores.
        """
        found = F.interpolate(self._scores(self._prepared(x)), x.shape[2:], mode="bilinear").argmax(1)
        wanted = self.objects[labels].view(-1, 1, 1)
        return torch.where(wanted < 0, found != BACKGROUND, found == wanted)

    def _scores(self, prepared: Tensor) -> Tensor:
        """The network's scores (B, K, H, W), K at least 2."""
        who = self.label or "the segmentation network"
        with calling(who):
            made = self.network(prepared.clone())
        if not isinstance(made, Mapping) or not isinstance(made.get("out"), Tensor):
            raise LacunaError(
                f"{who} gave an object of type {type(made).__name__}; allowed: a dict with a tensor 'out'"
            )
        scores = made["out"]
        classes = max(scores.shape[1] if scores.ndim == 4 else 0, BACKGROUND + 2)
        return require_tensor(who, scores, (len(prepared), classes, *scores.shape[2:4]), prepared)

    def _prepared(self, x: Tensor) -> Tensor:
        """The images as the network takes them: RGB, normalised, with a shorter side of `SIDE` pixels."""
        scale = SIDE / min(x.shape[2:])
        size = [round(side * scale) for side in x.shape[2:]]
        large = F.interpolate(x.expand(-1, 3, -1, -1), size, mode="bilinear", antialias=True)
        return (large - x.new_tensor(MEAN).view(1, 3, 1, 1)) / x.new_tensor(STD).view(1, 3, 1, 1)


def _objects(categories: Sequence[str], class_of: Mapping[str, str], classes: Sequence[str]) -> list[int]:
    for ours, theirs in class_of.items():
        if ours not in classes or theirs not in categories:
            known = classes if ours not in classes else categories
            wrong = ours if ours not in classes else theirs
            raise LacunaError(f"class_of: '{wrong}' is not a class; allowed: {', '.join(known)}")
    return [categories.index(class_of[name]) if name in class_of else -1 for name in classes]
