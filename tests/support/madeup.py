"""A made-up run of a small configuration: every file that its plan wants, with true records, in a second."""

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lacuna.audit.gather import gather
from lacuna.claims.relations import load_claims
from lacuna.claims.verdicts import judge
from lacuna.config.schema import check_schema
from lacuna.evaluation.outcomes import DISTANCES
from lacuna.files.artefacts import Record, provenance_digest, write_frame, write_text
from lacuna.files.publications import publish
from lacuna.numbers.cells import table_cells
from lacuna.numbers.metrics import outcomes_by_name, samples_of
from lacuna.plan.notes import notes_of
from lacuna.plan.plan import Plan
from lacuna.plan.stage import Artefact
from lacuna.reporting.tables.claim_page import claims_markdown
from lacuna.reporting.tables.render import table_latex, table_markdown, wide_table

if TYPE_CHECKING:
    from projects import Project

Report = dict[str, Any]
DATA = "results/demo/fashion-mnist-subset"
CELLS = f"{DATA}/cells/table3.csv"
TESTED, ATTACKED = 300, 120
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>Scale demo, dataset d.</text></svg>'


def outcomes(target: str, sets: list[tuple[str, str]], seed: int = 0) -> pd.DataFrame:
    """A target's outcomes; masked targets withstand more, and some images are hard for every target."""
    draw = np.random.default_rng([seed, zlib.crc32(target.encode())])
    hard = np.random.default_rng(1).random(TESTED)
    level = 0.9 if "bottom" in target else 0.4
    every = [("none", ""), *sets]
    images = [np.arange(TESTED if attack == "none" else ATTACKED) for attack, _ in every]
    luck = np.concatenate([draw.random((2, len(image))) for image in images], axis=1)
    image = np.concatenate(images)
    clean, adversarial = (0.7 * hard[image] + 0.3 * luck > [[0.8], [level]]).astype(int)
    counts = [len(one) for one in images]
    attack, source = (np.repeat(np.array(names, dtype=object), counts) for names in zip(*every, strict=True))
    frame = pd.DataFrame({"attack": attack, "source": source, "image": image, "label": 0, "source_clean": 0})
    frame = frame.assign(source_flat=0, source_adversarial=1, valid=True, **dict.fromkeys(DISTANCES, np.float32(0)))
    frame = frame.assign(clean=clean, adversarial=adversarial, unrounded=adversarial)
    return frame.astype({"attack": "category", "source": "category"})


def run(plan: Plan, seed: int = 0) -> None:
    """Fills results/ and tables/ in the working directory with all tables, claims and SVG figures of the plan."""
    for artefact in plan.inventory.artefacts():
        for name in artefact.inputs:
            if not Path(name).exists():
                write_text(name, "committed")
        _make(plan, artefact, seed)
    for table in plan.lookup.tables:
        _render(plan, table)
    for paper in plan.lookup.claimed:
        _claims(plan, plan.inventory.claims(paper)[0])
    for figure in plan.lookup.figures:
        for path in plan.published.figure(figure):
            write_text(path, SVG)
    publish_all(plan)


def publish_all(plan: Plan) -> None:
    """As the rules that publish do it."""
    for note, copies in plan.published.copies().items():
        publish(note, plan.config.scale, Path(note).name.split(".")[0], copies)


def _make(plan: Plan, artefact: Artefact, seed: int) -> None:
    record = Record(artefact.stage, artefact.settings, list(artefact.inputs))
    if artefact.stage == "evaluate":
        folder, suite, target = (artefact.wildcards[name] for name in ("dataset", "suite", "target"))
        pairs = plan.lookup.suite_sources(suite, target)
        sets = [(code, source) for attack, source in pairs for code in plan.lookup.codes(attack)]
        write_frame(artefact.path, outcomes(target, sets, zlib.crc32(folder.encode()) + seed), record)
    elif artefact.stage == "cells":
        write_frame(artefact.path, _cells(artefact), record)
    else:
        write_text(artefact.path, f"{artefact.path} {seed}")
        record.write(artefact.path)


def _cells(artefact: Artefact) -> pd.DataFrame:
    """As the rule cells does it."""
    settings = json.loads(artefact.settings)
    files = outcomes_by_name([settings], artefact.inputs[:-1])
    printed = pd.read_csv(artefact.inputs[-1])
    frames = {key: pd.read_parquet(path) for key, path in files.items()}
    digests = {key: provenance_digest(path) for key, path in files.items()}
    return table_cells(settings, frames, printed[printed["table"] == settings["printed_table"]], digests)


def _render(plan: Plan, table: str) -> None:
    paper, body = plan.lookup.tables[table]
    cells = pd.read_csv(plan.published.table(table)[-1])
    named = (cells, body["title"], plan.config.papers[paper]["title"], notes_of(plan.known, "table", table))
    texts = [wide_table(cells).to_csv(index=False, lineterminator="\n"), table_markdown(*named), table_latex(*named)]
    for path, text in zip(plan.published.table(table), texts, strict=False):
        write_text(path, text)


def _claims(plan: Plan, artefact: Artefact) -> None:
    record = Record("claims", artefact.settings, list(artefact.inputs))
    settings, paper = json.loads(artefact.settings), Path(artefact.path).stem
    inputs = plan.stages["claims"].inputs(**artefact.wildcards)
    files = outcomes_by_name(settings["tables"], inputs["outcomes"])
    samples = samples_of(settings["tables"], lambda folder, origin: pd.read_parquet(files[folder, origin]))
    cells = pd.concat([pd.read_csv(path) for path in inputs["cells"]], ignore_index=True)
    printed = pd.read_csv(f"data/printed/{paper}.csv")
    verdicts, pairs = judge(load_claims(Path(), paper), cells, samples, printed, {}, settings["names"])
    path, md, comparisons = plan.published.claims(paper)
    write_frame(path, verdicts, record)
    write_frame(comparisons, pairs, record)
    write_text(md, claims_markdown(verdicts, settings["title"]))


def rerun(project: "Project", seed: int, weaker: str = "") -> None:
    """Makes outcomes and cells again as another draw of equal networks; ``weaker`` withstands nothing any more."""
    plan = Plan(project.load())
    for artefact in plan.inventory.artefacts():
        if artefact.stage in ("evaluate", "cells"):
            _make(plan, artefact, seed)
            if weaker and artefact.path.endswith(f"/{weaker}.parquet"):
                frame = pd.read_parquet(artefact.path)
                frame["adversarial"] = frame["adversarial"].where(frame["attack"] == "none", 1)
                write_frame(artefact.path, frame, Record(artefact.stage, artefact.settings, list(artefact.inputs)))


def audited(project: "Project", baseline: str = "", **chosen: Any) -> Report:
    """The report on the working directory, which must read as its published schema says."""
    report = gather(Plan(project.load(**chosen)), baseline)
    check_schema(json.loads(json.dumps(report, allow_nan=False)), "audit", "audit.json", project.root)
    return report
