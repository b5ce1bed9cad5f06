"""The README: its example runs, and what it points to exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def run_example(readme, place, folder):
    """The lines that one of the README's examples prints."""
    examples = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert len(examples) == 3 and len(examples[place].splitlines()) <= 22
    words = [sys.executable, "-c", examples[place]]
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.command
def test_example_recalls(readme, tmp_path):
    lines = run_example(readme, 0, tmp_path)
    assert float(re.findall(r"-?\d+\.\d+", lines[-1])[-1]) >= 0.99, lines


@pytest.mark.slow
@pytest.mark.command
def test_example_differentiates(readme, tmp_path):
    lines = run_example(readme, 1, tmp_path)
    assert "came to rest" in lines[0]
    assert int(re.findall(r"\d+ iterations", lines[1])[0].split()[0]) >= 1


@pytest.mark.slow
@pytest.mark.command
def test_example_measures_a_capacity(readme, tmp_path):
    (line,) = run_example(readme, 2, tmp_path)
    value, low, high, exact = (float(each) for each in re.findall(r"\d+\.\d+", line))
    assert low <= value <= high and low < exact < high, line


def test_two_commands_set_it_up(readme):
    assert "pip install uv && uv run nam-jax retrieve" in readme
    assert "uv run pytest" in readme


def test_local_links_lead_somewhere(readme):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", readme)
    local = [link for link in links if not link.startswith("http")]
    missing = [link for link in local if not (ROOT / link).exists()]
    assert local and missing == []
