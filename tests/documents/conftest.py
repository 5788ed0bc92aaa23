"""The checker of documents, which parses the whole repository once."""

from pathlib import Path

import pytest
from checking import Checker
from existing import Existing


@pytest.fixture(scope="session")
def checker(root: Path) -> Checker:
    return Checker(Existing(root))
