"""A network that has nothing but a flow, for tests of solvers."""

import jax.numpy as jnp

from nam_jax.network import AbstractContinuousNetwork


class BareNetwork(AbstractContinuousNetwork):
    """A network without drives, energy, layers and stored rows; its state is its readout."""

    drive_type = property(lambda self: None)
    can_be_silent = property(lambda self: False)

    def initial_state(self, cue):
        return jnp.asarray(cue, self.dtype)

    def readout(self, state):
        return state

    def visible(self, state):
        return state

    def layers(self):
        return None

    def energy_terms(self, state, drive=None, t=0.0):
        return None

    def stored_rows(self):
        return None

    def row_axes(self):
        return self, None
