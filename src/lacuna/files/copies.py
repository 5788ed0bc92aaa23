"""Files that Snakemake copies from a storage provider for a job: what they are called in the plan."""

COPIES = ".snakemake/storage/"  # below it lie the copies, each at the end of its provider's path
RESULTS = "results/"


def planned_path(path: str) -> str:
    """The path that the plan has for a file of a job, which may be a copy from a storage provider."""
    _, copied, place = path.partition(COPIES)
    if not copied or f"/{RESULTS}" not in place:
        return path
    return RESULTS + place.partition(f"/{RESULTS}")[2]
