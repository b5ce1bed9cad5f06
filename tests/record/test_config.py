"""Settings are read strictly from TOML, and checked alike when they come from flags."""

import dataclasses

import pytest

from nam_jax import record
from nam_jax.experiment import lesion, retrieve, train_codec

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
        ("zebra = 3", ["unknown key `zebra`", "known: "]),
        ("seed = 1\n[retrieve]\nlevel = 0.1", ["unknown key `retrieve`"]),
        (
            "num_patterns = 'three'",
            ["key `num_patterns` must be a whole number", "but has 'three'."],
        ),
        ("num_patterns = 3.5", ["key `num_patterns` must be a whole number", "but has 3.5."]),
        ("num_patterns = true", ["key `num_patterns` must be a whole number", "but has True."]),
        ("num_patterns = [3]", ["key `num_patterns` must be a whole number", "but has [3]."]),
        ("num_patterns = 0", ["must be a whole number from 1 to 2147483647, but has 0."]),
        (f"num_patterns = {2**31}", ["to 2147483647, but has 2147483648."]),
        ("num_patterns = 0x" + "f" * 5000, ["but has a number of thousands of digits."]),
        ("seed.x = 3", ["key `seed` must be a whole number", "but has {'x': 3}."]),
        ("seed = 2024-01-01", ["key `seed` must be a whole number", "date"]),
        ("level = -0.1", ["key `level` must be a number from 0 to 1e+12, but has -0.1."]),
        ("codec_path = 3", ["key `codec_path` must be text, but has 3."]),
        ('source = "a\\u001bb"', ["key `source` must be text without control characters"]),
        ("source = 3", ["key `source` must be text, but has 3."]),
        ("end_time = inf", ["`end_time`", "finite"]),
        ("level = nan", ["`level`", "finite"]),
        ("dynamics = 'quantum'", ["key `dynamics` must be one of certified, released"]),
        ("num_patterns 3", ["is not TOML", "line 1"]),
        ("seed = 1\nseed = 2", ["is not TOML"]),
        ("seed = " + "9" * 5000, ["is not TOML"]),
        ("seed = " + "[" * 2000 + "]" * 2000, ["nested too deep"]),
        (f"seed = {2**63}", ["key `seed` must be a whole number from 0 to 9223372036854775807"]),
        ("seed = -1", ["key `seed` must be a whole number from 0 to"]),
        ('"new\\nline" = 1', ["unknown key `new line`"]),
        ('"\\u001b[31m" = 1', ["unknown key `\\x1b[31m`"]),
        ("num-patterns = 3", ["unknown key `num-patterns`", "did you mean `num_patterns`?"]),
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


@pytest.mark.parametrize("number", ["inf", "-inf", "nan"])
def test_numbers_in_lists_are_finite(tmp_path, number):
    path, config = tmp_path / "bad.toml", lesion.study.config()
    path.write_text(f"tones = [0.0, {number}]")
    with pytest.raises(record.ConfigError, match=r"key `tones` must be finite.* \(entry 2\)"):
        record.read_config(type(config), path)
    with pytest.raises(record.ConfigError, match=r"Argument `tones` must be finite"):
        record.validate(dataclasses.replace(config, tones=(0.0, float(number))))


def test_a_file_may_start_with_a_byte_order_mark_and_end_lines_as_windows_does(tmp_path):
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xef\xbb\xbfseed = 3\r\nlevel = 0.2\r\n")
    assert record.read_config(type(TINY), path) == retrieve.study.config(seed=3, level=0.2)


def test_reading_input_makes_errors_of_values_and_files_wrong_input():
    for error in (ValueError("bad\nnumber"), FileNotFoundError("no such set")):
        with pytest.raises(record.ConfigError) as caught, record.reading_input():
            raise error
        assert str(caught.value) in ("bad number", "no such set")
        assert caught.value.__cause__ is error
    with pytest.raises(TypeError), record.reading_input():
        raise TypeError


def test_validate_names_the_key():
    with pytest.raises(
        record.ConfigError, match=r"Argument `num_times` must be a whole number from 2 to"
    ):
        record.validate(tiny(num_times=1))
    with pytest.raises(record.ConfigError, match=r"Argument `level` must be finite, but has inf"):
        record.validate(tiny(level=float("inf")))
