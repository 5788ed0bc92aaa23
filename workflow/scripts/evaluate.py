"""Rule evaluate: one target's outcomes on the clean test set and on every adversarial set of a suite."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from lacuna.evaluation.defenses import defend
from lacuna.evaluation.doubts import mark_doubts
from lacuna.evaluation.outcomes import adversarial_outcomes, clean_outcomes, join_outcomes
from lacuna.evaluation.predictions import Predictions, clean_answers
from lacuna.files.artefacts import Record, write_frame
from lacuna.files.contents import FORMAT, IMAGES, codes_of, read_adversarial, read_dataset
from lacuna.files.digests import planned_code
from lacuna.files.named import named_inputs
from lacuna.files.states import Resumable
from lacuna.foreign.parts import watched
from lacuna.foreign.probes import doubts_in, doubts_of
from lacuna.jobs.job import job
from lacuna.models.networks import trained_network
from lacuna.numerics.batches import fitting_batch
from lacuna.numerics.device import place_images, prepare_torch

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

with job(snakemake) as say:
    device = prepare_torch(snakemake.threads, getattr(snakemake.resources, "needs_gpu", 0))
    settings = json.loads(snakemake.params.settings)
    inputs = [snakemake.input.images, *snakemake.input.checkpoints, *snakemake.input.adversarial]
    record = Record("evaluate", snakemake.params.settings, inputs, planned_code(snakemake.input.code))
    data = read_dataset(snakemake.input.images, settings["network"])
    network = trained_network(settings["network"], list(snakemake.input.checkpoints), device)
    defended, draws = "defense" in settings, settings.get("draws", 1)
    model = defend(settings["defense"], network, settings.get("seed", 0)) if defended else network
    files = named_inputs(settings["sets"], ("attack", "source"), snakemake.input.adversarial)
    sets = [(source, read_adversarial(path, data)) for (_, source), path in files.items()]
    target = Path(snakemake.output.outcomes)
    state = Resumable(target.parent / "state" / f"{target.stem}.safetensors", record.full_digest(), say)
    attacked = [tensors["image"] for _, tensors in sets]
    with watched(model):
        batch = fitting_batch(network, data["images"], snakemake.resources.batch)
        predictions = Predictions(model, batch, state, say, draws)
        doubts = doubts_of(data["images"], model)
        clean = clean_answers(predictions, place_images(data["images"], device), attacked)
        frames = [clean_outcomes(data["labels"], clean)]
        for source, tensors in sets:
            for attack in codes_of(tensors):
                images = place_images(tensors[f"{attack}{IMAGES}"], device)
                adversarial = predictions.predict(f"{attack} on {source}", images)
                frames.append(adversarial_outcomes(attack, source, tensors, clean.classes, adversarial))
    labels = data["labels"] if clean.classes.ndim == 1 else data["labels"][:, None]
    accuracy = clean.classes.eq(labels)[clean.asked].double().mean().item()
    record.facts |= {"format": FORMAT} if draws > 1 else {}
    record.volatile |= {"device": device, "batch": batch}
    of_sets = {(code, source): doubts_in(tensors, code) for source, tensors in sets for code in codes_of(tensors)}
    write_frame(str(target), mark_doubts(join_outcomes(frames), doubts, of_sets), record)
    state.finish()
    say(f"evaluate {snakemake.wildcards.target} on {snakemake.wildcards.suite}: clean accuracy {accuracy:.2%}")
