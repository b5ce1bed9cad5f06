"""The command `nam-jax`: studies from the command line.

The room itself imports only the list of studies. It imports JAX and the parts of a study when a
command uses them, so that help appears quickly.
"""

from nam_jax.cli._main import main as main
