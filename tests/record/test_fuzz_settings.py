"""Any file of settings and any flags: the study starts, or one clear sentence says why not."""

import tempfile
from pathlib import Path

import fuzz_settings
import pytest
from hypothesis import given, settings

from nam_jax.experiment import STUDIES

FEW = settings(deadline=None, max_examples=12, derandomize=True, database=None)
each_study = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)


@each_study
def test_any_file_of_settings(study):
    @FEW
    @given(fuzz_settings.texts(study))
    def read(text):
        with tempfile.TemporaryDirectory() as folder:
            fuzz_settings.judge_text(study, text, Path(folder))

    with fuzz_settings.computing_nothing(study):
        read()


@each_study
def test_any_flags(study):
    @FEW
    @given(fuzz_settings.flags(study))
    def read(words):
        with tempfile.TemporaryDirectory() as folder:
            fuzz_settings.judge_flags(study, words, Path(folder))

    with fuzz_settings.computing_nothing(study):
        read()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("--seed: argument `seed` must be a whole number, but has 'x'.", None),
        ("two\nlines.", "printable"),
        ("`seed` is wrong", "end"),
        ("`seed` is wrong. Try another.", "sentence"),
        ("something is wrong.", "names nothing"),
        ("`seed`: ValueError.", "ValueError"),
        ("`seed` must be int.", "int"),
        ("`seed` " + "x" * 1000 + ".", "characters"),
    ],
)
def test_the_judge_knows_an_unclear_message(message, reason):
    verdict = fuzz_settings.unclear(message, {"`seed`"})
    assert verdict is None if reason is None else reason in verdict
