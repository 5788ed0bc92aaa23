"""Limits of time and memory, which grow with each attempt; the plan foretells what is long or large.

A profile may say how many minutes the cluster lets a job run (slurm/profile.yaml). No job asks for more.
"""

LONGEST = int(os.environ.get("LACUNA_LONGEST_JOB", 0)) or sys.maxsize


def allowed(minutes):
    """So many minutes, or as many as the cluster allows."""
    return min(minutes, LONGEST)


def minutes(first):
    """Time limit of other jobs: more on each attempt."""
    return lambda wildcards, attempt: allowed(attempt * first)


def limit(minutes, expected, attempt):
    """Minutes, and four times the seconds that are expected; more on each attempt."""
    return allowed(attempt * (minutes + int(expected) // 15))


def attack_minutes(wildcards, attempt):
    """Time limit of an attack: two hours more than what its steps are expected to take."""
    return limit(120, PLAN.stages["attack"].seconds(**dict(wildcards.items())), attempt)


def evaluate_minutes(wildcards, attempt):
    """Time limit of an evaluation: an hour more than what smoothing is expected to take."""
    return limit(
        60, PLAN.stages["evaluate"].seconds(**dict(wildcards.items())), attempt
    )


def attack_megabytes(wildcards, attempt):
    """Memory of an attack, whose adversarial set is made in it; more on each attempt."""
    gigabytes = PLAN.stages["attack"].memory(**dict(wildcards.items()))
    return attempt * int(1000 * gigabytes)


def train_minutes(wildcards, attempt):
    """Time limit of a training: an hour more than what its steps are expected to take."""
    return limit(60, PLAN.stages["train"].seconds(**dict(wildcards.items())), attempt)


def dataset_minutes(wildcards, attempt):
    """Time limit of reading a dataset, whose images may be decoded one by one; more on each attempt."""
    entry = PLAN.config.datasets[wildcards.dataset]
    return allowed(attempt * (60 + (entry["train"] + entry["test"]) // 1500))
