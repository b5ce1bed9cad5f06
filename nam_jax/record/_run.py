"""Runs a study and writes its settings, numbers and figures; after an error it writes none."""

import contextlib
import dataclasses
import json
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

from nam_jax._paths import expanded
from nam_jax.record._attributes import as_json
from nam_jax.record._config import ConfigError, reading_input, write_config
from nam_jax.record._context import Context
from nam_jax.record._file import staged_file
from nam_jax.record._folder import check_items, staged_folder
from nam_jax.record._owned import CONFIG, FILES, LOG, MARK, RESULT, SOFTWARE, Format, refusal
from nam_jax.record._store import StoreError
from nam_jax.record._study import Study
from nam_jax.record._text import one_line

if TYPE_CHECKING:
    import xarray as xr

FIGURE = "figure"
"""Name of the first figure, which every study draws."""

LONGEST = 300
"""Largest number of characters that are shown of an error; some errors of XLA fill pages."""


@final
class RunError(RuntimeError):
    """A run failed with valid input; the one-line message says where the traceback is."""

    def __init__(self, message: str):
        super().__init__(one_line(message))


class Finished(NamedTuple):
    """The result of `run_study`.

    Attributes:
        dataset: The numbers, as written.
        table: A short `rich` table of the numbers.
        files: Names of the files and folders written, the most important first.
    """

    dataset: "xr.Dataset"
    table: Any
    files: tuple[str, ...]


def run_study(
    study: Study, config: Any, folder: Path, context: Context, format: Format = "png"
) -> Finished:
    """Runs a study and writes `config.toml`, `result.zarr` and the figures into a folder.

    If the run succeeds, its files replace those of an earlier run in the folder, all at once: also
    if the process is killed, `read_run` finds the old run or the new one. If the run fails, the
    earlier files stay and the traceback is in `log.txt`; the next run that succeeds removes it.
    Only files that runs have written are replaced or removed.

    Args:
        study: The study to run.
        config: The settings of the study.
        folder: The folder for the files.
        context: How to run the study; `context.folder` is not used.
        format: Format of the figures.

    Raises:
        ImportError: If a package that the study needs is not installed.
        ConfigError: If a setting or a file that it names cannot be used, or the folder cannot be
            written, or holds an item that no run has written under a name that is needed.
        RunError: If the run fails in any other way.
    """
    study.resolve()
    with reading_input():
        folder = expanded("folder", folder)
    names = (CONFIG, RESULT, f"{FIGURE}.{format}")
    kept = _named_in(config)
    with faults_logged(folder), staged_folder(folder, names=names, kept=kept) as staging:
        return _run(study, config, staging, context, format)


def redraw(
    study: Study, dataset: "xr.Dataset", folder: Path, format: Format = "png"
) -> tuple[str, ...]:
    """Draws the figures of a Dataset into a folder; returns the names of the files.

    Args:
        study: The study whose numbers the Dataset holds.
        dataset: The numbers.
        folder: The folder for the files.
        format: Format of the figures.

    Raises:
        ImportError: If a package that the study needs is not installed.
        ConfigError: If the folder cannot be written.
        RunError: If a figure cannot be drawn; the traceback is in `log.txt`.
    """
    study.resolve()
    with reading_input():
        folder = expanded("folder", folder)
    names = (f"{FIGURE}.{format}",)
    with faults_logged(folder), staged_folder(folder, names=names, anew=False) as staging:
        return tuple(_draw(study, dataset, staging, format))


def check_result(folder: Path) -> None:
    """Raises a `ConfigError` where `write_result` would, if the folder holds files of the user."""
    check_items(folder, (CONFIG, RESULT))


def write_result(
    config: Any,
    dataset: "xr.Dataset",
    folder: Path,
    drawn_by: Study | None = None,
    format: Format = "png",
) -> tuple[str, ...]:
    """Writes settings, numbers and figures of a run that was computed elsewhere, as a sweep is.

    They replace those of an earlier run in the folder, all at once.

    Args:
        config: The settings.
        dataset: The numbers; the attribute `study` names what they are of.
        folder: The folder for the files.
        drawn_by: The study that draws the figures; None for no figures.
        format: Format of the figures.

    Returns:
        The names of the files and folders written, the most important first.

    Raises:
        ConfigError: If the folder cannot be written, or holds an item that no run has written under
            a name that is needed.
    """
    with staged_folder(folder, names=(CONFIG, RESULT)) as staging:
        write_config(config, staging / CONFIG)
        drawn = [] if drawn_by is None else _draw(drawn_by, dataset, staging, format)
        files = (CONFIG, RESULT, *drawn)
        _write_dataset(dataset, files, staging)
    return files


def _write_dataset(dataset: "xr.Dataset", files: tuple[str, ...], folder: Path) -> None:
    """Writes numbers to `result.zarr`, with the list of all files of the run."""
    from zarr.storage import LocalStore

    listed = dataset.assign_attrs({FILES: json.dumps(files)})
    # A path alone would be read as an address: `~`, `::` and `://` in names of folders are special.
    as_json(listed.as_numpy()).to_zarr(LocalStore(folder / RESULT), zarr_format=2)


def _named_in(config: Any) -> frozenset[str]:
    """Returns the real paths of files that the settings name, such as weights that a run reads."""
    texts = [text for text in dataclasses.asdict(config).values() if isinstance(text, str)]
    return frozenset(
        os.path.realpath(os.path.expanduser(text)) for text in texts if "\0" not in text
    )


@contextlib.contextmanager
def faults_logged(folder: Path) -> Iterator[None]:
    """Returns a context manager that turns errors of a run into a `RunError`.

    It writes the traceback to the log. A `ConfigError` or `StoreError` says all there is to say.
    """
    try:
        yield
    except (ConfigError, StoreError):
        raise
    except Exception as error:
        raise RunError(f"{_sentence(error)} ({_log(folder)})") from error


def _run(study: Study, config: Any, staging: Path, context: Context, format: Format) -> Finished:
    dataset = study.run(config, dataclasses.replace(context, folder=staging))
    dataset = dataset.assign_attrs(study=study.name)
    write_config(config, staging / CONFIG)
    first = [CONFIG, RESULT, *_draw(study, dataset, staging, format)]
    others = sorted({path.name for path in staging.iterdir()} - {*first})
    files = (*first, *others)
    _write_dataset(dataset, files, staging)
    return Finished(dataset, study.table(dataset), files)


def _sentence(error: Exception) -> str:
    """Returns the class of an error with the first line of its message."""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _log(folder: Path) -> str:
    """Writes the traceback of the current error to the log and says where the log is."""
    text = f"{MARK}\n{traceback.format_exc()}"
    try:
        reason = refusal(folder, [LOG])
        if reason is not None:
            return f"no log was written; {reason}"
        folder.mkdir(parents=True, exist_ok=True)
        with staged_file(folder / LOG) as place:
            place.write_text(text, encoding="utf-8")
    except OSError as error:
        return f"the log could not be written: {error}"
    return f"traceback in {folder / LOG}"


def _draw(study: Study, dataset: "xr.Dataset", folder: Path, format: Format) -> list[str]:
    """Draws all figures into `folder` and returns the names of the files."""
    names = []
    for title, figure in study.figures(dataset).items():
        names.append(f"{title}.{format}")
        figure.savefig(folder / names[-1], metadata=SOFTWARE[format])
    return names
