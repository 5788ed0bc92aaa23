"""A paper's file cut down to a few exhibits and what they refer to."""

from typing import Any

from lacuna.config.shared import written_out


def excerpt(content: Any, *exhibits: str) -> None:
    """Keeps these tables and figures of a paper's file, in place and written out, and the parts that they name."""
    content.update(written_out(content))
    content.pop("notes", None)  # on exhibits that are left out
    for kind in ("tables", "figures"):
        _keep(content, kind, set(exhibits))
    bodies = [body for kind in ("tables", "figures") for body in content[kind].values()]
    parts = [part for body in bodies for key in ("columns", "rows", "lines") for part in body.get(key, [])]
    _keep(content, "suites", {part["suite"] for part in [*bodies, *parts] if "suite" in part})
    suites = content["suites"].values()
    attacks = {part["attack"] for part in [*bodies, *parts] if "attack" in part}
    _keep(content, "attacks", attacks | {attack for suite in suites for attack in suite["attacks"]})
    _keep(content, "selections", {attack["selection"] for attack in content["attacks"].values()})
    models = {part[key] for part in [*bodies, *parts] for key in ("model", "source") if key in part}
    named = [*suites, *content["selections"].values()]
    _keep(content, "ensembles", models | {source for part in named for source in part.get("sources", [])})


def excerpt_scale(content: Any, paper: Any) -> None:
    """Keeps of a scale's file what an excerpt of a paper's file still has."""
    _keep(content, "images", paper["selections"])
    if notes := [note for note in content.pop("notes", []) if note["needs"].keys() == {"width"}]:
        content["notes"] = notes
    for kind in ("attacks", "trainings", "defenses", "tables"):
        _keep(content, kind, paper.get(kind, {}))
    _keep(content, "victims", {paper["paper"]} if "victim" in paper else {})


def _keep(content: Any, kind: str, wanted: Any) -> None:
    content[kind] = {name: body for name, body in content.get(kind, {}).items() if name in wanted}
