"""What a store was asked for: the header of its folder, with all grids in their order."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from nam_jax.record import ConfigError, Study, shown, validate
from nam_jax.sweep._chunk import different
from nam_jax.sweep._config import SweepConfig
from nam_jax.sweep._grid import Grid, grid_of
from nam_jax.sweep._plan import Plan, planned


def agreed(
    old: dict[str, Any] | None,
    config: SweepConfig,
    study: Study,
    grid: Grid,
    here: Mapping[str, str],
) -> dict[str, Any]:
    """Returns the header of a store after it was asked for a grid.

    Args:
        old: The header before; None for a new store.
        config: The settings of the sweep.
        study: The study that they name.
        grid: The grid that they describe.
        here: What determines numbers beside the settings.

    Raises:
        ConfigError: If the store holds numbers of another study, environment or setting, so that
            results would mix.
    """
    new = dataclasses.asdict(config)
    old = checked(old)
    if old is None:
        return {"study": study.name, "environment": dict(here), "grids": [new], "current": 0}
    advice = "take another folder for other results"
    if old["study"] != study.name:
        raise ConfigError(
            f"Argument `store` must be a folder of a sweep of `{study.name}`, but has one of "
            f"`{old['study']}`; {advice}."
        )
    wrong = different(old["environment"], here)
    if wrong is not None:
        raise ConfigError(
            f"Argument `store` must hold results of this environment, but has {wrong}; {advice}."
        )
    for earlier in old["grids"]:
        _check_settings(grid_of(config_of(earlier), study), grid, advice)
    # Compared as texts, in which the order of the fields counts, as it does in the results.
    texts = [json.dumps(entry) for entry in old["grids"]]
    if json.dumps(new) in texts:
        return {**old, "current": texts.index(json.dumps(new))}
    return {**old, "grids": [*old["grids"], new], "current": len(texts)}


def checked(header: dict[str, Any] | None) -> dict[str, Any] | None:
    """Returns the header of a store; None if there is none.

    Raises:
        ConfigError: If this version has not written it.
    """
    if header is None:
        return None
    kinds = {"study": str, "environment": dict, "grids": list, "current": int}
    if not all(isinstance(header.get(name), kind) for name, kind in kinds.items()) or not (
        0 <= header["current"] < len(header["grids"])
    ):
        raise ConfigError("chunks/store.json: is damaged, or of another version.")
    return header


def _check_settings(old: Grid, new: Grid, advice: str) -> None:
    """Raises a `ConfigError` if a field that neither grid sweeps has changed."""
    before, now = dataclasses.asdict(old.base), dataclasses.asdict(new.base)
    for name, value in now.items():
        if name not in {*old.swept, *new.swept} and value != before[name]:
            raise ConfigError(
                f"Argument `store` must hold results of the same settings, but has `{name}` = "
                f"{shown(before[name])}, and not {shown(value)}; {advice}."
            )


def plan_of(header: Mapping[str, Any], study: Study) -> Plan:
    """Returns the plan of the grid that a store was asked for last."""
    configs = [config_of(entry) for entry in header["grids"]]
    grids = [grid_of(config, study) for config in configs]
    sizes = [config.chunk for config in configs]
    return planned(study, grids, header["current"], sizes, header["environment"])


def config_of(entry: Any) -> SweepConfig:
    """Returns the settings of a sweep from an entry of the header.

    Raises:
        ConfigError: If the entry is damaged.
    """
    try:
        return validate(SweepConfig(**entry))
    except (TypeError, ConfigError) as error:
        raise ConfigError("chunks/store.json: is damaged, or of another version.") from error
