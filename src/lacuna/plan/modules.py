"""Modules that decide numbers together, for stages to name: an edit of one reruns every stage that names its group."""

MODEL_NAMES = ("language/architectures", "language/declared", "language/models", "language/packages")
ATTACK_NAMES = ("language/attacks", "language/methods")
NETWORKS = (  # to build a network, and to read its checkpoint
    *MODEL_NAMES,
    "models/blueprint",
    "models/build",
    "models/layers",
    "models/networks",
    "models/packaged",
    "models/pretrained",
    "models/regularisers",
    "models/thermometer",
    "models/ties",
    "numerics/device",
    "numerics/seeding",
)
SALIENCY = ("foreground/deepgaze", "foreground/saliency", "foreground/standins")
FILES = ("data/folder", "data/own_files", "data/partitions")  # images that the user brings
DOUBTS = ("foreign/probes", "language/doubts")
