"""Shared fixtures: strict promotion everywhere, and a key whose seed shows when a test fails."""

import random
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import workers

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """Compiles quickly, as compiling takes most of the time, but not for the slow tests."""
    if "not slow" in config.option.markexpr:
        workers.compile_quickly()
    if hasattr(config, "cache"):
        keep_programs(config)


def keep_programs(config):
    """Keeps compiled programs from run to run in pytest's cache, shared by the workers.

    `--cache-clear` deletes them; `JAX_COMPILATION_CACHE_DIR` names another folder,
    and `JAX_ENABLE_COMPILATION_CACHE=0` keeps none.
    """
    folder = config.cache.mkdir("programs")
    if not hasattr(config, "workerinput"):
        workers.delete_large(folder)
        folder.mkdir(exist_ok=True)
    workers.keep_programs(folder)


TESTS = Path(__file__).parent
PEAKS = {}
"""Peak memory of each worker in bytes, by the worker's name."""
FIRST = ("test_cli_runs",)
"""The files that take longest, so that no worker ends with them."""
PRECISE = {
    "attention", "claims", "files", "lagrangian", "measure", "memory", "network", "solve", "theory",
    "train",
}  # fmt: skip
"""Folders of tests that depend on the precision of numbers, and so run with x64 on as well."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks tests of numbers, and puts the longest files before all others."""
    for item in items:
        if PRECISE & {folder.name for folder in item.path.relative_to(TESTS).parents}:
            item.add_marker("precision")
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else 9)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """As many workers as there are cores, if the free memory is enough for them."""
    cores = yield
    return workers.num_workers(cores, workers.free_memory())


@pytest.fixture(autouse=True)
def bound_memory():
    """Drops compiled programs after a test when they take much of a worker's memory."""
    yield
    if (workers.resident_memory() or 0) > workers.RESIDENT or workers.num_maps() > workers.MAPS:
        workers.forget_programs()


@pytest.fixture(scope="module", autouse=True)
def bound_memory_after_file():
    """Drops them after a file already when they take half of it."""
    yield
    if (workers.resident_memory() or 0) > workers.RESIDENT_AFTER_FILE:
        workers.forget_programs()


def pytest_sessionfinish(session):
    """Sends the peak of a worker's memory to the process that started it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak"] = workers.peak_memory()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Takes the peak of a worker's memory; a worker that crashed has sent none."""
    PEAKS[node.gateway.id] = getattr(node, "workeroutput", {}).get("peak")


def pytest_terminal_summary(terminalreporter):
    """Says how much memory each worker took."""
    peaks = PEAKS or {"this process": workers.peak_memory()}
    told = (f"{name} {peak / workers.GB:.2f} GB" for name, peak in peaks.items() if peak)
    terminalreporter.write_line(
        f"peak memory: {', '.join(told)} (bound: {workers.WORKER / workers.GB} GB a worker)"
    )


@pytest.fixture
def getkey(request):
    """A function that returns a new random key at each call; the seed is fixed per test.

    It is made of the names of the file and the test, not of the folder, so that a move keeps it.
    """
    _, _, test = request.node.nodeid.partition("::")
    seed = random.Random(f"tests/{request.path.name}::{test}").randrange(2**31)
    request.node.add_report_section("setup", "getkey", f"seed {seed}")
    count = iter(range(2**31))
    return lambda: jax.random.fold_in(jax.random.key(seed), next(count))


@pytest.fixture
def x64():
    """Double precision inside one test, whatever the environment says."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def built_site(tmp_path_factory):
    """The folder of the site, built strictly: a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(words, cwd=TESTS.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder
