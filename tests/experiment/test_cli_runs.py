"""Every config runs by its command, and a run repeats itself from what it left."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
import skimage.io
import xarray as xr
from figures import drawn

from nam_jax import cli
from nam_jax.experiment import STUDIES, study_named
from nam_jax.record import read_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
CONFIGS = [path for path in CONFIGS if not path.stem.startswith("sweep")]
"""Those of studies; tests/experiment/sweep/ has those of sweeps."""


TINY = {
    "retrieve": {
        "source": "digits",
        "codec": "threshold",
        "num_patterns": 3,
        "num_times": 5,
        "end_time": 3.0,
    },
    "train-codec": {
        "source": "digits",
        "steps": 2,
        "batch_size": 4,
        "num_bits": 16,
        "width": 4,
        "depth": 1,
        "num_validation": 4,
    },
    "train": {
        "source": "digits",
        "num_patterns": [3],
        "gains": [0.6],
        "memories": ["power-4", "two-layer", "single-pass-4"],
        "steps": 2,
        "inpainting_steps": 2,
        "batch_size": 2,
        "num_cues": 4,
        "num_stored": 4,
        "num_training": 8,
        "num_held_out": 4,
    },
    "reduce": {
        "num_neurons": 12,
        "num_patterns": 2,
        "num_cues": 2,
        "leaks": [1.0],
        "margins": [0.2],
        "ratios": [1.0],
    },
    "rate": {"num_neurons": 12, "num_sets": 2, "num_queries": 2},
    "recognise": {
        "num_neurons": 16,
        "num_patterns": [2],
        "levels": [0.1],
        "gains": [0.9],
        "num_cues": 4,
    },
    "lesion": {
        "num_neurons": 8,
        "num_patterns": 2,
        "num_sets": 1,
        "num_cues": 2,
        "cuts": [0.0, 0.5],
        "radii": [0.0, 60.0],
        "tones": [0.0, 1.0],
        "couplings": [0.0, 1.0],
    },
    "gradients": {
        "num_neurons": [8],
        "num_patterns": [2],
        "margins": [1.0],
        "distances": [0.3],
        "nudges": [0.2, 0.1],
        "steps": [2],
        "num_directions": 1,
        "rounds": 0,
    },
    "capacity": {
        "memories": ["power-2"],
        "sizes": [8, 12],
        "num_sets": 4,
        "num_queries": 2,
    },
    "hebbian": {
        "num_neurons": 50,
        "sparse_neurons": 100,
        "map_points": 3,
        "grid_points": 2,
        "num_sets": 8,
        "num_queries": 2,
        "steps": 2,
    },
    "generalise": {
        "circle_betas": [20.0],
        "sphere_betas": [10.0],
        "phase_samples": [4, 8],
        "num_sets": 4,
        "num_queries": 4,
        "num_starts": 20,
    },
    "basin": {
        "memory": "power-2",
        "num_neurons": 12,
        "num_patterns": [2],
        "flips": [0.1, 0.3],
        "num_sets": 3,
        "num_queries": 2,
    },
    "compare": {
        "source": "digits",
        "num_stored": [4],
        "num_queries": 3,
        "clamped": [0.3],
        "unbiased": [1.0],
        "num_patterns": [3],
        "num_cues": 2,
        "flips": [0.1],
        "similarities": ["cosine", "visible-euclid"],
        "weightings": ["rectified-3", "max"],
        "memories": [
            "unlearning-2",
            "free-oja-2",
            "power-3",
            "minerva",
            "single-pass-4",
            "two-layer",
        ],
        "largest_astrocyte": 3,
        "num_astrocyte_cues": 1,
        "training_steps": 1,
        "num_known": [20],
        "num_test": 3,
        "num_recalled": 20,
        "class_separations": ["power-3"],
    },
    "transformer": {
        "attentions": ["softmax", "hebbian"],
        "trained_pairs": [2],
        "tested_pairs": [2, 4],
        "num_values": 4,
        "num_keys": 8,
        "size": 8,
        "head_size": 4,
        "steps": 2,
        "batch_size": 4,
        "num_seeds": 2,
        "num_sequences": 4,
    },
    "tokens": {
        "size": 4,
        "num_heads": 1,
        "head_size": 2,
        "num_memories": 3,
        "tested_steps": 3,
        "step_sizes": [1.0],
        "steps": 2,
        "batch_size": 4,
        "num_test": 8,
        "num_masks": 1,
    },
    "dendritic": {
        "parts": ["raster", "size"],
        "num_memory": 200,
        "num_feature": 500,
        "num_inhibitory": [50, 50],
        "num_branches": 100,
        "thresholds": [4.44, -20.0, 245.7],
        "size": 2,
        "sizes": [1, 2],
        "num_networks": 2,
        "num_trials": 2,
        "time": 8.0,
    },
    "items": {
        "num_items": [2, 3],
        "methods": ["ridge"],
        "num_networks": 2,
        "num_cues": 2,
        "num_selection": 2,
        "time": 8.0,
    },
    "setwise": {
        "sizes": [12],
        "loads": [0.3],
        "flips": [0.1],
        "num_complexes": 2,
        "num_sets": 2,
        "winner_patterns": 6,
        "winner_flips": [0.2],
        "winner_queries": 2,
    },
    "hierarchy": {
        "num_stored": 5,
        "steps": 2,
        "batch_size": 3,
        "num_seeds": 2,
        "num_masks": 1,
        "maps": 2,
        "top": 3,
    },
    "predictive": {
        "num_stored": [3, 4],
        "two_layers": 3,
        "three_layers": [3, 2],
        "epochs": 3,
        "hierarchical_epochs": 2,
        "steps": 2,
        "num_seeds": 2,
        "num_masks": 1,
    },
    "claims": {"only": ["saddle", "speed-gain"]},
}


def tiny_words(name):
    words = []
    for key, value in TINY[name].items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{key.replace('_', '-')}", *(str(entry) for entry in values)]
    return words


def command_of(config):
    """The command in the first line of a config: `# nam-jax COMMAND --config configs/NAME`."""
    words = config.read_text().splitlines()[0].split()
    assert words[:2] == ["#", "nam-jax"] and words[3:] == ["--config", f"configs/{config.name}"]
    return words[2]


FIGURES = (
    *("load", "binary", "classes", "recalls"),  # compare
    *("raster", "capacity"),  # dendritic
    *("sets", "pictures"),  # items
    *("losses", "pictures"),  # train
    "completions",  # tokens
    "gain",  # recognise
)
"""Further figures, by the studies that draw them."""


LONG = {
    "compare",
    "compare_digits",
    "dendritic",
    "generalise",
    "hebbian",
    "hierarchy",
    "predictive",
    "gradients",
    "items",
    "items_fashion",
    "train",
    "train_fashion",
    "reduce",
    "lesion",
    "capacity_astrocyte",
    "capacity_hopfield",
    "retrieve_certified",
    "tokens",
    "transformer",
    "setwise",
}  # mostly compilation


EACH_CONFIG = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LONG else [])
    for path in CONFIGS
]


SHORT = {"retrieve", "recognise"}


EACH_REPEATED = [
    pytest.param(path, id=path.stem, marks=[] if path.stem in SHORT else [pytest.mark.slow])
    for path in CONFIGS
]


def run_config(config, out, capsys):
    """The command of `config`, made tiny; it says what it wrote."""
    words = [command_of(config), "--config", str(config), *tiny_words(command_of(config))]
    assert cli.main([*words, "--out", str(out)]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert f"{out}: config.toml, result.zarr, figure.png" in said


@pytest.mark.command
@pytest.mark.parametrize("config", EACH_CONFIG)
def test_config_runs_and_leaves_its_settings_result_and_figure(config, tmp_path, capsys):
    name, out = command_of(config), tmp_path / "out"
    run_config(config, out, capsys)
    extra = {"codec.safetensors", "claims.md", "figure-speed-gain.png"}
    extra |= {"tables.html", *(f"figure-{name}.png" for name in FIGURES)}
    extra |= {f"figure-per-{cost}.png" for cost in ("neuron", "synapse", "unit")}
    assert {path.name for path in out.iterdir()} - extra == {
        "config.toml",
        "result.zarr",
        "figure.png",
    }
    assert (out / "codec.safetensors").exists() == (name == "train-codec")
    used = tomllib.loads((out / "config.toml").read_text())
    assert used == used | tomllib.loads(config.read_text()) | TINY[name]
    with xr.open_zarr(out / "result.zarr") as results:
        assert results.data_vars and results.attrs["seed"] == 0 and results.attrs["versions"]
        assert study_named(name).headline in {None, *results.data_vars}
        drawn(study_named(name), results.load())
    figure = skimage.io.imread(out / "figure.png")
    assert min(figure.shape[:2]) > 300 and np.ptp(figure[..., :3]) > 200
    assert cli.main(["plot", str(out), "--out", str(tmp_path / "anew")]) == 0
    for path in out.glob("*.png"):
        anew = skimage.io.imread(tmp_path / "anew" / path.name)
        np.testing.assert_array_equal(anew, skimage.io.imread(path))


@pytest.mark.command
@pytest.mark.parametrize("config", EACH_REPEATED)
def test_a_run_repeats_itself_from_the_settings_it_left(config, tmp_path, capsys):
    name, first, second = command_of(config), tmp_path / "first", tmp_path / "second"
    run_config(config, first, capsys)
    again = [name, "--config", str(first / "config.toml"), "--out", str(second), "--quiet"]
    assert cli.main(again) == 0
    assert capsys.readouterr().out == ""
    assert (second / "config.toml").read_text() == (first / "config.toml").read_text()
    with (
        xr.open_zarr(first / "result.zarr") as results,
        xr.open_zarr(second / "result.zarr") as repeated,
    ):
        xr.testing.assert_equal(results.load(), repeated.load())


def test_every_command_has_a_config():
    assert (
        {command_of(config) for config in CONFIGS} == {study.name for study in STUDIES} == set(TINY)
    )


def test_configs_of_the_defaults_hold_the_defaults():
    studies = {study.name: study for study in STUDIES}
    for name in (
        "retrieve", "train_codec", "train", "reduce", "recognise", "lesion", "gradients",
        "compare_digits", "transformer",
    ):  # fmt: skip
        path = next(config for config in CONFIGS if config.stem == name)
        study = studies[command_of(path)]
        assert read_config(study.config.resolve(), path) == study.config()
