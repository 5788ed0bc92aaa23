"""The checker of documents finds what does not exist, in every place that a text can name it, and nothing else."""

from pathlib import Path

import pytest
from checking import NOT_OURS, THEIRS, Checker, checker_of
from mentions import hashed, markdown, python, read, rules

NAME = "docs/made-up.md"


@pytest.fixture
def checker(root: Path) -> Checker:
    return checker_of(root)


@pytest.mark.parametrize(
    "text",
    [
        # files
        "It is in src/lacuna/files/artefact.py.",
        "It is in `src/lacuna/files/artefact.py`.",
        "See `files/artefact.py`, or `artefacts.py`.",
        "See docs/tour.md and tests/test_tours.py.",
        "One of config/papers/*.yml.",
        "Either of config/{papers,paper}/nobody*.yaml.",
        "```\nsrc/lacuna/file/\n```",
        "```yaml config/papers/defectiv.yaml\ntables: {}\n```",
        "A folder `docs/result/`.",
        # names
        "`lacuna.files.artefacts.Recorder` writes it.",
        "`lacuna.file.artefacts` writes it.",
        "Add it to `PLOTS`.",
        "Call `adversarial_pictures`.",
        "The class `LacunaErrors`.",
        "The column `cl_low`.",
        "A cell of `frobnicate_e16_a1`.",
        "A network `resnet19-standard-s1`.",
        # keys
        "The key `epsilom` of an attack.",
        "Its keys `notes` and `remarks`.",
        "A `learningrate` key.",
        "With `mask_places: paper`.",
        "With `mask_place: nowhere`.",
        "With `{kind: deepgaze, bias: uniform}`.",
        "With `warmup: 2` under `attack`.",
        "`seconds` in every scale and in `workflow/schemas/scale.schema.yaml`.",
        "Its name in `READERS` (`language/models.py`).",
        "```yaml\ntables:\n  table3:\n    rows:\n      - {row: 0.7-Bottom, modell: vgg19-standard-s1}\n```",
        "```yaml\nmine:\n  source: {kind: folders}\n```",
        # targets
        "Run `make tests`.",
        "Run `make pull TABEL=table3`.",
        "```\nmake demos   # the demo\n```",
        "Run `snakemake tables/table99.csv`.",
        "Run `snakemake tables/table3.json`.",
        "Run `snakemake model`.",
        "Run `snakemake --dryrum tables/table3.csv`.",
        "Run `snakemake tables/table3.csv --config scales=paper`.",
        "Run `snakemake --profile slurms tables/table3.csv`.",
        "Run `snakemake --forcerun evaluat -- tables/table3.csv`.",
        "```sh\nsnakemake tables/table3.csv && snakemake audits\n```",
        "```\n$ python -m lacuna.costs --scale demo\n```",
        "    python -m lacuna.study page.html --sed 1\n",
        "Run `python benchmarks/version.py`.",
        "Run `dvc repro table33`.",
        "The file `tables/defectiv-claims.csv`.",
        "The file figures/table3.svg.",
        "The page reports/audits.html.",
        "A file results/demos/fashion-mnist-subset/train/a.safetensors.",
        "A file `results/<scale>/<dataset>/trains/<model>.safetensors`.",
        # links
        "See [there](audits.md).",
        "See [there](audit.md#how-sure-a-numbers-is).",
        "See [there](#nowhere).\n\n## Somewhere\n",
        "See [there](../CONTRIBUTE.md).",
    ],
)
def test_what_does_not_exist_is_found(checker: Checker, text: str) -> None:
    assert checker.faults(markdown(NAME, text))


@pytest.mark.parametrize(
    "text",
    [
        "It is in src/lacuna/files/artefacts.py, `files/artefacts.py` and `config/papers/<paper>.yaml`.",
        "A link to [results/demo](results/demo/README.md#time), and https://example.org/docs/nothing.md.",
        "`lacuna.files.artefacts.Record.write`, `LacunaError`, `ARCHITECTURES`, `pgd_e16_a1_t20`, `own_mine_e16_s3`.",
        "`mask_place: released_code`, `{kind: nonzero}`, `{kind: saliency, model: ...}`, `needs_gpu: 1`, `right: {}`.",
        "`... has changed since it was made`, `kill -9`, `grep -l x -r logs/paper`, `16/255`, `<=`, `.cells.csv`.",
        "`snakemake -n tables/<name>.csv --config scale=laptop seeds=3`, `make pull TABLE=table3`, `dvc pull`.",
        "The key `notes` of a table; `throughput` in `config/scales/paper.yaml`; `STAGES` and the rest.",
        "```yaml\nattacks:\n  mine:\n    method: mine:noise\n    budgets: [{epsilon: 16/255}]\n```",
        '```sh\nsnakemake audit || echo "it\'s over"\nmake track push\n```',
        "See [there](#some-where-1).\n\n## Some `where`\n\n## Some where\n",
        "Words such as read/write and train/test are no paths.",
    ],
)
def test_what_exists_is_left_alone(checker: Checker, text: str) -> None:
    assert checker.faults(markdown(NAME, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        '"""Module; see docs/tour.md."""',
        'def f(x):\n    """``given_y`` is doubled."""\n    return 2 * x',
        'class A:\n    """Like `lacuna.models.build_models`."""',
        "x = 1  # as in tests/test_nothing.py",
        "# the sum of all_the_weights\nx = 1",
        'def f():\n    """Raises `LacunaErrors`."""',
    ],
)
def test_what_does_not_exist_is_found_in_docstrings_and_comments(checker: Checker, text: str) -> None:
    assert checker.faults(python("src/lacuna/made_up.py", text))
    assert checker.faults(rules("rules/made_up.smk", text))


def test_what_exists_is_left_alone_in_docstrings_and_comments(checker: Checker) -> None:
    text = (
        '"""See docs/tours.md."""\n\n\ndef f(given):\n    """``given``, as `LacunaError` has it."""\n    return given\n'
    )
    assert checker.faults(python("src/lacuna/made_up.py", f"{text}# of files/artefacts.py; all_weights = 3\n")) == [
        "src/lacuna/made_up.py: `all_weights`: no file, setting, name or target of this repository"
    ]


def test_comments_of_yaml_are_read_and_its_content_is_not(checker: Checker) -> None:
    assert checker.faults(hashed("config/made_up.yaml", "a: docs/nothing.md  # see docs/tours.md\n")) == []
    assert checker.faults(hashed("config/made_up.yaml", "a: 1  # see docs/nothing.md\n"))


def test_the_words_that_are_not_ours_are_still_used(root: Path) -> None:
    names = ["README.md", "CONTRIBUTING.md", "Makefile"]
    for pattern in ("docs/**/*.md", "src/lacuna/**/*.py", "config/**/*.yaml", "slurm/*.yaml", "gpu/*.yaml"):
        names += [str(path.relative_to(root)) for path in root.glob(pattern)]
    sources = [read(root, name) for name in names if "docs/results" not in name]
    said = "\n".join(text for source in sources for text in (source.prose, *(block.text for block in source.blocks)))
    assert {word for word in NOT_OURS | THEIRS if word not in said} == set()
