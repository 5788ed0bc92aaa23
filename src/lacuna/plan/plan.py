"""The plan of one configuration: from names in its files to files below results/. No torch here."""

from collections.abc import Mapping

from lacuna.config.load import Config
from lacuna.plan.code import parts
from lacuna.plan.crates import Crates
from lacuna.plan.inventory import Inventory
from lacuna.plan.learnt import Learnt
from lacuna.plan.lookup import Lookup
from lacuna.plan.networks import Networks
from lacuna.plan.paths import Paths
from lacuna.plan.published import Published
from lacuna.plan.stage import Known, Stage
from lacuna.plan.stages import STAGES


class Plan:
    """What the workflow asks, by whom it asks: each attribute answers for its own part.

    ``lookup`` knows what names stand for, ``networks`` what builds a network, ``paths`` where files lie and what lies
    there, ``known`` is these three, ``stages`` each step of the flow by its name, ``inventory`` all that exhibits are
    made from, ``published`` what is copied to tables/ and figures/, and ``crates`` what can be packed for others.
    ``learnt`` is what finished jobs took: nothing, unless a main process sets what it read (`lacuna.cost.learnt_file`).
    """

    def __init__(self, config: Config) -> None:
        self.lookup = Lookup(config)
        self.config = self.lookup.config
        outputs = {name: {**stage.outputs, **stage.renderings} for name, stage in STAGES.items()}
        self.paths = Paths(self.config.scale, outputs, {name: stage.constraints for name, stage in STAGES.items()})
        self.networks = Networks(self.lookup, self.paths)
        self.known = Known(self.lookup, self.networks, self.paths)
        self.stages: Mapping[str, Stage] = {name: stage(self.known) for name, stage in STAGES.items()}
        self.code = parts(STAGES)
        self.inventory = Inventory(self.lookup, self.paths, self.stages)
        self.published = Published(self.lookup, self.paths)
        self.learnt = Learnt()
        self.crates = Crates(self.lookup, self.published, self.stages)

    def stage_of(self, rule: str) -> Stage | None:
        """The stage that a rule belongs to: train of train_resnet18; None for rules that publish and collect."""
        return self.stages.get(rule) or self.stages.get(rule.partition("_")[0])
