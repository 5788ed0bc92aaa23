"""The state of a network, which code of the user's own must leave as it is."""

from torch import Tensor, nn

from lacuna.errors import LacunaError


class Snapshot:
    """The state of a module at one moment: parameters, buffers, modes, hooks, and what takes gradients.

    A buffer that is made only later, such as one that depends on the size of the images, is no change.
    """

    def __init__(self, module: nn.Module) -> None:
        self.tensors = {name: tensor.detach().clone() for name, tensor in _tensors(module).items()}
        self.settings = _settings(module)

    def refuse_change(self, who: str, module: nn.Module, whose: str) -> None:
        """Raises `LacunaError`, which names the first thing that ``who`` changed in a ``module``, named ``whose``."""
        if what := self._change(module):
            raise LacunaError(
                f"{who} changed {what} of {whose}; allowed: to leave weights, modes and hooks as they are"
            )

    def _change(self, module: nn.Module) -> str:
        """What differs from the snapshot, in words; empty where nothing does."""
        tensors, settings = _tensors(module), _settings(module)
        for name, before in self.tensors.items():
            if name not in tensors or not _equal(before, tensors[name].detach()):
                return f"the tensor '{name}'"
        for name, value in self.settings.items():
            if settings.get(name) != value:
                return name
        return ""


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _settings(module: nn.Module) -> dict[str, object]:
    """What decides an answer besides tensors, by a name in words."""
    found: dict[str, object] = {}
    for name, part in module.named_modules():
        found[f"the training mode of '{name}'"] = part.training
        found[f"the hooks of '{name}'"] = _hooks(part)
        found[f"the forward function of '{name}'"] = (type(part), id(vars(part).get("forward")))
    return found | {f"whether '{name}' takes a gradient": p.requires_grad for name, p in module.named_parameters()}


def _hooks(part: nn.Module) -> tuple[int, ...]:
    kinds = (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
    return tuple(len(kind) for kind in kinds)


def _equal(before: Tensor, after: Tensor) -> bool:
    """Whether two tensors are alike; NaN equals NaN."""
    if (before.shape, before.dtype) != (after.shape, after.dtype):
        return False
    same = before == after.to(before.device)
    return bool((same | ((before != before) & (after != after).to(before.device))).all())
