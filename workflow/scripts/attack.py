"""Rule attack: 8-bit adversarial images of one attack's whole grid on one source, with the source's labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lacuna.attacks.core.grid import Originals, attack_grid, doubts_of_files, read_like, selected_names
from lacuna.attacks.core.victim import averaged
from lacuna.evaluation.defenses import defend
from lacuna.files.artefacts import Record, write_tensors
from lacuna.files.contents import read_dataset, read_foreground, read_selection
from lacuna.files.digests import planned_code
from lacuna.foreground.saliency import saliency_model
from lacuna.foreign.parts import watched
from lacuna.jobs.job import job
from lacuna.language.attacks import METHODS
from lacuna.language.declared import resolve
from lacuna.models.networks import trained_network
from lacuna.numerics.batches import fitting_batch
from lacuna.numerics.device import prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings = json.loads(snakemake.params.settings)
    paths = snakemake.input
    if settings["method"] not in METHODS:
        resolve(settings["method"])  # what cannot be imported is refused before any work
    inputs = [paths.images, *paths.checkpoints, paths.selection, *paths.like, *paths.foreground]
    record = Record("attack", snakemake.params.settings, inputs, planned_code(paths.code))
    network = settings["network"]  # null for the source "none": no checkpoint, and labels -1
    data = read_dataset(paths.images, network)
    ids = torch.from_numpy(read_selection(paths.selection, data)["image"].to_numpy(copy=True))
    originals = Originals(ids, data["images"][ids].to(device), data["labels"][ids].to(device))
    model = trained_network(network, list(paths.checkpoints), device) if network else None
    if model and "defense" in settings:
        model = defend(settings["defense"], model, settings["seed"])
    if model:
        model = averaged(model, settings.get("draws", 1))

    what: dict[str, Any] = {"known": doubts_of_files(settings["method"], paths.images)}
    for path in paths.foreground:  # one, or none
        what["foreground"] = read_foreground(path, data)["mask"][ids].to(device)
    for path in paths.like:  # one, or none
        what["other"] = read_like(path, data, ids)
    if "saliency" in settings:
        what["saliency"] = saliency_model(settings["saliency"]).to(device)
    if "dataset" in settings:
        what["files"] = selected_names(settings["dataset"], paths.images, ids)

    target = Path(snakemake.output.adversarial)
    how: dict[str, Any] = {"target": target, "digest": record.full_digest(), "say": say}
    with watched(model, what.get("saliency")):
        batch = fitting_batch(model, originals.images, snakemake.resources.batch)
        grid = attack_grid(settings, model, originals, batch=batch, **how, **what)
    record.facts |= grid.facts
    record.volatile |= {"device": device, "batch": batch}
    write_tensors(str(target), grid.tensors, record)
    for state in grid.states:
        state.finish()
