"""Any bytes as a file: the reader returns data or says in one sentence what is wrong."""

import tempfile
from pathlib import Path

import fuzz_files
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("name", fuzz_files.READERS)
def test_any_file_is_read_or_refused_in_one_sentence(name):
    @settings(deadline=None, max_examples=25, derandomize=True)
    @given(fuzz_files.contents(name))
    def read(content):
        with tempfile.TemporaryDirectory() as folder:
            fuzz_files.judge(name, content, Path(folder))

    read()


@pytest.mark.parametrize("name", fuzz_files.READERS)
def test_good_files_are_read(name, tmp_path):
    for content in fuzz_files.good_files(name):
        assert fuzz_files.judge(name, content, tmp_path) is None


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.data())
def test_any_folder_is_read_or_refused_in_one_sentence(data):
    entries = data.draw(fuzz_files.folders())
    with tempfile.TemporaryDirectory() as folder:
        fuzz_files.judge_folder(entries, Path(folder))
