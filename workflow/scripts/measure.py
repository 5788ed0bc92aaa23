"""Rule measure: image quality, file sizes, colours and foreground scores of one adversarial set."""

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import pandas as pd

from lacuna.evaluation.doubts import mark_doubts
from lacuna.evaluation.quality import BATCH, measure_quality, missing_reason
from lacuna.files.artefacts import Record, write_frame
from lacuna.files.contents import IMAGES, codes_of, read_adversarial, read_dataset, read_foreground
from lacuna.files.digests import planned_code
from lacuna.foreground.saliency import saliency_model
from lacuna.foreground.score import foreground_scores
from lacuna.foreign.parts import watched
from lacuna.foreign.probes import doubts_in, doubts_of
from lacuna.jobs.job import job
from lacuna.language.attacks import MARGIN
from lacuna.numerics.device import prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings, source = json.loads(snakemake.params.settings), snakemake.wildcards.source
    inputs = [snakemake.input.images, snakemake.input.adversarial, *snakemake.input.foreground]
    record = Record("measure", snakemake.params.settings, inputs, planned_code(snakemake.input.code))
    whole = read_dataset(snakemake.input.images)
    data, tensors = whole["images"], read_adversarial(snakemake.input.adversarial, whole)
    foregrounds = [read_foreground(path, whole)["mask"] for path in snakemake.input.foreground]  # one, or none
    models = {name: saliency_model(how).to(device) for name, how in settings["saliency"].items()}
    seen = [name for name in settings["measures"] if name not in (*models, MARGIN)]
    without = {name: missing_reason(name, (data.shape[-2], data.shape[-1]), device) for name in seen}
    for why in filter(None, without.values()):
        say(f"measure {snakemake.wildcards.attack}: {why}; its column stays empty")
    frames = []
    doubts = [*doubts_in(tensors), *doubts_of(data, *models.values())]
    for code in codes_of(tensors):
        valid = tensors[f"{code}.valid"]
        ids = tensors["image"][valid]
        clean, adversarial = data[ids].to(device), tensors[f"{code}{IMAGES}"][valid].to(device)
        columns = {name: measure_quality(name, clean, adversarial).numpy() for name in seen}
        for name, model in models.items():
            with watched(model):
                scores = foreground_scores(model, adversarial, foregrounds[0][ids].to(device), BATCH)
            columns[name] = scores.double().numpy()
        if MARGIN in settings["measures"]:
            columns[MARGIN] = tensors[f"{code}.{MARGIN}"][valid].double().numpy()
        frames.append(pd.DataFrame({"attack": code, "source": source, "image": ids.numpy(), **columns}))
        say(f"measure {code} on {source}: {len(ids)} images")
    record.facts = {"without": {name: why for name, why in without.items() if why}}
    record.facts["versions"] = {name: version(name) for name in ("pyiqa", "scikit-image")}
    record.facts["saliency"] = {name: str(model.label) for name, model in models.items()}
    record.volatile |= {"device": device}
    lines = mark_doubts(pd.concat(frames, ignore_index=True), doubts, {})
    write_frame(snakemake.output.measures, lines, record)
