"""The figures of a sweep."""

import xarray as xr
from matplotlib.figure import Figure


def sweep(dataset: xr.Dataset) -> Figure:
    """Draws the main variable of a sweep against its fields."""
    figure = Figure(figsize=(3.6, 3.2), layout="constrained")
    del dataset
    return figure
