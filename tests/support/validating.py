"""Checkers of crates that are not ours, without a network: rocrate-validator and runcrate."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import rocrate

CONTEXT, PROFILE = "https://w3id.org/ro/crate/1.1/context", "provenance-run-crate-0.5"
BIOSCHEMAS = "https://bioschemas.org/"
# rocrate ships the context of 1.3. It has all that 1.1 has; these terms it maps to other addresses than 1.1 does.
TERMS = {
    "ComputationalWorkflow": f"{BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{BIOSCHEMAS}FormalParameter",
    "input": f"{BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{BIOSCHEMAS}ComputationalWorkflow#output",
}


def context() -> bytes:
    """The context of RO-Crate 1.1, from that which the package rocrate brings."""
    content = json.loads((Path(rocrate.__file__).parent / "data/ro-crate.jsonld").read_text())
    content["@context"] |= TERMS
    return json.dumps(content).encode()


def issues(crate: Path | str, severity: str = "REQUIRED") -> list[str]:
    """What rocrate-validator finds wrong, by its own profiles; it gets the context from here, and nothing else."""
    from rocrate_validator import models, services

    def send(self: requests.Session, request: requests.PreparedRequest, **_: object) -> requests.Response:
        if request.url != CONTEXT:
            raise requests.ConnectionError(f"{request.url} is not asked for in a test")
        answer = requests.Response()
        answer.status_code, answer.url, answer.request, answer._content = 200, CONTEXT, request, context()
        answer.headers["Content-Type"] = "application/ld+json"
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", send)
        level = getattr(models.Severity, severity)
        found = services.validate(
            services.ValidationSettings(
                rocrate_uri=str(crate), profile_identifier=PROFILE, requirement_severity=level, no_cache=True
            )
        )
    return [f"{one.check.identifier} {one.message} {one.violatingEntity}" for one in found.get_issues()]


def reported(crate: Path | str) -> str:
    """What `runcrate report` says."""
    command = [sys.executable, "-c", "from runcrate.cli import cli; cli()", "report", str(crate)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
