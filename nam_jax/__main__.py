"""`python -m nam_jax` is the command `nam-jax`."""

import sys

from nam_jax.cli import main

if __name__ == "__main__":
    sys.exit(main())
