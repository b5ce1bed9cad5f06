"""Settings are read strictly from TOML, and checked alike when they come from flags."""

import dataclasses

import pytest

from nam_jax import record
from nam_jax.experiment import retrieve, train_codec

TINY = retrieve.study.config(source="digits", num_patterns=3)


def tiny(**changes):
    return dataclasses.replace(TINY, **changes)


@pytest.mark.parametrize(
    "config", [retrieve.study.config(), tiny(step=0.1), train_codec.study.config(seed=3)]
)
def test_config_round_trip(tmp_path, config):
    path = tmp_path / "config.toml"
    record.write_config(config, path)
    assert record.read_config(type(config), path) == config
    assert record.validate(config) == config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("num_pattern = 3", ["unknown key `num_pattern`", "`num_patterns`"]),
        ("zebra = 3", ["unknown key `zebra`", "known keys"]),
        ("seed = 1\n[retrieve]\nlevel = 0.1", ["unknown key `retrieve`"]),
        ("num_patterns = 'three'", ["`num_patterns`", "int", "str"]),
        ("num_patterns = 3.5", ["`num_patterns`", "int", "float"]),
        ("num_patterns = true", ["`num_patterns`", "int", "bool"]),
        ("num_patterns = 0", ["`num_patterns`", ">= 1"]),
        ("level = -0.1", ["`level`", ">= 0"]),
        ("end_time = inf", ["`end_time`", "finite"]),
        ("level = nan", ["`level`", "finite"]),
        ("dynamics = 'quantum'", ["`dynamics`", "quantum"]),
        ("num_patterns 3", ["is not TOML", "line 1"]),
        ("seed = 1\nseed = 2", ["is not TOML"]),
    ],
)
def test_bad_config_gives_one_line_with_file_and_key(tmp_path, text, expected):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(record.ConfigError) as caught:
        record.read_config(retrieve.study.config.resolve(), path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert all(part in message for part in expected), message


def test_config_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(record.ConfigError, match="cannot be read") as caught:
            record.read_config(retrieve.study.config.resolve(), path)
        assert str(path) in str(caught.value)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(record.ConfigError, match="is not TOML"):
        record.read_config(retrieve.study.config.resolve(), binary)


def test_validate_names_the_key():
    with pytest.raises(record.ConfigError, match=r"key `num_times`: Expected `int` >= 2"):
        record.validate(tiny(num_times=1))
    with pytest.raises(record.ConfigError, match=r"key `level`.*finite"):
        record.validate(tiny(level=float("inf")))
