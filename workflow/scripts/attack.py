"""Rule attack: 8-bit adversarial images of one attack's whole grid on one source, with the source's labels."""

import json
from typing import TYPE_CHECKING

import torch

from lacuna.artefacts import Record, read_frame, read_tensors, write_tensors
from lacuna.attacks.folding import folded
from lacuna.attacks.run import adversarial_images
from lacuna.device import prepare_torch
from lacuna.evaluation import predict
from lacuna.job import job
from lacuna.networks import trained_network
from lacuna.seeding import derive

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads)
    settings, batch = json.loads(snakemake.params.settings), snakemake.resources.batch
    inputs = [snakemake.input.images, snakemake.input.checkpoint, snakemake.input.selection]
    record = Record("attack", snakemake.params.settings, inputs, [*snakemake.input.code, *snakemake.input.own])
    data, selection = read_tensors(snakemake.input.images), read_frame(snakemake.input.selection)
    ids = torch.from_numpy(selection["image"].to_numpy())
    images, labels = data["images"][ids].to(device), data["labels"][ids].to(device)
    model = trained_network(settings["network"], snakemake.input.checkpoint, device)

    victim = folded(model) if settings["fold_batch_norm"] else model

    tensors = {"image": ids, "label": labels, "source_clean": predict(model, images, batch)}
    for code, budget in settings["budgets"].items():
        name = f"{code} on {settings['network']['model']}"
        torch.manual_seed(derive(settings["seed"], "attack", code, settings["network"]["model"]))
        made = adversarial_images(victim, images, labels, settings["method"], budget, name=name, batch=batch, say=say)
        tensors[f"{code}.images"] = made
        tensors[f"{code}.source_adversarial"] = predict(model, made, batch)
        fooled = tensors[f"{code}.source_adversarial"].ne(labels.cpu()).double().mean().item()
        record.facts[code] = {
            "fooled_source_share": round(fooled, 6),
            "largest_change": int((made.int() - images.int()).abs().max()),
        }
        say(f"{name}: the source is fooled on {fooled:.1%} of {len(ids)} images")
    record.volatile |= {"device": device, "batch": batch}
    write_tensors(snakemake.output.adversarial, tensors, record)
