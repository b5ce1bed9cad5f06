"""Watches the products of the library: each must have its precision chosen."""

import contextlib
import sys
from pathlib import Path
from unittest import mock

import jax
from jax._src.lax.convolution import conv_general_dilated_p

import nam_jax

HOUSE = Path(nam_jax.__file__).parent
STUDIES = HOUSE / "experiment"
"""All studies run in full; parts of them that tests call are left out."""
OTHERS = ("site-packages", "/lib/python", "<")
"""Parts of the names of files of other packages, and of code that they write."""


@contextlib.contextmanager
def watched_products(house=HOUSE):
    """Collects the places in a folder where a product is traced without a precision."""
    places = set()
    primitives = (jax.lax.dot_general_p, conv_general_dilated_p)

    def watching(primitive):
        bind = primitive.bind

        def traced(*arguments, **parameters):
            if parameters["precision"] is None:
                name, line = _caller(sys._getframe(1))
                if name.startswith(str(house)) and str(STUDIES) not in name:
                    places.add(f"{name}:{line}")
            return bind(*arguments, **parameters)

        return traced

    with contextlib.ExitStack() as stack:
        for primitive in primitives:
            stack.enter_context(mock.patch.object(primitive, "bind", watching(primitive)))
        yield places


def _caller(frame):
    """The file and line, outside of other packages, that asked for a product."""
    while frame is not None and any(part in frame.f_code.co_filename for part in OTHERS):
        frame = frame.f_back
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
