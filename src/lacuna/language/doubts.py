"""What is allowed to code and images of the user's own, and yet doubtful: names of flags in tables. No torch here."""

from collections.abc import Iterable

PROBABILITIES = "outputs like probabilities"
NETWORK_DRAWS = "a network that answers at random"
DEFENSE_DRAWS = "a defense that answers at random"
BATCH = "answers that depend on the batch"
ATTACK_DRAWS = "an attack that cannot be repeated"
SALIENCY_DRAWS = "a saliency model that answers at random"
JPEG_BLOCKS = "an attack on the blocks of JPEG files"
DOUBTS = (PROBABILITIES, NETWORK_DRAWS, DEFENSE_DRAWS, BATCH, ATTACK_DRAWS, SALIENCY_DRAWS, JPEG_BLOCKS)
DRAWS = {"network": NETWORK_DRAWS, "defense": DEFENSE_DRAWS, "saliency": SALIENCY_DRAWS}  # by what answers
COLUMN = "doubts"  # of outcomes and measures, and the name of a tensor of adversarial sets: only where there are any
SEPARATOR = "; "  # between the parts of a text


def join_texts(texts: Iterable[str]) -> str:
    """The parts of all texts as one text, each part once, in their order."""
    parts = [part for text in texts for part in text.split(SEPARATOR) if part]
    return SEPARATOR.join(dict.fromkeys(parts))
