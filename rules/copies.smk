"""Jobs that are given copies of what they read: which files those are, and which stay where they are."""

from snakemake.settings.types import SharedFSUsage


def brought(part):
    """A path, or a list of them; what no job makes lies here even where a storage provider has the results."""
    if not isinstance(part, str):
        return [brought(path) for path in part]
    return part if part.startswith("results/") else local(part)


@cache
def copies():
    """Whether jobs get copies of what their rules declare: unit tests, a storage provider, no shared disk."""
    stored = workflow.storage_settings
    if (
        stored.default_storage_provider
        or SharedFSUsage.INPUT_OUTPUT not in stored.shared_fs_usage
    ):
        return True
    return workflow.is_main_process and command().copies


def records(read):
    """The provenance of the artefacts that a job reads, for jobs that are given copies; none for others.

    It lies beside its artefact and is made with it. To declare it always would make a plan slower by a fifth.
    """
    if not copies():
        return {}
    paths = [
        path
        for part in read.values()
        for path in ([part] if isinstance(part, str) else part)
    ]
    made = [path for path in paths if path.startswith("results/")]
    return {"provenance": [ancient(f"{path}.prov.json") for path in made]}
