"""Work that a GPU does without waiting for Python: recorded once as a CUDA graph, then launched as a whole."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Named = Mapping[str, Tensor]
Work = Callable[[Named], Tensor]
Record = Callable[[Work, Named], Work]
WARM_UPS = 3  # calls before the recording: libraries are loaded, and choose their algorithms, in the first ones


class Recording:
    """``work`` on tensors like those of ``example``, as one CUDA graph of the same kernels.

    So the numbers are those of the work itself. Nothing is compiled. Each call must launch the same kernels: shapes,
    memory layouts and Python's numbers stay as they were in the recording, and the work never waits for the device. It
    may change other tensors in place, and draw from torch's generator. It is called `WARM_UPS` times for good before it
    is recorded; what these calls change, the caller puts back.
    """

    def __init__(self, work: Work, example: Named) -> None:
        self.inputs = {name: tensor.clone() for name, tensor in example.items()}
        before, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(before)
        with torch.cuda.stream(aside):  # as torch's notes on CUDA graphs ask for
            for _ in range(WARM_UPS):
                work(self.inputs)
        before.wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.output = work(self.inputs)

    def __call__(self, inputs: Named) -> Tensor:
        """What the work gives for tensors of the example's shapes, in memory that the next call writes over.

        With fewer rows than the example has, the rows after them are those of an earlier call.
        """
        for name, tensor in inputs.items():
            self.inputs[name][: len(tensor)].copy_(tensor)
        self.graph.replay()
        return self.output


def recorder(device: torch.device) -> Record | None:
    """What records work on a device: `Recording` on a GPU; None on a processor, where no kernel is launched."""
    return Recording if device.type == "cuda" else None
