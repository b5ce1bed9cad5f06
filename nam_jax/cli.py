"""The command `nam-jax`: studies from the command line.

The module itself imports only the list of studies. It imports JAX and the parts of a study when a
command uses them, so that help appears quickly.
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from nam_jax._paths import expanded
from nam_jax.experiment import STUDIES, SWEEP
from nam_jax.record import Context, Study, stopped_by_signals

PLOT = "Draw the figures of a run anew from its result.zarr."
INSTALL = 'studies need the extra `experiments`; pip install "nam-jax[experiments]".'

MANUAL = """\
every study:
  --config FILE   read fields from a TOML file; flags overrule it
  --out DIR       where results go (default runs/COMMAND)
  --quiet         no progress bar and no table
  --device NAME   where to compute: a platform of JAX, or one device as in gpu:1
  --help          all fields of a command, with their defaults

what a run leaves in DIR:
  config.toml     every field as it was used; give it to --config to repeat the run
  result.zarr     all numbers, as a labelled xarray Dataset
  figure.png      the figure; capacity, compare, dendritic, items and claims draw more, claims
                  writes claims.md, and compare tables.html

examples:
  nam-jax retrieve
  nam-jax retrieve --dynamics certified --level 0.2
  nam-jax retrieve --config configs/retrieve.toml --num-patterns 10 --out runs/ten
  nam-jax retrieve --source ./my-photos --num-patterns 12
  nam-jax train --fast
  nam-jax train --source fashion-mnist --num-patterns 100 --gradient truncated
  nam-jax capacity --fast
  nam-jax capacity --config configs/capacity_astrocyte.toml
  nam-jax basin --memory distinct-3 --num-patterns 100 400
  nam-jax compare --fast
  nam-jax compare --config configs/compare.toml
  nam-jax transformer --attentions softmax rectified-5 --head-size 16
  nam-jax dendritic --fast --parts raster size
  nam-jax claims --fast
  nam-jax claims --only capacity gating
  nam-jax sweep rate --grid load=0.05:0.2:7 --grid num_neurons=64,128 --seeds 20
  nam-jax plot runs/claims --out figures

compiled programs are kept in the user's cache folder, up to 1 GB; the environment variable
NAM_JAX_CACHE names another folder, and NAM_JAX_CACHE=off keeps none.

exit status: 0 done; 1 the run failed, and its traceback is in DIR/log.txt; 2 the command, a field
or a file was wrong; 130 interrupted. Studies need the extra: pip install "nam-jax[experiments]".
"""


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
    name = _parser().parse_args(words[:1]).command
    from nam_jax.record import ConfigError, RunError, StoreError

    try:
        if name == "plot":
            _plot(words[1:])
        elif name == "sweep":
            _sweep(words[1:])
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

    parser = _Parser(prog="nam-jax plot", description=PLOT, allow_abbrev=False)
    parser.add_argument("folder", metavar="DIR", help="folder of a run")
    parser.add_argument("--out", help="folder for the figures (default DIR)")
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
    names = redraw(study_of(dataset, (*STUDIES, SWEEP)), dataset, out)
    print(f"{out}: {', '.join(names)}")


def _sweep(words: list[str]) -> None:
    """Runs a study with many settings, or tells how far such a sweep is."""
    from nam_jax import sweep
    from nam_jax.record import WRITTEN, faults_logged, reading_input

    given = sweep.read_words(words, STUDIES)
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
            repair=given.repair, progress=not given.quiet, drawn_by=SWEEP,
        )  # fmt: skip
    try:
        if not given.quiet:
            _show(SWEEP.table(dataset))
            figures = sorted(path.name for path in out.glob("figure*.png"))
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
    context = Context(progress=not shared.quiet, device=shared.device, batch=shared.batch)
    from nam_jax.experiment.common import keep_programs

    keep_programs()
    try:
        finished = run_study(study, flags.settings, out, context)
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


def _parser() -> argparse.ArgumentParser:
    """The parser of the first word; each command parses the words after it by itself."""
    parser = _Parser(
        prog="nam-jax",
        description="Associative memory in JAX: store patterns, recall them from damaged cues.",
        epilog=MANUAL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for study in STUDIES:
        commands.add_parser(study.name, help=study.summary, add_help=False)
    commands.add_parser("sweep", help=SWEEP.summary, add_help=False)
    commands.add_parser("plot", help=PLOT, add_help=False)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        from nam_jax.record import clipped

        self.exit(2, f"{self.prog}: {clipped(message, 400)}; `{self.prog} --help` tells more.\n")


class _Version(argparse.Action):
    """Prints the version; looks it up only when `--version` is given."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"nam-jax {version('nam-jax')}")
        parser.exit()
