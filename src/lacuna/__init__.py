"""Lacuna: the tables and figures of three adversarial-robustness papers, rebuilt by name.

The package is a house with a room for each step, here in the order in which a table comes about.

Before any job, without torch, Snakemake reads the configuration:

* ``language`` says what names mean: models, attacks, codes of the printed tables, exhibits.
* ``config`` reads the files of config/ and refuses in one sentence whatever could not run.
* ``plan`` turns a configuration into files: what each stage reads, what it writes, which settings decide it.
* ``cost`` says what a run takes, learns it from finished jobs, and simulates a run.
* ``catalogue`` lists what can be asked for, with costs and states: `python -m lacuna`.

Every job stands on four rooms:

* ``files`` reads and writes artefacts, with the provenance that each of them carries.
* ``jobs`` surrounds a job and a run: logs, progress, one job per output, errors as one sentence.
* ``foreign`` hands copies to code of the user's own, compares its state, and checks what it gives back.
* ``numerics`` has what all numbers share: the device, the seeds, pixels as bytes and as floats.

Then come the stages, each in its room:

* ``data`` makes verified tensors of a dataset's official files.
* ``foreground`` finds what of an image is its foreground, and how salient it is.
* ``models`` builds a network, with its masks, from its name.
* ``training`` trains it.
* ``attacks`` makes adversarial images on one network.
* ``evaluation`` chooses the images that are attacked, and records what each network says about them.

From here on no network is needed, only small files:

* ``numbers`` computes the cells of a table: metrics, intervals, flags.
* ``claims`` judges what a paper says about its numbers.
* ``reporting`` renders cells as tables, and draws the figures.
* ``audit`` shows where each number comes from, and whether its files are as they were made.
* ``exports`` writes a trained network for others, as safetensors, ONNX and source, with a model card.
* ``crates`` packs a table, a figure or a paper for others, who can check it without Lacuna.
* ``versioning`` publishes and fetches artefacts with DVC, and checks them against the plan.

In the hall stand the commands `python -m lacuna.trace`, `python -m lacuna.summary`,
`python -m lacuna.study` and `python -m lacuna.unneeded`; ``errors``, with the one error that users meet; and
``purify``, defenses that a configuration names.
"""

__version__ = "0.1.0"
