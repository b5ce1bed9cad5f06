"""The names that users see: not too many, each in one room."""

import collections
import importlib

import pytest

ROOMS = {
    *("attention", "data", "interaction", "lagrangian", "measure", "memory", "solve", "theory"),
    *("train", "sweep", "network", "network.dendritic", "theory.dendritic"),
}
TWICE = {"Exponential", "LogSumExp", "RectifiedPower"}
"""Separations of `memory` that are named after the Lagrangians that they are made of."""


def names_in(room):
    """Public names of a room; rooms inside it are rooms of their own."""
    module = importlib.import_module(f"nam_jax.{room}")
    return [name for name in module.__all__ if f"{room}.{name}" not in ROOMS]


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_public_names_exist_once_in_order_and_have_a_docstring(room):
    module, names = importlib.import_module(f"nam_jax.{room}"), names_in(room)
    assert sorted(set(names)) == sorted(names)
    missing = [name for name in names if not getattr(module, name).__doc__]
    assert not missing


def test_no_name_stands_in_two_rooms():
    counts = collections.Counter(name for room in ROOMS for name in names_in(room))
    assert {name for name, count in counts.items() if count > 1} == TWICE


def test_there_are_not_too_many():
    """More names than these are too many to find one's way: put new ones where they belong."""
    assert len(names_in("network")) <= 40
    assert sum(len(names_in(room)) for room in ROOMS) <= MOST


MOST = 320
