"""Where the lines lie that cells count: outcomes of a target on a suite, or measures of images or of gradients."""

from lacuna.plan.paths import Paths


def lines_file(paths: Paths, dataset: str, group: str, name: str) -> str:
    """The file behind a cell's place (`lacuna.language.codes.place_of`) in one folder of a dataset or its seeds."""
    stage, _, part = group.rpartition(".")
    if stage == "measure":
        return paths.of("measure", "measures", dataset=dataset, attack=part, source=name)
    if stage == "gradient":
        return paths.of("gradient", "measures", dataset=dataset, target=name)
    return paths.of("evaluate", "outcomes", dataset=dataset, suite=group, target=name)
