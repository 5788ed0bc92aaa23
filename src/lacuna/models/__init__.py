"""The networks: CIFAR forms of five architectures, with defective layers."""

from lacuna.models.build import build_model

__all__ = ["build_model"]
