"""Rule attack: 8-bit adversarial images of one attack's whole grid on one source, with the source's labels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lacuna.artefacts import Record, stable_part, write_tensors
from lacuna.attacks.draws import Draws
from lacuna.attacks.flat import flat
from lacuna.attacks.folding import folded
from lacuna.attacks.run import AdversarialSet, adversarial_images
from lacuna.contents import read_adversarial, read_dataset, read_foreground, read_selection
from lacuna.data.brought import names_of
from lacuna.device import prepare_torch
from lacuna.errors import LacunaError
from lacuna.evaluation import predict
from lacuna.foreground.saliency import saliency_model
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
    inputs = [paths.images, *paths.checkpoints, paths.selection, *paths.like, *paths.foreground]
    record = Record("attack", snakemake.params.settings, inputs, [*paths.code, *paths.own])
    network = settings["network"]  # null for the source "none": no checkpoint, and labels -1
    data = read_dataset(paths.images, network)
    ids = torch.from_numpy(read_selection(paths.selection, data)["image"].to_numpy(copy=True))
    images, labels = data["images"][ids].to(device), data["labels"][ids].to(device)
    model = trained_network(network, list(paths.checkpoints), device) if network else None
    victim = folded(model) if model and settings["fold_batch_norm"] else model
    masks = [read_foreground(path, data)["mask"][ids].to(device) for path in paths.foreground]  # one, or none
    regions: dict[str, Any] = {"foreground": masks[0]} if masks else {}
    if "saliency" in settings:
        regions["saliency"] = saliency_model(settings["saliency"]).to(device)
    source, target = network["model"] if network else "none", Path(snakemake.output.adversarial)

    other = read_adversarial(paths.like[0], data) if paths.like else {}
    if other and not torch.equal(other["image"], ids):
        raise LacunaError(f"{paths.like[0]} is of other images than {paths.selection}; allowed: the same selection")
    like = AdversarialSet.read(other, settings["like"], device) if other else None
    files = None
    if "dataset" in settings:  # of methods that find the images' counterparts by name
        order, own = stable_part(paths.images)["facts"].get("order", ""), settings["dataset"]
        names = names_of(own["source"], own["classes"], "test", order)
        files = [names[image] for image in ids.tolist()]

    tensors = {"image": ids, "label": labels, "source_clean": predict(model, images, batch)}
    tensors["source_flat"] = flat(model, images, labels, batch, say)
    states = []
    for code, budget in settings["budgets"].items():
        name, seed = f"{code} on {source}", derive(settings["seed"], "attack", code, source)
        state = Resumable(target.parent / "state" / f"{target.stem}.{code}.safetensors", record.everything())
        draws = Draws(seed, tuple(ids.tolist()))
        how = {"name": name, "batch": batch, "draws": draws, "say": say, "state": state, "like": like, "files": files}
        made = adversarial_images(victim, images, labels, settings["method"], budget, **how, **regions)
        after = predict(model, made.images, batch)
        tensors |= {f"{code}.images": made.images, f"{code}.source_adversarial": after}
        tensors |= {f"{code}.valid": made.valid, f"{code}.distance": made.distance}
        tensors |= {f"{code}.{extra}": tensor for extra, tensor in made.extras.items()}
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
