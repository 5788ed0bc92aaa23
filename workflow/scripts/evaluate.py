"""Rule evaluate: one target's outcomes on the clean test set and on every adversarial set of a suite."""

import json
from typing import TYPE_CHECKING

from lacuna.artefacts import Record, write_frame
from lacuna.contents import read_adversarial, read_dataset
from lacuna.defenses import defended
from lacuna.device import near, prepare_torch
from lacuna.evaluation import adversarial_outcomes, answers, clean_outcomes, join_outcomes, predict
from lacuna.job import job
from lacuna.networks import trained_network

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads)
    settings, batch = json.loads(snakemake.params.settings), snakemake.resources.batch
    inputs = [snakemake.input.images, *snakemake.input.checkpoints, *snakemake.input.adversarial]
    record = Record("evaluate", snakemake.params.settings, inputs, [*snakemake.input.code, *snakemake.input.own])
    data = read_dataset(snakemake.input.images, settings["network"])
    model = trained_network(settings["network"], list(snakemake.input.checkpoints), device)
    if "defense" in settings:
        model = defended(settings["defense"], model, settings.get("seed", 0))
    sets = [read_adversarial(path, data) for path in snakemake.input.adversarial]
    clean = answers(model, near(data["images"], device), [tensors["image"] for tensors in sets], batch)
    frames = [clean_outcomes(data["labels"], clean)]
    for source, tensors in zip(settings["sources"], sets, strict=True):
        for key in sorted(name for name in tensors if name.endswith(".images")):
            attack = key.removesuffix(".images")
            predictions = predict(model, near(tensors[key], device), batch)
            frames.append(adversarial_outcomes(attack, source, tensors, clean.classes, predictions))
    accuracy = clean.classes.eq(data["labels"])[clean.asked].double().mean().item()
    record.volatile |= {"device": device, "batch": batch}
    write_frame(snakemake.output.outcomes, join_outcomes(frames), record)
    say(f"evaluate {snakemake.wildcards.target} on {snakemake.wildcards.suite}: clean accuracy {accuracy:.2%}")
