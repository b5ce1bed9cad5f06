"""Commands keep their compiled programs in a folder of the user."""

import os
import subprocess
import sys

import pytest

RUN = "from nam_jax import cli; import sys; sys.exit(cli.main(sys.argv[1:]))"
WORDS = (
    "retrieve", "--source", "digits", "--codec", "threshold", "--num-patterns", "2", "--num-times",
    "3", "--end-time", "1", "--quiet",
)  # fmt: skip


def run(folder, **variables):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")
    }
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder)} | variables
    words = [sys.executable, "-c", RUN, *WORDS, "--out", str(folder / "out")]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_programs_are_kept_where_the_variable_says(tmp_path):
    done = run(tmp_path, NAM_JAX_CACHE=str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    assert any((tmp_path / "kept").iterdir()) and not (tmp_path / "cache" / "nam-jax").exists()


@pytest.mark.slow
def test_programs_are_kept_by_default_and_not_where_it_is_off(tmp_path):
    assert run(tmp_path, NAM_JAX_CACHE="off").returncode == 0
    assert not (tmp_path / "cache" / "nam-jax").exists()
    assert run(tmp_path).returncode == 0
    assert any(path.is_file() for path in tmp_path.rglob("programs/*"))


def test_a_folder_that_cannot_be_made_is_wrong_input(tmp_path):
    (tmp_path / "file").write_text("")
    done = run(tmp_path, NAM_JAX_CACHE=str(tmp_path / "file" / "kept"))
    assert done.returncode == 2 and done.stderr.startswith("nam-jax retrieve: NAM_JAX_CACHE:")
