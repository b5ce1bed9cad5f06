"""The command `nam-jax`: experiments from the command line."""

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro
import xarray as xr
from rich.console import Console
from rich.table import Table

from nam_jax import experiment
from nam_jax.experiment import (
    basin,
    capacity,
    claims,
    compare,
    dendritic,
    generalise,
    gradients,
    hebbian,
    items,
    lesion,
    recognise,
    reduce,
    retrieve,
    train,
    train_codec,
    transformer,
)


class Command(NamedTuple):
    """One experiment as a command: `config` is its dataclass, the rest its functions.

    `more` gives further figures by name, each to be written as NAME.png.
    """

    config: type
    run: Callable[..., xr.Dataset]
    table: Callable[[xr.Dataset], Table]
    figure: Callable[[xr.Dataset], Any]
    summary: str
    more: Callable[[xr.Dataset], dict[str, Any]] = lambda dataset: {}


def _claim_figures(dataset: xr.Dataset) -> dict[str, Any]:
    return {f"figure-{key}": claims.claim(dataset, key) for key in claims.curves(dataset)}


COMMANDS = {
    "retrieve": Command(
        experiment.RetrieveConfig,
        retrieve.run,
        retrieve.table,
        retrieve.retrieve,
        "Store images in an astrocyte's process tensor and recall them from damaged cues.",
    ),
    "train-codec": Command(
        experiment.TrainCodecConfig,
        train_codec.run,
        train_codec.table,
        train_codec.train_codec,
        "Train the binary autoencoder that turns images into patterns.",
    ),
    "train": Command(
        experiment.TrainConfig,
        train.run,
        train.table,
        train.train,
        "Train the tensor on correlated images and compare recall and inpainting.",
    ),
    "reduce": Command(
        experiment.ReduceConfig,
        reduce.run,
        reduce.table,
        reduce.reduce,
        "Walk from the full network to the discrete dense memory on the same cues.",
    ),
    "recognise": Command(
        experiment.RecogniseConfig,
        recognise.run,
        recognise.table,
        recognise.recognise,
        "Tell known cues from unknown ones by whether a leak-gated network stays active.",
    ),
    "lesion": Command(
        experiment.LesionConfig,
        lesion.run,
        lesion.table,
        lesion.lesion,
        "Recall with cut calcium fluxes, changed astrocyte tone, and two coupled astrocytes.",
    ),
    "capacity": Command(
        experiment.CapacityConfig,
        capacity.run,
        capacity.table,
        capacity.capacity,
        "Measure how many random patterns memories hold, and how that grows with their size.",
        capacity.capacity_per_cost,
    ),
    "basin": Command(
        experiment.BasinConfig,
        basin.run,
        basin.table,
        basin.basin,
        "Measure from how damaged a cue a memory recalls, and what it reaches instead.",
    ),
    "compare": Command(
        experiment.CompareConfig,
        compare.run,
        compare.table,
        compare.compare,
        "Compare memories on real images: recall from damaged queries, and classes.",
        compare.compare_more,
    ),
    "hebbian": Command(
        experiment.HebbianConfig,
        hebbian.run,
        hebbian.table,
        hebbian.hebbian,
        "Map capacity over the coefficients of the expanded Hebbian rule, and find the best.",
    ),
    "generalise": Command(
        experiment.GeneraliseConfig,
        generalise.run,
        generalise.table,
        generalise.generalise,
        "Store ever more samples of a circle or sphere: memorised, spurious, generalised.",
    ),
    "transformer": Command(
        experiment.TransformerConfig,
        transformer.run,
        transformer.table,
        transformer.transformer,
        "Train Transformers with softmax, dense or Hebbian attention on associative recall.",
    ),
    "dendritic": Command(
        experiment.DendriticConfig,
        dendritic.run,
        dendritic.table,
        dendritic.dendritic,
        "Recall by rates in a network of neurons with dendrites: size, noise, wiring, controls.",
        dendritic.dendritic_more,
    ),
    "items": Command(
        experiment.ItemsConfig,
        items.run,
        items.table,
        items.items,
        "Store images as sets of neurons of a dendritic memory by learned maps to and from it.",
        items.item_pictures,
    ),
    "gradients": Command(
        experiment.GradientsConfig,
        gradients.run,
        gradients.table,
        gradients.gradients,
        "Judge gradient routes by finite differences, from saturation to the critical point.",
    ),
    "claims": Command(
        experiment.ClaimsConfig,
        claims.run,
        claims.table,
        claims.claims,
        "Check every claim of the theory and say where it holds.",
        _claim_figures,
    ),
}

MANUAL = """\
every command:
  --config FILE   read fields from a TOML file; flags overrule it
  --out DIR       where results go (default runs/COMMAND)
  --quiet         no progress bar and no table
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

exit status: 0 done; 1 the run failed; 2 the command, a field or a file was wrong.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: Words after `nam-jax`; by default those of the process.

    Returns:
        The exit status: 0, 1 for a failed run, 2 for wrong input.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = _parser().parse_args(words[:1]).command
    command = COMMANDS[name]
    try:
        options = _options(name, command, words[1:])
        config = experiment.validate(options.settings)
        with experiment.staged_folder(options.out) as folder:
            dataset = command.run(config, folder=folder, progress=not options.quiet)
            experiment.write_config(config, folder / "config.toml")
            dataset.as_numpy().to_zarr(folder / "result.zarr", zarr_format=2)
            figures = {"figure": command.figure(dataset)} | command.more(dataset)
            for title, figure in figures.items():
                figure.savefig(folder / f"{title}.png", dpi=150)
    except (ValueError, OSError) as error:
        print(f"nam-jax {name}: {error}", file=sys.stderr)
        return 2
    if not options.quiet:
        Console().print(command.table(dataset))
        print(f"{options.out}: config.toml, result.zarr, figure.png")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nam-jax",
        description="Associative memory in JAX: store patterns, recall them from damaged cues.",
        epilog=MANUAL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.summary, add_help=False)
    return parser


def _options(name: str, command: Command, words: list[str]) -> Any:
    """The command's fields and the options that all commands share."""
    settings = Annotated[command.config, tyro.conf.arg(name="")]
    config = Annotated[Path | None, tyro.conf.arg(help="TOML file with fields.")]
    out = Annotated[Path, tyro.conf.arg(help="Folder for the results.")]
    quiet = Annotated[bool, tyro.conf.arg(help="No progress bar and no table.")]
    shared = [
        ("config", config, dataclasses.field(default=None)),
        ("out", out, dataclasses.field(default=Path("runs") / name)),
        ("quiet", quiet, dataclasses.field(default=False)),
        ("settings", settings, dataclasses.field(default=_default(command, words))),
    ]
    return tyro.cli(
        dataclasses.make_dataclass("Options", shared, frozen=True),
        prog=f"nam-jax {name}",
        description=command.summary,
        args=words,
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _default(command: Command, words: list[str]) -> Any:
    """The fields that flags overrule: those of the file after --config, or the defaults."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", type=Path)
    path = finder.parse_known_args(words)[0].config
    return command.config() if path is None else experiment.read_config(command.config, path)
