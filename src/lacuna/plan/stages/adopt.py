"""adopt: a network of the user's own, checked and kept like a trained one."""

from typing import Any

from lacuna.language.models import OWN
from lacuna.plan.modules import NETWORKS
from lacuna.plan.own import own_code
from lacuna.plan.stage import Inputs, Stage


class Adopt(Stage):
    """The checkpoint of one network of the user's own."""

    name = "adopt"
    outputs = {"checkpoint": "train/{model}.safetensors"}
    constraints = {"model": f"{OWN}-[a-z0-9.-]+"}
    modules = (*NETWORKS,)

    def inputs(self, dataset: str, model: str) -> Inputs:
        """The weights that the user brings."""
        return {"weights": str(self.lookup.named("networks", model)["checkpoint"])}

    def settings(self, dataset: str, model: str) -> dict[str, Any]:
        """How the network is built."""
        return self.networks.settings(dataset, model)

    def own_code(self, dataset: str, model: str) -> list[str]:
        """The module that builds it."""
        return own_code(*self.networks.factories(model))
