"""Errors by which an argument of a wrong type is refused."""

REFUSED = (ValueError, TypeError)
"""A `TypeError` of one parameter in runs in which annotations are checked, else a `ValueError`."""
