"""The list of everything that can be asked for: one entry per table and figure. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lacuna.catalogue.states import State, States
from lacuna.cost import Cost, cost_of
from lacuna.errors import LacunaError
from lacuna.plan.names import ENDINGS
from lacuna.plan.plan import Plan
from lacuna.plan.shown import Kind

SOON, LONG = 60, 100 * 60  # seconds: below a minute, and from where on hours are said


@dataclass(frozen=True)
class Entry:
    """One table or figure: what it is, what the whole of it costs from nothing, and what of it is there.

    ``jobs`` is the number of jobs that Snakemake would run for it; None where it was not asked.
    """

    kind: Kind
    name: str
    paper: str
    title: str
    dataset: str
    whole: Cost
    left: Cost
    state: State
    jobs: int | None = None

    @property
    def target(self) -> str:
        """What one types after ``snakemake``."""
        return f"{self.kind}s/{self.name}{ENDINGS[f'{self.kind}s'][0]}"

    @property
    def record(self) -> dict[str, Any]:
        """The entry as plain values, seconds of one device and bytes."""
        plain = {key: getattr(self, key) for key in ("target", "kind", "name", "paper", "title", "dataset", "state")}
        costs = {"seconds": round(self.whole.seconds), "missing_seconds": round(self.left.seconds)}
        known = {"foretold": not self.whole.unforetold, "bytes": round(self.whole.bytes)}
        return plain | costs | known | ({} if self.jobs is None else {"jobs": self.jobs})


def entries(plan: Plan, paper: str | None = None) -> list[Entry]:
    """Every table and figure of the configuration, or of one paper. Raises `LacunaError` for a paper that is none."""
    if paper is not None and paper not in plan.config.papers:
        raise LacunaError(f"there is no paper {paper}; allowed: {', '.join(plan.config.papers)}")
    states = States(plan)
    kinds: Mapping[Kind, Any] = {"table": plan.lookup.tables, "figure": plan.lookup.figures}
    return [
        entry(plan, states, kind, name)
        for one in plan.config.papers
        for kind, named in kinds.items()
        for name, (owner, _) in named.items()
        if owner == one and paper in (None, one)
    ]


def entry(plan: Plan, states: States, kind: Kind, name: str) -> Entry:
    """One table or figure."""
    paper, body = plan.lookup.tables[name] if kind == "table" else plan.lookup.figures[name]
    chain = states.chain(kind, name)
    whole, left = cost_of(plan, chain, True), cost_of(plan, chain, again=states.again)
    dataset = plan.lookup.dataset_of(name)
    return Entry(kind, name, paper, body["title"], dataset, whole, left, states.of(kind, name))


def about(cost: Cost) -> str:
    """The time of a cost in minutes or hours of one device, with a plus where code of the user's own adds to it."""
    seconds, more = cost.seconds, "+" * bool(cost.unforetold)
    if seconds < SOON:
        return f"{'<1 min' if seconds else '0'}{more}"
    return f"{seconds / 60:.0f} min{more}" if seconds < LONG else f"{seconds / 3600:.1f} h{more}"
