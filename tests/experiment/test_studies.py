"""Every study is a folder of its own whose parts are where it says, and honours its context."""

import dataclasses
import subprocess
import sys

import pytest
import xarray as xr

from nam_jax import experiment
from nam_jax.experiment import STUDIES, common
from nam_jax.record import ConfigError, Context, ImportPath

each_study = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
HEAVY = {"jax", "numpy", "scipy", "xarray", "matplotlib", "equinox"}
"""What no help needs."""


def parts_of(study):
    values = vars(study).values()
    return [part for part in values if isinstance(part, ImportPath)]


@each_study
def test_parts_are_there_and_lie_in_the_folder_of_the_study(study):
    folder = f"nam_jax.experiment.{study.name.replace('-', '_')}"
    for part in parts_of(study):
        assert part.path.startswith(f"{folder}._") and callable(part.resolve())
    config = study.config.resolve()
    assert config.__dataclass_params__.frozen and config.__module__ == f"{folder}._config"
    assert study.config() == config()  # every field has a default


def test_names_of_studies_differ():
    assert len({study.name for study in STUDIES}) == len(STUDIES)


@each_study
def test_a_study_without_batches_refuses_a_batch(study, monkeypatch):
    if study.batched:
        pytest.skip("It computes its samples in batches.")
    with pytest.raises(ValueError, match="Argument `batch` must be left out"):
        study.run(study.config(), Context(batch=2))


@each_study
def test_every_study_computes_on_the_device_of_its_context(study):
    with pytest.raises(ValueError, match="Argument `device` must name a platform of JAX"):
        study.run(study.config(), Context(device="abacus"))


def test_a_study_runs_on_the_device_and_in_the_precision_of_its_context():
    import jax
    import jax.numpy as jnp

    from nam_jax._precision import of_flow

    @common.in_context(batched=True)
    def run(config, context):
        (device,) = jnp.zeros(()).devices()
        flows = of_flow(None).name
        return xr.Dataset(attrs={"device": device, "batch": context.batch, "flows": flows})

    last = len(jax.devices("cpu")) - 1
    config = experiment.reduce.study.config()
    attrs = run(config, Context(device=f"cpu:{last}", batch=3, precision="high")).attrs
    chosen = {"flows": "HIGH", "precision": "high"}
    assert attrs == {"device": jax.devices("cpu")[last], "batch": 3, **chosen}
    attrs = run(config).attrs
    assert attrs["device"] == jax.devices()[0] and attrs["flows"] == "HIGHEST"


