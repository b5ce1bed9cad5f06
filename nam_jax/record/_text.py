"""Text of users in messages: one line, cut to a length, no control characters. Needs no extras."""

import reprlib

SHOWN = 60
"""Largest number of characters that are shown of a value."""
NAMED = 200
"""Largest number of characters that are shown of a name, such as that of a file."""

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = SHOWN
_brief.maxlevel = 2


def one_line(text: str) -> str:
    """Returns `text` without line breaks, with control characters written as escapes."""
    spaced = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in spaced)


def clipped(text: str, most: int = NAMED) -> str:
    """Returns `text` in one line, cut to `most` characters."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 3]}..."


def shown(value: object) -> str:
    """Returns a value as Python writes it, in one line and cut to `SHOWN` characters."""
    try:
        return clipped(_brief.repr(value), SHOWN)
    except ValueError:  # Python writes no whole numbers of more than 4300 digits
        return "a number of thousands of digits"
