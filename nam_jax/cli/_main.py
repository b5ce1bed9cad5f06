"""Runs one command: a study, a sweep, or one of the tools."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from nam_jax._paths import expanded
from nam_jax.cli._parsers import command_parser, completion_parser, plot_parser, whole_parser
from nam_jax.experiment import STUDIES, SWEEP
from nam_jax.record import Context, Study, stopped_by_signals

INSTALL = 'studies need the extra `experiments`; pip install "nam-jax[experiments]".'


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status.

    Args:
        arguments: Words after `nam-jax`; by default the arguments of the process.

    Returns:
        The exit status: 0, 1 for a failed run, 2 for wrong input, and 128 plus the
        number of a signal that ended the run: 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            with stopped_by_signals(), _any_text_on_screen():
                return _command(words)
        finally:
            sys.stdout.flush()  # here, where a closed pipe is still caught below
    except KeyboardInterrupt as error:
        said = getattr(error, "__notes__", ["nothing was written"])[0]
        print(f"nam-jax: interrupted; {said}.", file=sys.stderr)
        return 128 + (error.args or (2,))[0]
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "nam_jax":
            raise
        print(f"nam-jax: {error.name} is missing; {INSTALL}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has closed the pipe, as in `nam-jax ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


@contextlib.contextmanager
def _any_text_on_screen() -> Iterator[None]:
    """Returns a context manager in which the output may hold any text.

    Characters that its encoding lacks, such as those of a table in an ASCII terminal or of a file
    name that is no text, are written as escapes.
    """
    changed = [
        (stream, stream.errors)
        for stream in (sys.stdout, sys.stderr)
        if isinstance(stream, io.TextIOWrapper)
    ]
    for stream, _ in changed:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in changed:
            with contextlib.suppress(BrokenPipeError):  # `main` flushes the output once more
                stream.reconfigure(errors=errors)


def _command(words: list[str]) -> int:
    """Runs the command that the first word names and returns its exit status.

    Wrong input gives 2 and a failed run gives 1; the message goes to standard error.
    """
    name = command_parser().parse_args(words[:1]).command
    from nam_jax.record import ConfigError, RunError, StoreError

    try:
        if name == "plot":
            _plot(words[1:])
        elif name == "sweep":
            _sweep(words[1:])
        elif name == "completion":
            _completion(words[1:])
        else:
            _run(next(study for study in STUDIES if study.name == name), words[1:])
    except ConfigError as error:
        print(f"nam-jax {name}: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"nam-jax {name}: the run failed. {error}", file=sys.stderr)
        return 1
    except StoreError as error:  # a damaged chunk, or a full disk
        print(f"nam-jax {name}: {error}", file=sys.stderr)
        return 1
    return 0


def _plot(words: list[str]) -> None:
    """Draws the figures of a run again from its numbers."""
    from nam_jax.record import read_run, reading_input, redraw, study_of

    parser = plot_parser()
    options = parser.parse_args(words)
    if options.out == "":
        parser.error("argument --out: must be a folder, but has ''")
    with reading_input():
        folder = expanded("folder", options.folder)
        out = folder if options.out is None else expanded("out", options.out)
    from nam_jax import sweep

    if sweep.is_there(folder):  # also before it is finished
        dataset = sweep.read(folder, STUDIES)
    else:
        dataset = read_run(folder, STUDIES).dataset
    names = redraw(study_of(dataset, (*STUDIES, SWEEP)), dataset, out, options.format)
    print(f"{out}: {', '.join(names)}")


def _completion(words: list[str]) -> None:
    """Prints the script by which a shell completes the words of `nam-jax`."""
    shell = completion_parser().parse_args(words).shell
    import shtab

    print(shtab.complete(whole_parser(), shell))


def _sweep(words: list[str]) -> None:
    """Runs a study with many settings, or tells how far such a sweep is."""
    from nam_jax import sweep
    from nam_jax.record import WRITTEN, faults_logged, reading_input

    given = sweep.read_words(words, STUDIES, SWEEP.opening)
    if given.status is not None:
        print(sweep.status(given.status, STUDIES), flush=True)
        return
    assert given.study is not None and given.config is not None
    with reading_input():
        out = expanded("out", given.out)
    from nam_jax.experiment.common import keep_programs

    keep_programs()
    with faults_logged(out):
        dataset = sweep.run_config(
            given.config, given.study, out, workers=given.workers, scheduler=given.scheduler,
            repair=given.repair, progress=not given.quiet, precision=given.precision,
            drawn_by=SWEEP, format=given.format,
        )  # fmt: skip
    try:
        if not given.quiet:
            _show(SWEEP.table(dataset))
            figures = sorted(path.name for path in out.glob(f"figure*.{given.format}"))
            print(f"{out}: {', '.join(['config.toml', 'result.zarr', *figures])}", flush=True)
    except KeyboardInterrupt as error:
        error.add_note(WRITTEN)
        raise


def _run(study: Study, words: list[str]) -> None:
    """Runs a study with the settings that `words` give, and prints its table."""
    from nam_jax.record import WRITTEN, ConfigError, read_flags, reading_input, run_study

    flags = read_flags(study, words)
    shared = flags.shared
    with reading_input():
        out = expanded("out", shared.out)
    context = Context(
        progress=not shared.quiet, device=shared.device, batch=shared.batch,
        precision=shared.precision,
    )  # fmt: skip
    from nam_jax.experiment.common import keep_programs

    keep_programs()
    try:
        finished = run_study(study, flags.settings, out, context, shared.format)
    except ConfigError as error:
        raise ConfigError(flags.as_written(str(error))) from error
    try:
        if not shared.quiet:
            _show(finished.table)
            print(f"{out}: {', '.join(finished.files)}", flush=True)
    except KeyboardInterrupt as error:
        error.add_note(WRITTEN)
        raise


def _show(table: Any) -> None:
    """Prints a `rich` table by `print`, because rich ends the process if the pipe is closed."""
    from rich.console import Console

    console = Console()
    with console.capture() as text:
        console.print(table)
    print(text.get(), end="", flush=True)
