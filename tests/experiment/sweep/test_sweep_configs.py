"""Every config of a sweep is read, and its grid made, without computing anything."""

import re
from pathlib import Path

import pytest

from nam_jax import sweep
from nam_jax.experiment import STUDIES, study_named
from nam_jax.record import read_config
from nam_jax.sweep._chunk import check_units
from nam_jax.sweep._grid import grid_of

ROOT = Path(__file__).parents[3]
CONFIGS = sorted((ROOT / "configs").glob("sweep*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_makes_a_grid_and_says_its_command_and_cost(path):
    config = read_config(sweep.SweepConfig, path)
    study = study_named(config.study)
    units = list(grid_of(config, study).units())
    check_units(study, units)
    comment = re.match(r"(?:#.*\n)+", path.read_text())[0]
    assert comment.startswith(f"# nam-jax sweep --config configs/{path.name}")
    assert re.search(r"(?:minute|second|hour)s?\b", comment)
    assert study.headline and len(units) > 1
    words = sweep.read_words(["--config", str(path)], STUDIES)
    assert words.config == config and words.study is study


def test_the_pages_name_them_all():
    page = (ROOT / "docs" / "how_to" / "sweep.md").read_text()
    assert CONFIGS and all(f"configs/{path.name}" in page for path in CONFIGS)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_checks_of_studies_accept_their_defaults(study):
    if study.check is not None:
        study.check(study.config())
