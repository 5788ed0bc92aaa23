"""The network under attack where attacks do not wait (``fast: true``): a GPU replays its answers and its gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lacuna.attacks.core.victim import Replaying
from lacuna.numerics.device import device_of
from lacuna.numerics.recording import Record, Work, recorder


def quick(network: nn.Module, batch: int) -> nn.Module:
    """The network as attacks in batches of up to ``batch`` images see it: `Quick` on a GPU, itself on a processor."""
    record = recorder(device_of(network))
    return Quick(network, batch, record).train(network.training) if record else network


class Quick(Replaying):
    """A network in evaluation mode. Answers without gradients, and gradients at images, are recorded and replayed.

    A recording is for one number of images: ``batch``, half of it, a quarter, and so on, rounded up. Images that stop
    early leave fewer; these are replayed in the smallest recording that has room for them. The results of the others in
    it are dropped: in evaluation mode images do not depend on each other. The recordings together take about twice
    the memory of the largest.
    """

    def __init__(self, network: nn.Module, batch: int, record: Record) -> None:
        super().__init__()
        self.network, self.batch, self.record = network, batch, record
        self.recorded: dict[tuple[Any, ...], Work] = {}

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, K) of images (B, C, H, W); those that a gradient goes through are not replayed."""
        return self.network(x) if torch.is_grad_enabled() else self.replay(_answers, x=x)

    def replay(self, work: Callable[..., Tensor], **given: Tensor) -> Tensor:
        """What ``work`` gives of the network and tensors of one row per image, from a recording.

        More images than ``batch`` are not replayed. Where the GPU runs out of memory, all recordings are given up.
        """
        count = len(next(iter(given.values())))
        if not 0 < count <= self.batch:
            return work(self.network, **given)
        size = room(count, self.batch)
        key = (work, size, *((tensor.shape[1:], tensor.dtype) for tensor in given.values()))
        try:
            if key not in self.recorded:
                example = {name: _blank(tensor, size) for name, tensor in given.items()}
                self.recorded[key] = self.record(lambda inputs: work(self.network, **inputs), example)
            return self.recorded[key](given)[:count].clone()
        except torch.OutOfMemoryError:
            self.recorded.clear()
            raise


def room(count: int, batch: int) -> int:
    """The smallest of ``batch``, its half, its quarter, ... (rounded up) that is at least ``count``."""
    while batch > 1 and (half := -(-batch // 2)) >= count:
        batch = half
    return batch


def _answers(network: nn.Module, x: Tensor) -> Tensor:
    return network(x)


def _blank(tensor: Tensor, count: int) -> Tensor:
    """Zeros in the shape of the tensor for ``count`` images, which are in the layout of `as_pixels`."""
    layout = torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
    return tensor.new_zeros((count, *tensor.shape[1:])).contiguous(memory_format=layout)
