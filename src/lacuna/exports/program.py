"""A network as Python source of torch operations, which any program with torch runs without this project's code.

A file of `torch.export.save` would do the same. But torch says of it that newer versions may not read it, and that to
load it runs pickle. TorchScript is deprecated. Source of ATen operations is stable, can be read, and shows the masks.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.export.graph_signature import InputKind

from lacuna.errors import LacunaError

SIGNATURE = re.compile(r"def forward\(self, (?P<names>.*)\):")
DEVICE = re.compile(r"(?<![\w.])device\(type='[a-z]+'(?:, index=\d+)?\)")  # where the network was traced
HEAD = '''\
"""{title}

Written by Lacuna with torch.export {version}. Each line is one operation; `mul` with a mask removes neurons.
"""

from math import inf, nan  # noqa: F401, since an operation may have them as arguments

import torch


class Network(torch.nn.Module):
    """From float images (N, {image}) in [0, 1] to logits (N, {classes})."""

    def __init__(self, tensors):
        super().__init__()
        for name, tensor in tensors.items():
            self.register_parameter(name.replace(".", "/"), torch.nn.Parameter(tensor, requires_grad=False))

    def forward(self, images):
        tensors = {{name.replace("/", "."): tensor for name, tensor in self.named_parameters()}}
'''


def network_source(network: nn.Module, images: Tensor, title: str) -> tuple[str, dict[str, Tensor]]:
    """Source with a class ``Network``, and the tensors by name that it takes: the network's state and its constants.

    ``network`` is in evaluation mode. ``images`` float (2, C, H, W) are examples on its device; the number of images
    is free. Raises `LacunaError` for a network that torch cannot trace, such as one that branches on values.
    """
    try:
        program = torch.export.export(network, (images,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    except Exception as error:  # torch raises many kinds
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise LacunaError(f"{title} cannot be exported, since torch cannot trace it: {reason}") from None
    specs = program.graph_signature.input_specs
    named = {spec.arg.name: spec.target for spec in specs if spec.target is not None}
    (given,) = (spec.arg.name for spec in specs if spec.kind == InputKind.USER_INPUT)
    state = {name: tensor.detach() for name, tensor in network.state_dict().items()}
    constants = {name: one.detach() for name, one in program.constants.items() if isinstance(one, Tensor)}
    with torch.no_grad():
        classes = network(images).shape[1]
    shape = ", ".join(map(str, images.shape[1:]))
    head = HEAD.format(title=title, version=torch.__version__, image=shape, classes=classes)
    return head + _body(program.graph_module.code, named, given), state | constants


def _body(code: str, named: Mapping[str, str], given: str) -> str:
    """The lines of the traced function, of which tensors are taken by their names in the state."""
    signature, *lines = code.strip().splitlines()
    found = SIGNATURE.fullmatch(signature)
    assert found
    arguments = [name.strip() for name in found["names"].split(",")]
    taken = [f'{name} = tensors["{named[name]}"]' for name in arguments if name in named]
    taken += [f"{given} = images"] * (given != "images")
    *steps, last = [DEVICE.sub("images.device", line.strip()) for line in lines if line.strip()]
    answer = re.fullmatch(r"return \((\w+),\)", last)
    assert answer
    return "".join(f"        {line}\n" for line in [*taken, *steps, f"return {answer[1]}"])
