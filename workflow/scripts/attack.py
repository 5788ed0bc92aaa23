"""Rule attack: 8-bit adversarial images of one attack's whole grid on one source, with the source's labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lacuna.artefacts import Record, write_tensors
from lacuna.attacks.draws import Draws
from lacuna.attacks.folding import folded
from lacuna.attacks.run import adversarial_images
from lacuna.contents import read_dataset, read_selection
from lacuna.device import prepare_torch
from lacuna.evaluation import predict
from lacuna.job import job
from lacuna.networks import trained_network
from lacuna.resumable import Resumable
from lacuna.seeding import derive

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings, batch = json.loads(snakemake.params.settings), snakemake.resources.batch
    paths = snakemake.input
    inputs = [paths.images, *paths.checkpoints, paths.selection]
    record = Record("attack", snakemake.params.settings, inputs, [*paths.code, *paths.own])
    network = settings["network"]  # null for the source "none": no checkpoint, and labels -1
    data = read_dataset(paths.images, network)
    ids = torch.from_numpy(read_selection(paths.selection, data)["image"].to_numpy(copy=True))
    images, labels = data["images"][ids].to(device), data["labels"][ids].to(device)
    model = trained_network(network, list(paths.checkpoints), device) if network else None
    victim = folded(model) if model and settings["fold_batch_norm"] else model
    source, target = network["model"] if network else "none", Path(snakemake.output.adversarial)

    tensors = {"image": ids, "label": labels, "source_clean": predict(model, images, batch)}
    states = []
    for code, budget in settings["budgets"].items():
        name, seed = f"{code} on {source}", derive(settings["seed"], "attack", code, source)
        state = Resumable(target.parent / "state" / f"{target.stem}.{code}.safetensors", record.everything())
        draws = Draws(seed, tuple(ids.tolist()))
        how = {"name": name, "batch": batch, "draws": draws, "say": say, "state": state}
        made = adversarial_images(victim, images, labels, settings["method"], budget, **how)
        after = predict(model, made.images, batch)
        tensors |= {f"{code}.images": made.images, f"{code}.source_adversarial": after}
        tensors |= {f"{code}.valid": made.valid, f"{code}.distance": made.distance}
        record.facts[code] = made.report(images)
        if model:
            fooled = after.ne(labels.cpu()).double().mean().item()
            record.facts[code]["fooled_source_share"] = round(fooled, 6)
            say(f"{name}: the source is fooled on {fooled:.1%} of {len(ids)} images")
        states.append(state)
    record.volatile |= {"device": device, "batch": batch}
    write_tensors(str(target), tensors, record)
    for state in states:
        state.finish()
