"""Rule measure: image quality, file sizes and colours of one adversarial set beside its clean images."""

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import pandas as pd

from lacuna.artefacts import Record, read_tensors, write_frame
from lacuna.device import prepare_torch
from lacuna.job import job
from lacuna.quality import measure, reason

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads)
    settings, source = json.loads(snakemake.params.settings), snakemake.wildcards.source
    inputs = [snakemake.input.images, snakemake.input.adversarial]
    record = Record("measure", snakemake.params.settings, inputs, list(snakemake.input.code))
    data, tensors = read_tensors(snakemake.input.images)["images"], read_tensors(snakemake.input.adversarial)
    without = {name: reason(name, (data.shape[-2], data.shape[-1]), device) for name in settings["measures"]}
    for why in filter(None, without.values()):
        say(f"measure {snakemake.wildcards.attack}: {why}; its column stays empty")
    frames = []
    for code in sorted(key.removesuffix(".images") for key in tensors if key.endswith(".images")):
        valid = tensors[f"{code}.valid"]
        ids = tensors["image"][valid]
        clean, adversarial = data[ids].to(device), tensors[f"{code}.images"][valid].to(device)
        columns = {name: measure(name, clean, adversarial).numpy() for name in settings["measures"]}
        frames.append(pd.DataFrame({"attack": code, "source": source, "image": ids.numpy(), **columns}))
        say(f"measure {code} on {source}: {len(ids)} images")
    record.facts = {"without": {name: why for name, why in without.items() if why}}
    record.facts["versions"] = {name: version(name) for name in ("pyiqa", "scikit-image")}
    record.volatile |= {"device": device}
    write_frame(snakemake.output.measures, pd.concat(frames, ignore_index=True), record)
