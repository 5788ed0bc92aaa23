"""The networks: CIFAR forms of six architectures, with defective layers."""

from lacuna.models.build import build_model

__all__ = ["build_model"]
