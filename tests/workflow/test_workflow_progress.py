"""A long run says from time to time how far the whole of it is, whatever Snakemake is told to say itself."""

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Tree

pytestmark = pytest.mark.workflow

NETWORK = "results/demo/fashion-mnist-subset/train/vgg19-standard-s1.safetensors"
SOONER = """
import sys
from lacuna.jobs import overview
overview.FIRST, overview.STEP = 1, 0.1
sys.argv[0] = "snakemake"
from snakemake.cli import main
main()
"""
LINE = r"^Run: (\d+) of (\d+) jobs done, about \d+ s left \(until \d\d:\d\d\)(?:; longest now: (\S+).*)?$"


@pytest.mark.parametrize("quiet", [["--quiet", "all"], []])
def test_the_whole_run_has_a_line_also_where_snakemake_is_quiet(small: "Tree", quiet: list[str]) -> None:
    words = [sys.executable, "-c", SOONER, *quiet, "--cores", "1", "--", NETWORK]
    done = subprocess.run(words, cwd=small.root, env=small.variables(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("Run: ")]
    found = [re.search(LINE, line) for line in lines]
    assert lines
    assert all(found), lines
    counts = [(int(one[1]), int(one[2])) for one in found if one]
    assert counts == sorted(counts)
    assert len({total for _, total in counts}) == 1
    assert all(count < total for count, total in counts)
    assert {one[3] for one in found if one} & {"dataset", "train"}
    assert "Run: " not in done.stdout


def test_a_short_run_and_a_look_have_none(small: "Tree") -> None:
    assert "Run: " not in small.run(NETWORK)
    assert "Run: " not in small.run("-n", NETWORK)
