"""Images that somebody else made of the same ones, from files of the same names. The model may be None."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lacuna.data.folder import find_images, read_image


def read_counterparts(
    model: nn.Module | None, x: Tensor, labels: Tensor, *, name: str, path: str, resize: str, files: Sequence[str]
) -> Tensor:
    """The image of the same name below the folder ``path`` for each of the images (B, C, H, W), in [0, 1].

    ``files`` are the names of the images, <class>/<image> without ending. ``resize`` is as in `read_image`; ``name`` is
    only the code of the set. Stylized-ImageNet, for example, has the folders and names of ImageNet (Table 1). Raises
    `LacunaError`, which names an image that is missing or does not fit.
    """
    pixels = np.stack([read_image(file, list(x.shape[1:]), resize) for file in find_images(Path(path), files)])
    images = torch.from_numpy(pixels)
    images = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
    return images.to(x.device, x.dtype) / 255
