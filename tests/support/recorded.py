"""A recording on a processor: what a work's operations are is noted once, and done again without its Python."""

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from lacuna.numerics.recording import WARM_UPS, Named, Work


class Traced:
    """What `lacuna.numerics.recording.Recording` promises: tensors of its own, warm-ups, and no Python in a call.

    Unlike a CUDA graph it runs while it is recorded.
    """

    def __init__(self, work: Work, example: Named) -> None:
        self.inputs = {name: tensor.clone() for name, tensor in example.items()}
        for _ in range(WARM_UPS):
            work(self.inputs)
        names = list(self.inputs)
        self.graph = make_fx(lambda *tensors: work(dict(zip(names, tensors, strict=True))))(*self.inputs.values())
        self.output: Tensor | None = None

    @torch.no_grad()
    def __call__(self, inputs: Named) -> Tensor:
        for name, tensor in inputs.items():
            self.inputs[name][: len(tensor)].copy_(tensor)
        made = self.graph(*self.inputs.values())
        self.output = made.clone() if self.output is None else self.output.copy_(made)
        return self.output
