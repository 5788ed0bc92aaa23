"""Lacuna: the tables and figures of three adversarial-robustness papers, rebuilt by name."""

__version__ = "0.1.0"
