"""Roles that the papers' exhibits give datasets; a scale says which dataset plays each. No torch here."""

# Roles that every scale knows, each with what plays it in print. A paper's file may have roles of its own.
ROLES = {
    "cifar10": "CIFAR-10",
    "mnist": "MNIST",
    "imagenet": "ImageNet",
    "tiny-imagenet": "Tiny-ImageNet",
    "imagenet10": "ten classes of ImageNet",
    "stl10": "STL-10",
    "segment6": "Segment-6",
    "photographs": "ImageNet",
}
