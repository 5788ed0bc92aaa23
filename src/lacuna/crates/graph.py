"""The description of a crate as JSON-LD: a Workflow Run RO-Crate, profile Provenance Run Crate 0.5.

https://w3id.org/ro/wfrun/provenance/0.5 has the terms. One action stands for each job, with its settings, what it read
and what it made; a file that is too large to be packed is an entity all the same, with its sha256.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rocrate.rocrate import ROCrate

from lacuna.crates.behind import Behind, Job
from lacuna.crates.entities import Entities, reference
from lacuna.crates.members import RECORDS, SOURCE, Members
from lacuna.files.records import RecordContent
from lacuna.plan.published import COPIES, Kind
from lacuna.trace import shorten_settings

VERSION = "1.1"  # of RO-Crate, on which version 0.5 of the profiles is built
PROFILES = {
    **{f"https://w3id.org/ro/wfrun/{name}/0.5": f"{name.capitalize()} Run Crate" for name in ("process", "workflow")},
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = {  # that the context of RO-Crate 1.1 lacks
    "resourceUsage": "https://w3id.org/ro/terms/workflow-run#resourceUsage",
    "sha256": "http://schema.org/sha256",
}
ENGINE, RUN, MAIN = "https://snakemake.github.io", "#run", f"{SOURCE}/Snakefile"
DONE = "http://schema.org/CompletedActionStatus"
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
SECONDS = "https://qudt.org/vocab/unit/SEC"


def describe(behind: Behind, members: Members, about: Mapping[str, Any]) -> bytes:
    """The file ro-crate-metadata.json of a crate that has these members.

    ``about`` has the ``name``, ``description``, ``date``, ``version`` of Snakemake, ``commit``, ``paper`` (an entity),
    ``claims`` (lines of a file of claims), and ``large``, which says where DVC has a file.
    """
    crate = ROCrate(version=VERSION)
    crate.metadata.extra_terms.update(TERMS)
    entities = Entities(crate, members, behind.records, about["large"])
    _describe_root(crate, entities, about)
    stages = {job.stage for job in behind.jobs} | {kind for kind, _, _ in _rendered(behind, members)}
    used = [stage for stage in behind.plan.stages if stage in stages]
    _describe_workflow(entities, used, about)
    actions = [_action(entities, behind, job) for job in behind.jobs] + [*_renderings(entities, behind)]
    controls = [_control(entities, action) for action in actions]
    made = [part for action in actions for part in action["result"]]
    settled = [*made, *(reference(f"#settings/{action['@id'][5:]}") for action in actions)]
    taken = [part for action in actions for part in action["object"] if part not in settled]
    _describe_run(entities, about, taken, _shown(behind, members), controls)
    claims = [one for line in about["claims"] for one in _claim(entities, line, about["paper"])]
    mentioned = [*(action["@id"] for action in actions), RUN, *claims]
    crate.root_dataset["mentions"] = [reference(one) for one in mentioned]
    for name in members:
        entities.file(name)
    entities.finish()
    return (json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n").encode()


def _rendered(behind: Behind, members: Members) -> list[tuple[Kind, str, list[str]]]:
    """The tables and figures that are in the crate, each with its files; cells have a record and a job of their own."""
    kinds: list[tuple[Kind, tuple[str, ...]]] = [("table", behind.parts.tables), ("figure", behind.parts.figures)]
    named = [(kind, name) for kind, names in kinds for name in names]
    files = [(kind, name, [copy.format(name) for copy in COPIES[kind] if "cells" not in copy]) for kind, name in named]
    return [one for one in files if {*one[2]} <= members.keys()]


def _shown(behind: Behind, members: Members) -> list[dict[str, str]]:
    """What whoever asked for the crate asked for."""
    return [reference(name) for name in members if name.startswith(("tables/", "figures/"))]


def _describe_root(crate: ROCrate, entities: Entities, about: Mapping[str, Any]) -> None:
    root, author = crate.root_dataset, {"@id": "#authors", "@type": "Organization", "name": "The Lacuna developers"}
    for uri, name in PROFILES.items():
        entities.add({"@id": uri, "@type": "CreativeWork", "name": name, "version": uri.rsplit("/", 1)[-1]})
    crate.metadata["conformsTo"] = [reference(f"https://w3id.org/ro/crate/{VERSION}"), reference([*PROFILES][-1])]
    root["conformsTo"] = [reference(uri) for uri in PROFILES]
    root["name"], root["description"] = about["name"], about["description"]
    root["datePublished"], root["license"] = about["date"], reference(entities.licence())
    root["author"], root["citation"] = reference(entities.add(author)), reference(entities.add(about["paper"]))
    root["publisher"], root["mainEntity"] = reference(author["@id"]), reference(MAIN)


def _describe_workflow(entities: Entities, stages: Sequence[str], about: Mapping[str, Any]) -> None:
    """The workflow, its tools, which are the scripts of its rules, and its steps, which are its stages."""
    commit = about["commit"] or "no commit"
    language = {"@id": "#snakemake", "@type": "ComputerLanguage", "name": "Snakemake", "url": reference(ENGINE)}
    entities.add(language)
    entities.add({"@id": ENGINE, "@type": "SoftwareApplication", "name": "Snakemake", "url": ENGINE})
    entities.update(ENGINE, {"softwareVersion": about["version"]})
    steps = []
    for i, stage in enumerate(stages):
        code: dict[str, Any] = {
            "name": stage,
            "version": commit,
            "url": f"{SOURCE}/rules/{stage}.smk",
            "input": [],
            "output": [],
        }
        tool = entities.file(_tool(stage), {"@type": ["File", "SoftwareSourceCode"], **code})
        step = {"@id": f"#step/{stage}", "@type": "HowToStep", "name": stage, "position": str(i)}
        steps.append(reference(entities.add({**step, "workExample": reference(tool)})))
        parameter = {"@id": _parameter(stage), "@type": "FormalParameter", "name": "settings", "workExample": []}
        entities.add({**parameter, "additionalType": "PropertyValue"})
        entities.update(tool, {"input": [reference(_parameter(stage))]})
    kinds = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
    parts = {"hasPart": [reference(_tool(stage)) for stage in stages], "step": steps}
    named = {"@type": kinds, "name": "Lacuna", "programmingLanguage": reference("#snakemake"), "version": commit}
    more = {"url": MAIN, "license": reference(entities.licence()), "conformsTo": reference(BIOSCHEMAS)}
    entities.file(MAIN, {**named, **parts, **more})


def _tool(stage: str) -> str:
    return f"{SOURCE}/workflow/scripts/{stage}.py"


def _parameter(stage: str) -> str:
    return f"#parameter/{stage}/settings"


def _action(entities: Entities, behind: Behind, job: Job) -> dict[str, Any]:
    """The action of a job, with its settings and, where its record is here, what it took and where it ran."""
    record = next(iter(job.records.values()), None)
    settings = json.loads(job.outputs[0].settings) if record is None else record.stable.get("settings")
    taken = [entities.of(path, record) for path in job.outputs[0].inputs]
    made = [entities.of(one.path, None) for one in job.outputs]
    value = {"@id": f"#settings/{job.name}", "@type": "PropertyValue", "name": f"settings of {job.name}"}
    text = json.dumps(shorten_settings(settings), sort_keys=True)
    entities.add({**value, "value": text, "exampleOfWork": reference(_parameter(job.stage))})
    entities.append(_parameter(job.stage), "workExample", reference(value["@id"]))
    action = _plain_action(job.stage, job.name, [*taken, value["@id"]], made)
    action["description"] = _circumstances(record)
    if record is not None and "seconds" in record.volatile:
        usage = {"@id": f"#seconds/{job.name}", "@type": "PropertyValue", "name": "wall time", "propertyID": SECONDS}
        action["resourceUsage"] = reference(
            entities.add({**usage, "unitCode": SECONDS, "value": str(record.volatile["seconds"])})
        )
    entities.add(action)
    for name in job.records:
        entities.update(entities.of(name, None), {"subjectOf": reference(f"{RECORDS}/{name}.prov.json")})
    return action


def _plain_action(stage: str, name: str, taken: Iterable[str], made: Iterable[str]) -> dict[str, Any]:
    known = {"@id": f"#job/{name}", "@type": "CreateAction", "name": f"{stage}: {name}", "actionStatus": DONE}
    used = {"object": [reference(one) for one in taken], "result": [reference(one) for one in made]}
    return {**known, "instrument": reference(_tool(stage)), **used, "agent": reference("#authors")}


def _circumstances(record: RecordContent | None) -> str:
    if record is None:
        return "The record of this job is not here; records of what was made from its files hold its digest."
    made = record.volatile
    dirty = ", with uncommitted changes" if made.get("dirty") else ""
    return f"Commit {made.get('commit')}{dirty}, host {made.get('host')}. The record has versions, seeds and digests."


def _renderings(entities: Entities, behind: Behind) -> Iterator[dict[str, Any]]:
    """The actions that render tables and figures from files that have records; renderings have none."""
    plan = behind.plan
    for kind, name, made in _rendered(behind, entities.members):
        source = [plan.inventory.cells_of(name)] if kind == "table" else plan.inventory.drawn_from(name)
        value = {"@id": f"#settings/{made[0]}", "@type": "PropertyValue", "name": f"settings of {made[0]}"}
        text = plan.stages[kind].canonical(**plan.lookup.wildcards_of(name))
        entities.add({**value, "value": text, "exampleOfWork": reference(_parameter(kind))})
        entities.append(_parameter(kind), "workExample", reference(value["@id"]))
        taken = [*(entities.of(path, None) for path in source), value["@id"]]
        action = _plain_action(kind, made[0], taken, [entities.file(one) for one in made])
        action["description"] = f"The {kind} as it is shown; it is rendered in seconds and has no record."
        entities.add(action)
        yield action


def _control(entities: Entities, action: Mapping[str, Any]) -> dict[str, str]:
    stage = action["name"].partition(":")[0]
    control = {"@id": f"#control/{action['@id'][5:]}", "@type": "ControlAction", "name": f"step {stage}"}
    used = {"instrument": reference(f"#step/{stage}"), "object": reference(action["@id"])}
    return reference(entities.add({**control, **used}))


def _describe_run(
    entities: Entities, about: Mapping[str, Any], taken: list[Any], made: list[Any], controls: list[Any]
) -> None:
    unique = [reference(one) for one in dict.fromkeys(part["@id"] for part in taken)]
    action = {"@id": RUN, "@type": "CreateAction", "name": f"snakemake {about['target']}", "actionStatus": DONE}
    said = f"All jobs behind {about['target']}, in however many runs of Snakemake."
    used = {"instrument": reference(MAIN), "object": unique, "result": made, "agent": reference("#authors")}
    entities.add({**action, "description": said, **used})
    engine = {"@id": "#engine", "@type": "OrganizeAction", "name": f"Snakemake {about['version']}"}
    entities.add({**engine, "instrument": reference(ENGINE), "object": controls, "result": reference(RUN)})


def _claim(entities: Entities, line: Mapping[str, Any], paper: Mapping[str, Any]) -> list[str]:
    """A claim, and what the cells say of it."""
    claim = {"@id": f"#claim/{line['id']}", "@type": "Claim", "name": line["id"], "text": line["claim"]}
    entities.add({**claim, "appearance": reference(paper["@id"])})
    said = f"{line['verdict']}; {line['hold']} of {line['comparisons']} comparisons hold. {line['note']}".strip()
    review = {"@id": f"#verdict/{line['id']}", "@type": "ClaimReview", "name": f"verdict on {line['id']}"}
    entities.add(
        {**review, "reviewBody": said, "itemReviewed": reference(claim["@id"]), "author": reference("#authors")}
    )
    return [claim["@id"], review["@id"]]