def test_help_of_all_commands_imports_nothing_heavy():
    """In one process: the help of the program, of every study after it, and of sweeps."""
    code = f"""
import contextlib, io, sys
from nam_jax import cli
from nam_jax.experiment import STUDIES
commands = [*([study.name] for study in STUDIES), ["sweep"], ["sweep", "rate"], ["plot"]]
commands += [["completion"], ["completion", "bash"]]
for words in (["--version"], *([*command, "--help"] for command in ([], *commands))):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        cli.main(words)
    heavy = sorted({HEAVY} & set(sys.modules))
    assert not heavy, (words, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_public_names_of_lazy_packages_are_there():
    for package in (common, experiment.dendritic, experiment.train):
        for name in package.__all__:
            assert name in dir(package) and getattr(package, name) is not None
        with pytest.raises(AttributeError, match="no attribute 'zebra'"):
            getattr(package, "zebra")  # noqa: B009 (the name is the point)


def test_settings_are_plain_data():
    for study in STUDIES:
        for field in dataclasses.fields(study.config.resolve()):
            assert isinstance(getattr(study.config(), field.name), str | int | float | tuple | None)


WRONG = [
    ("retrieve", {"source": "missing-folder"}, "missing-folder"),
    ("retrieve", {"codec": "threshold", "source": "digits", "level": 1.5}, "`level` must lie in"),
    ("retrieve", {"codec_path": "missing.safetensors"}, "missing.safetensors"),
    ("retrieve", {"codec": "threshold", "codec_path": "x"}, "`codec_path` must be left out with"),
    ("retrieve", {"source": "~nobody12345/x"}, "~nobody12345"),
    ("retrieve", {"num_patterns": 10**5}, "`num_patterns` must be at most the"),
    ("train-codec", {"source": "missing-folder"}, "missing-folder"),
    ("train-codec", {"source": "digits", "num_bits": 3}, "`num_bits` must be a multiple of 4"),
    ("train", {"source": "missing-folder"}, "missing-folder"),
    ("train", {"num_stored": 9, "num_training": 8}, "`num_stored` must be at most"),
    ("reduce", {"leaks": (), "margins": ()}, "both are empty"),
    ("recognise", {"gain": 0.7}, "`gain` must be one of"),
    ("recognise", {"num_patterns": ()}, "`num_patterns` must be a list of one or more"),
    ("lesion", {"num_neurons": 65}, "`num_neurons` must be .* from 4 to 64, but has 65"),
    ("capacity", {"memories": ("power-2", "zebra")}, "`memories` must name memories"),
    ("capacity", {"memories": ("distinct-4",), "sizes": (8, 3)}, "`num_neurons` must be at least"),
    ("basin", {"memory": "distinct-4", "num_neurons": 3}, "`num_neurons`"),
    ("basin", {"flips": (0.3, 0.1)}, "`flips` must hold ascending fractions"),
    ("rate", {"memory": "zebra"}, "`memory` must name memories"),
    ("rate", {"num_patterns": 3, "load": 0.1}, "`load` must be left out if `num_patterns` is"),
    ("rate", {"memory": "distinct-5", "num_neurons": 4}, "`num_neurons` must be at least"),
    ("compare", {"source": "photos"}, "`source` must have labels"),
    ("compare", {"source": "digits", "num_test": 5000}, "`source` must have at least"),
    ("hebbian", {"activity": 0.9}, "`activity` must be .* from 0.05 to 0.3, but has 0.9"),
    ("generalise", {"loads": ()}, "`loads` must be a list of one or more"),
    ("transformer", {"attentions": ("zebra",)}, "`attentions` must name attentions"),
    ("transformer", {"num_keys": 3}, "`most_pairs`|`num_keys`"),
    ("tokens", {"tested_steps": 2}, "`tested_steps` must be at least `block_steps`, 3"),
    ("dendritic", {"num_branches": 2000}, "`num_branches` must be at most `num_memory`, 1000"),
    ("dendritic", {"sizes": (1, 1001)}, "`sizes` must be at most `num_memory`, 1000"),
    ("dendritic", {"thresholds": (0.0, 1.0, 100.0)}, "`thresholds` must have g_t above 0"),
    ("dendritic", {"scaling_joint": ((3, 4, 5),)}, "`scaling_joint` must have no D above N1"),
    (
        "dendritic",
        {f"scaling_{name}": () for name in ("memory", "feature", "branches", "joint")},
        "`parts` must leave out `scaling`",
    ),
    ("items", {"methods": ("zebra",)}, "`methods` must name methods"),
    ("items", {"num_memory": 30}, "`thresholds`"),
    ("gradients", {"distances": ()}, "`distances` must be a list of one or more"),
    ("setwise", {"loads": ()}, "`loads` must be a list of one or more"),
    ("hierarchy", {"num_stored": 5000}, "`num_stored` must be .* from 2 to 1797"),
    ("predictive", {"correlations": (1.0,)}, "`correlations`"),
    ("claims", {"only": ("saddle", "zebra")}, "`only` must hold keys .*but has zebra"),
]


@pytest.mark.parametrize(("name", "settings", "message"), WRONG)
def test_wrong_settings_are_told_as_such(name, settings, message):
    (study,) = (study for study in STUDIES if study.name == name)
    with pytest.raises(ConfigError, match=message):
        study.run(study.config(**settings))


def test_every_study_has_wrong_settings():
    assert {name for name, *_ in WRONG} == {study.name for study in STUDIES}
