"""Tensors of one network that share memory: weights that two layers use, and views of other tensors."""

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import chain

import torch
from torch import Tensor, nn

from lacuna.errors import LacunaError


def copy_network(network: nn.Module) -> nn.Module:
    """A copy in which tensors share memory as they do there. A deep copy alone parts a tensor and its views."""
    copied, found = deepcopy(network), dict(_tensors(network))
    names = Counter(map(_memory, found.values()))
    storages = {_memory(one): deepcopy(one.untyped_storage()) for one in found.values() if names[_memory(one)] > 1}
    for name, copy in _tensors(copied):
        old = found[name]
        if _memory(old) in storages:
            empty = torch.empty(0, dtype=old.dtype, device=old.device)
            copy.data = empty.set_(storages[_memory(old)], old.storage_offset(), old.shape, old.stride())
    return copied


def names_covered(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> set[str]:
    """Names that a checkpoint leaves out, and that share the memory of a tensor that it has and that fills it.

    ``expected`` is the state of the network, ``tensors`` that of the checkpoint.
    """
    present = (tensor for name, tensor in expected.items() if name in tensors)
    filled = {_memory(tensor) for tensor in present if tensor.nbytes == tensor.untyped_storage().nbytes()}
    return {name for name, tensor in expected.items() if name not in tensors and _memory(tensor) in filled}


def refuse_contradictions(loaded: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: str) -> None:
    """Raises `LacunaError` where a checkpoint has other values for tensors that share memory in the network.

    ``loaded`` is the state of the network after the checkpoint was copied into it.
    """
    names = Counter(map(_memory, loaded.values()))
    for name, given in sorted(tensors.items()):
        if names[_memory(loaded[name])] > 1 and not torch.equal(loaded[name], given):
            raise LacunaError(
                f"{path}: tensor '{name}' has other values than one that it shares its memory with in the network; "
                "allowed: the same values"
            )


def _memory(tensor: Tensor) -> int:
    """The address of the memory that a tensor lies in, which a view shares."""
    return tensor.untyped_storage().data_ptr()


def _tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers by every name that they have."""
    return chain(network.named_parameters(remove_duplicate=False), network.named_buffers(remove_duplicate=False))
