"""Random configs, flags, files and cues: each is taken, or refused in one clear sentence."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, cast

from benchmarks._report import Line, Report

CASES = 10_000
TASK = 25
"""Cases that a worker takes at once."""
WORKERS = 2
MOST_SECONDS = 120.0
"""Seconds after which a case counts as a hang, and its worker is ended."""
STARTING = 300.0
"""Seconds that the imports of a worker may take."""
MOST_EXAMPLES = 5
"""Examples of each fault that are printed."""
ADDRESSES = 4 * 2**30
"""Bytes of address space that a worker may take besides what its imports take."""
SHARES = {"config": 3, "flags": 3, "file": 3, "cue": 1}
"""Kinds of cases, and how many of ten are of each."""
FAULTS = ("traceback", "hang", "memory above 1 GB", "unclear message")
TESTS = Path(__file__).parents[1] / "tests"
NOTE = (
    "Cases from the strategies of tests/fuzz_*.py, in reused workers with limits on memory and "
    "time. A case is right if it is taken, or refused in one printable sentence of limited length "
    "that names a flag, a field, a file or an argument, and no inside of the program."
)


class Task(NamedTuple):
    """Cases of one kind for one study or reader; `seed` determines them."""

    kind: str
    name: str
    seed: int
    num: int


def run(repeats: int) -> Report:
    """Counts faults of `CASES` random cases; `repeats` is not used."""
    begun = time.perf_counter()
    counts = counted(tasks(CASES), WORKERS)
    cases, faults = counts.cases, counts.faults
    seconds = time.perf_counter() - begun
    rows = [
        (kind, str(cases[kind]), *(str(faults[kind, fault]) for fault in FAULTS)) for kind in SHARES
    ]
    total = sum(faults.values())
    line = Line(
        f"{sum(cases.values()):,} random configs, flags, files and cues, {seconds / 60:.0f} min",
        ", ".join(f"{fault} {sum(faults[kind, fault] for kind in SHARES)}" for fault in FAULTS),
        "none", str(total), "0", total == 0,
    )  # fmt: skip
    return Report("random inputs", NOTE, ("kind", "cases", *FAULTS), rows, [line])


def kinds() -> list[str]:
    """Returns the kinds of cases whose strategies there are, each as often as its share of ten."""
    there = {"config": "fuzz_settings", "flags": "fuzz_settings", "file": "fuzz_files"}
    return [
        kind
        for kind, share in SHARES.items()
        for _ in range(share)
        if (TESTS / f"{there.get(kind, 'fuzz_cues')}.py").exists()
    ]


def tasks(num: int) -> Iterator[Task]:
    """Yields tasks of `num` cases in all, in the shares of `SHARES`."""
    names = {kind: itertools.cycle(sorted(judges(kind))) for kind in set(kinds())}
    for seed, kind in zip(range(-(-num // TASK)), itertools.cycle(kinds()), strict=False):
        yield Task(kind, next(names[kind]), seed, min(TASK, num - seed * TASK))


Judge = tuple[Any, Callable[[Any, Path], object]]
"""A strategy of cases, and a function of a case and an empty folder that judges it."""


def judges(kind: str) -> dict[str, Judge]:
    """Returns the judges of a kind of cases, by study or reader."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    import fuzz_settings

    if kind == "cue":
        import fuzz_cues

        return {"all": (fuzz_cues.cues(), lambda case, folder: fuzz_cues.judge(*case))}
    if kind == "file":
        import fuzz_files

        readers: dict[str, Judge] = {
            name: (
                fuzz_files.contents(name),
                lambda case, at, name=name: fuzz_files.judge(name, case, at),
            )
            for name in fuzz_files.READERS
        }
        return readers | {"folder": (fuzz_files.folders(), fuzz_files.judge_folder)}
    make = fuzz_settings.texts if kind == "config" else fuzz_settings.flags
    judge = fuzz_settings.judge_text if kind == "config" else fuzz_settings.judge_flags
    return {
        study.name: (make(study), lambda case, at, study=study: judge(study, case, at))
        for study in fuzz_settings.STUDIES
    }


