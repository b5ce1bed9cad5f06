"""The parsers of the command line and the text of its help."""

import argparse
from typing import Any, NoReturn

from nam_jax.experiment import STUDIES, SWEEP
from nam_jax.record import FORMATS, GROUPS, opening

SHELLS = ("bash", "zsh", "tcsh")
"""Shells whose scripts of `shtab` are tried."""
PLOT = "Draw the figures of a run anew from its result.zarr."
COMPLETE = "Print the script by which your shell completes commands, flags and names."
GROUPED = {
    group: {study.name: study.summary for study in (*STUDIES, SWEEP) if study.group == group}
    for group in GROUPS
}
"""All commands: their summaries by name, by what users want to do."""
GROUPED["tools"] |= {"plot": PLOT, "completion": COMPLETE}

ABOUT = "Associative memory in JAX: store patterns, recall them from damaged cues."
MANUAL = """\
every study:
  --config FILE   read fields from a TOML file; flags overrule it
  --out DIR       where results go (default runs/COMMAND)
  --quiet         no progress bar and no table
  --format F      format of the figures: png, pdf or svg
  --device NAME   where to compute: a platform of JAX, or one device as in gpu:1
  --precision P   digits of products in flows on GPUs and TPUs: highest, high or default
  --help          an example and its time, and all fields of the command with their defaults

what a run leaves in DIR:
  config.toml     every field as it was used; give it to --config to repeat the run
  result.zarr     all numbers, as a labelled xarray Dataset
  figure.png      the figure; capacity, compare, dendritic, items and claims draw more, claims
                  writes claims.md, and compare tables.html; figure.pdf with --format pdf

examples, besides the one at the start of the help of each command:
  nam-jax retrieve --source ./my-photos --num-patterns 12
  nam-jax retrieve --dynamics certified --level 0.2 --out runs/certified
  nam-jax train --source fashion-mnist --num-patterns 100 --gradient truncated
  nam-jax capacity --config configs/capacity_astrocyte.toml --num-sets 8
  nam-jax basin --memory distinct-3 --num-patterns 100 400
  nam-jax transformer --attentions softmax rectified-5 --head-size 16
  nam-jax claims --only capacity gating
  nam-jax plot runs/claims --out figures

compiled programs are kept in the user's cache folder, up to 1 GB; the environment variable
NAM_JAX_CACHE names another folder, and NAM_JAX_CACHE=off keeps none.

exit status: 0 done; 1 the run failed, and its traceback is in DIR/log.txt; 2 the command, a field
or a file was wrong; 130 interrupted. Studies need the extra: pip install "nam-jax[experiments]".
"""


COMPLETION = """\
bash: add this line to ~/.bashrc
  eval "$(nam-jax completion bash)"

zsh: add this line to ~/.zshrc, after `autoload -U compinit; compinit`
  eval "$(nam-jax completion zsh)"

tcsh: write the script to a file, and source that file in ~/.tcshrc
  nam-jax completion tcsh > ~/.nam-jax.tcsh

The script completes the words of `nam-jax` where that command is on the PATH, as in an activated
environment; it does not know the words after `uv run`.
"""


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


def command_parser() -> argparse.ArgumentParser:
    """Returns the parser of the first word; each command parses the words after it by itself."""
    parser = _Parser(
        prog="nam-jax",
        usage="nam-jax COMMAND [options] [fields of the command]",
        description=f"{ABOUT}\n\n{_listed()}",
        epilog=MANUAL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )  # `_listed` lists them
    for members in GROUPED.values():
        for name in members:
            commands.add_parser(name, add_help=False)
    return parser


def _listed() -> str:
    """All commands under headings that say what users want to do."""
    parts = []
    for group, members in GROUPED.items():
        rows = [f"  {name:<11}  {summary}" for name, summary in members.items()]
        parts.append("\n".join([f"{group}: {GROUPS[group]}", *rows]))
    return "\n\n".join(parts)


def _tool_parser(name: str, description: str) -> _Parser:
    return _Parser(
        prog=f"nam-jax {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def plot_parser() -> argparse.ArgumentParser:
    """Returns the parser of the words after `nam-jax plot`."""
    parser = _tool_parser("plot", opening("plot runs/retrieve", 10, PLOT))
    parser.add_argument("folder", metavar="DIR", help="folder of a run")
    parser.add_argument("--out", metavar="DIR", help="folder for the figures (default DIR)")
    parser.add_argument(
        "--format", choices=FORMATS, default="png", help="format of the figures (default: png)"
    )
    return parser


def completion_parser() -> argparse.ArgumentParser:
    """Returns the parser of the words after `nam-jax completion`."""
    parser = _tool_parser("completion", opening("completion bash", 1, COMPLETE))
    parser.epilog = COMPLETION
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """Returns a parser of all words after `nam-jax`, which says what shells offer for each."""
    from nam_jax import sweep
    from nam_jax.record import complete_parser, offer

    parsers = {study.name: complete_parser(study) for study in STUDIES}
    parsers[SWEEP.name] = sweep.complete_parser(STUDIES)
    parsers["plot"] = plot_parser()
    offer(parsers["plot"])
    parsers["completion"] = completion_parser()
    whole = argparse.ArgumentParser(prog="nam-jax")
    whole.add_argument("--version", action="version", help="show the version and exit")
    commands = whole.add_subparsers()
    for members in GROUPED.values():
        for name, summary in members.items():
            commands.add_parser(name, help=summary, parents=[parsers[name]], add_help=False)
    return whole
