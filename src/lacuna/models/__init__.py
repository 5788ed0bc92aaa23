"""The networks: each architecture in its form for small images, with defective layers."""

from lacuna.models.build import build_model

__all__ = ["build_model"]
