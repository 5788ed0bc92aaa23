"""The plan of the checkout in the working directory, for commands that start without Snakemake. No torch here."""

from pathlib import Path

from lacuna.config.load import load
from lacuna.config.yaml_files import read_yaml
from lacuna.plan.plan import Plan


def plan_of_checkout(scale: str | None) -> Plan:
    """The plan of a scale; without one, of that in config/config.yaml.

    Raises `LacunaError` where the configuration is wrong or has no such scale.
    """
    chosen = read_yaml(Path("config/config.yaml"), Path())
    return Plan(load(Path(), chosen | ({"scale": scale} if scale else {})))
