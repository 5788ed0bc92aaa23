"""Seeds as a function of names, so that no random draw depends on the order in which jobs run."""

import hashlib
import random


def derive(seed: int, *names: str | int) -> int:
    """Seed in [0, 2**63) for the artefact or draw that ``names`` name, from the ``seed`` of the configuration.

    Equal names give equal seeds on every machine. Any difference in a name gives an unrelated seed.
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seed_globally(seed: int) -> None:
    """Seeds the global random generators of torch, numpy and Python, for code of the user's own."""
    import numpy as np
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
