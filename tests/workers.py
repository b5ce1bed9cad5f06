"""What the processes that run the tests may use: their number, their memory, their programs."""

import ctypes
import gc
import os
import shutil
import sys
from pathlib import Path

import equinox
import jax
import jaxlib

GB = 2**30
WORKER = 1.5 * GB
"""Bytes that one worker may need: the bound that the tests are kept below."""
RESIDENT = 1.0 * GB
"""Resident bytes at which a worker drops its compiled programs, so that it stays below `WORKER`.

A program takes 1 to 3 MB, and those of one test at most 0.4 GB.
"""
RESIDENT_AFTER_FILE = 0.7 * GB
"""The same at the end of a file, whose programs are of no use to the next."""
MAPS = 35_000
"""Memory maps at which they are dropped too: Linux ends a process at 65 530, a few a program."""
KEPT = 2 * GB
"""Bytes on disk at which the kept programs are deleted and the folder starts anew."""
QUICK_EMITTER = "--xla_cpu_use_fusion_emitters=false"
"""The flag of XLA for the emitter of machine code that compiles twice as fast as the default."""

PROCESS = Path("/proc/self")
MEMORY = Path("/proc/meminfo")


def num_workers(cores: int, free: float | None) -> int:
    """Returns one worker for each core, but not more than fit in the free memory in bytes."""
    return cores if free is None else max(1, min(cores, int(free // WORKER)))


def free_memory(meminfo: Path = MEMORY) -> float | None:
    """Returns the bytes that new processes can use, `None` where the system does not say."""
    return _kilobytes(meminfo, "MemAvailable")


def peak_memory() -> float | None:
    """Returns the largest resident size of this process in bytes, `None` where nobody counts it."""
    # The count of `resource` includes the parent process at the time of the fork.
    peak = _kilobytes(PROCESS / "status", "VmHWM")
    return _rusage_peak() if peak is None else peak


def resident_memory() -> float | None:
    """Returns the resident size of this process in bytes; its peak outside Linux."""
    resident = _kilobytes(PROCESS / "status", "VmRSS")
    return _rusage_peak() if resident is None else resident


def num_maps() -> int:
    """Returns the number of memory maps of this process, 0 outside Linux."""
    maps = PROCESS / "maps"
    return maps.read_bytes().count(b"\n") if maps.exists() else 0


def forget_programs() -> None:
    """Drops all compiled programs and gives their memory back to the system."""
    equinox.clear_caches()
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
        if trim is not None:
            trim(0)


def compile_quickly() -> None:
    """Compiles with few optimisations, and without the emitter that takes half of the time."""
    jax.config.update("jax_disable_most_optimizations", True)
    os.environ["XLA_FLAGS"] = quick_flags(os.environ.get("XLA_FLAGS", ""), jaxlib.__version__)


def quick_flags(flags: str, version: str) -> str:
    """Returns flags of XLA with that of the quick emitter, where this version of jaxlib has it."""
    # XLA ends the process at a flag that it does not know.
    known = version.startswith("0.10.") and QUICK_EMITTER not in flags.split()
    return f"{flags} {QUICK_EMITTER}".strip() if known else flags


def keep_programs(folder: Path) -> None:
    """Lets JAX read and write compiled programs in a folder, in this process and in its children.

    What the environment says of them is kept. The key of a program holds its code, the precision of
    its numbers, the options of the compiler and the version of JAX, so that all workers, both
    precisions and slow tests share one folder.
    """
    for name, value in {
        "jax_compilation_cache_dir": str(folder),
        # Most programs of tests compile within 0.05 s, and together take most of the time.
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }.items():
        kept = os.environ.setdefault(name.upper(), str(value))
        jax.config.update(name, type(value)(kept))


def delete_large(folder: Path, largest: float = KEPT) -> None:
    """Deletes a folder whose files have more than `largest` bytes."""
    if sum(file.stat().st_size for file in folder.glob("*")) > largest:
        shutil.rmtree(folder)


def _kilobytes(file: Path, name: str) -> float | None:
    """Returns the bytes of one line `name: number kB` of a file in /proc."""
    if not file.exists():
        return None
    fields = dict(line.split(":", 1) for line in file.read_text().splitlines() if ":" in line)
    return 1024.0 * int(fields[name].split()[0]) if name in fields else None


def _rusage_peak() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) if sys.platform == "darwin" else 1024.0 * peak
