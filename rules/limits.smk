"""Limits of time and memory, which grow with each attempt; the plan foretells what is long or large.

Where finished jobs took longer than the plan expects, so may the next ones; no limit is shorter than the plan's.

A profile may say how many minutes the cluster lets a job run (slurm/profile.yaml), and how many megabytes the largest
GPU has (gpu/profile.yaml). No job asks for more.
"""

LONGEST = int(os.environ.get("LACUNA_LONGEST_JOB", 0)) or sys.maxsize
LARGEST = int(os.environ.get("LACUNA_LARGEST_JOB", 0)) or sys.maxsize


def allowed(minutes):
    """So many minutes, or as many as the cluster allows."""
    return min(minutes, LONGEST)


def minutes(first):
    """Time limit of other jobs: more on each attempt."""
    return lambda wildcards, attempt: allowed(attempt * first)


def limit(minutes, seconds, attempt):
    """Minutes, and four times the expected seconds; more on each attempt."""
    return allowed(attempt * (minutes + int(seconds) // 15))


def expected(stage, wildcards):
    """Seconds that the plan expects of a job, or that were learnt from finished ones, whichever is more."""
    named = dict(wildcards.items())
    return max(stage.seconds(**named), PLAN.learnt.seconds(stage, named))


def attack_minutes(wildcards, attempt):
    """Time limit of an attack: two hours more than what its steps are expected to take."""
    return limit(120, expected(PLAN.stages["attack"], wildcards), attempt)


def evaluate_minutes(wildcards, attempt):
    """Time limit of an evaluation: an hour more than what smoothing is expected to take."""
    return limit(60, expected(PLAN.stages["evaluate"], wildcards), attempt)


def attack_megabytes(wildcards, attempt):
    """Memory of an attack, whose adversarial set is made in it; more on each attempt."""
    gigabytes = PLAN.stages["attack"].memory(**dict(wildcards.items()))
    return min(attempt * int(1000 * gigabytes), LARGEST)


def train_megabytes(wildcards, attempt):
    """Memory of a training, which holds streamed images ahead; more on each attempt."""
    gigabytes = PLAN.stages["train"].memory(**dict(wildcards.items()))
    return min(attempt * int(1000 * gigabytes), LARGEST)


def train_threads(wildcards):
    """A training's own thread, and those that read streamed images for it."""
    return 1 + PLAN.stages["train"].readers(**dict(wildcards.items()))


def train_minutes(wildcards, attempt):
    """Time limit of a training: an hour more than what its steps are expected to take."""
    return limit(60, expected(PLAN.stages["train"], wildcards), attempt)


def dataset_minutes(wildcards, attempt):
    """Time limit of reading a dataset, whose images may be decoded one by one; more on each attempt."""
    entry = PLAN.config.datasets[wildcards.dataset]
    return allowed(attempt * (60 + (entry["train"] + entry["test"]) // 1500))