class Worker:
    """A process that judges cases, one task after another."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=work, args=(other,), daemon=True)
        self.process.start()
        other.close()
        self.task, self.done = Task("", "", 0, 0), 0
        self.heard = time.monotonic() + STARTING

    @property
    def is_free(self) -> bool:
        """Whether it has done its task."""
        return self.done == self.task.num

    def goes_on(self, todo: Iterator[Task]) -> bool:
        """Takes the next task; returns whether there was one."""
        task = next(todo, None)
        if task is None:
            return False
        self.task, self.done, self.heard = task, 0, max(self.heard, time.monotonic())
        self.pipe.send(task)
        return True

    def listen(self, counts: "Counts") -> bool:
        """Counts a case that is done; returns whether the process has ended instead."""
        try:
            fault = self.pipe.recv()
        except EOFError:
            counts.add(self.task, ("traceback", f"case {self.done} ended the process"))
            return True
        counts.add(self.task, fault)
        self.done, self.heard = self.done + 1, time.monotonic()
        return False

    def hangs(self, counts: "Counts") -> bool:
        """Returns whether a case takes too long; it is then counted."""
        if time.monotonic() < self.heard + MOST_SECONDS:
            return False
        counts.add(self.task, ("hang", f"case {self.done}"))
        return True

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.join()


class Counts:
    """The numbers of cases by kind and of faults by kind and fault; prints some examples."""

    def __init__(self):
        self.cases: collections.Counter[str] = collections.Counter()
        self.faults: collections.Counter[tuple[str, str]] = collections.Counter()

    def add(self, task: Task, fault: tuple[str, str] | None) -> None:
        """Counts a case; `fault` is its fault and a description."""
        self.cases[task.kind] += 1
        if (done := sum(self.cases.values())) % 500 == 0:
            print(f"{done} cases, {sum(self.faults.values())} faults", file=sys.stderr, flush=True)
        if fault is None:
            return
        self.faults[task.kind, fault[0]] += 1
        if self.faults[task.kind, fault[0]] <= MOST_EXAMPLES:
            where = f"{task.kind} of {task.name}, seed {task.seed}"
            print(f"{fault[0]}: {where}: {fault[1]}", file=sys.stderr, flush=True)


def counted(todo: Iterator[Task], num_workers: int) -> Counts:
    """Returns the counts of all tasks, which workers do."""
    counts, workers = Counts(), [Worker() for _ in range(num_workers)]
    workers = [worker for worker in workers if worker.goes_on(todo)]
    while workers:
        ready = wait([worker.pipe for worker in workers], timeout=1)
        for place, worker in reversed(list(enumerate(workers))):
            judged = worker.listen if worker.pipe in ready else worker.hangs
            if judged(counts):
                worker.end()
                workers[place] = worker = Worker()
            if worker.is_free and not worker.goes_on(todo):
                worker.end()
                del workers[place]
    return counts


def work(pipe: Connection) -> None:
    """Judges the cases of all tasks that come through a pipe, and sends what is wrong with each."""
    os.environ["NAM_JAX_CACHE"] = "off"
    known = {kind: judges(kind) for kind in set(kinds())}
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ADDRESSES, resource.RLIM_INFINITY))
    while True:
        try:
            task: Task = pipe.recv()
        except EOFError:
            return
        strategy, judge = known[task.kind][task.name]
        _judge_all(task, strategy, judge, pipe)


def _judge_all(task: Task, strategy: Any, judge: Callable, pipe: Connection) -> None:
    import fuzz_settings
    from hypothesis import HealthCheck, Phase, given, seed, settings

    sent = 0

    @seed(task.seed)
    @settings(
        deadline=None, max_examples=task.num, database=None, phases=[Phase.generate],
        suppress_health_check=cast(Any, list(HealthCheck)),
    )  # fmt: skip
    @given(strategy)
    def one(case: Any) -> None:
        nonlocal sent
        with tempfile.TemporaryDirectory() as folder:
            fault = _fault(judge, case, Path(folder))
        if sent < task.num:
            sent += 1
            pipe.send(fault)

    is_study = task.kind in ("config", "flags")
    study = fuzz_settings.study_named(task.name) if is_study else None
    with fuzz_settings.computing_nothing(study) if study else contextlib.nullcontext():
        one()
    for _ in range(task.num - sent):  # a strategy may have fewer cases
        pipe.send(None)


def _fault(judge: Callable, case: Any, folder: Path) -> tuple[str, str] | None:
    """The fault of a case and its description; None if it is right."""
    try:
        judge(case, folder)
    except AssertionError as error:
        told = str(error)
        fault = {"too slow": "hang", "too much memory": "memory above 1 GB"}.get(told)
        unclear = told.startswith(("unclear", "too long"))
        fault = fault or ("unclear message" if unclear else "traceback")
        return fault, f"{told[:400]} after {case!r:.300}"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {str(error)[:200]} in {place.filename}:{place.lineno}"
        return "traceback", f"{text} after {case!r:.300}"
    return None
