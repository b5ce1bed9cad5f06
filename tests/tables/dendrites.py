"""A dendritic memory in NumPy, written from its equations alone, to judge its theory by.

Of eqs. 1-7 only what the tests of the theory need: reciprocal masks, inhibition at its steady state
at the start, exponential Euler. Trials are columns.
"""

from typing import NamedTuple

import numpy as np
import scipy


class Simulated(NamedTuple):
    """Rates and drives of all populations, a trial a column."""

    memory: np.ndarray
    feature: np.ndarray
    drive: np.ndarray
    branches: np.ndarray
    """(N2, D, trials)"""


class Wired:
    """One network: `circuit` and `thresholds` are those of the theory, in numbers."""

    def __init__(self, circuit, thresholds, seed):
        self.circuit, self.thresholds = circuit, thresholds
        self.rng = np.random.default_rng(seed)
        n1, n2, m1, m2, d = map(int, circuit[:5])
        c = circuit.connectivity
        self.contact = self.rng.random((n2, n1)) < c
        self.branch = self.rng.integers(0, d, (n2, n1))
        shape, m = circuit.gamma_shape, circuit.dendritic_mean
        self.weight = self.rng.gamma(shape, m / shape, (n2, d)).astype(np.float32)
        to_branch = 1 / np.sqrt(c * n1 / d)
        self.excite = self._to_branches(self.contact, self.branch, to_branch)
        mask = self.rng.random((n2, m1)) < c
        scale = np.sqrt(n1 / m1) / np.sqrt(c * m1 / d)
        self.inhibit = self._to_branches(mask, self.rng.integers(0, d, (n2, m1)), scale)
        fed_back = np.take_along_axis(self.weight, self.branch, 1) * self.contact
        self.feedback = (fed_back / np.sqrt(c * n2)).T.astype(np.float32)
        self.from_second = self._dense(n1, m2, np.sqrt(n2 / m2) * m / np.sqrt(c * m2))
        self.from_first = self._dense(n1, m1, np.sqrt(n2 / m1) / np.sqrt(c * m1))
        self.to_first = self._dense(m1, n1, 1 / (c * n1))
        self.to_second = self._dense(m2, n2, 1 / (c * n2))
        self.within_first = self._dense(m1, m1, 1 / (c * m1) ** 2)
        self.within_second = self._dense(m2, m2, 1 / (c * m2) ** 2)

    def _uniform(self, shape):
        w = self.circuit.spread
        return self.rng.uniform(1 - w, 1 + w, shape)

    def _dense(self, rows, columns, scale):
        mask = self.rng.random((rows, columns)) < self.circuit.connectivity
        return (scale * mask * self._uniform((rows, columns))).astype(np.float32)

    def _to_branches(self, mask, branch, scale):
        """(N2 D, sources), a row for each branch."""
        d = int(self.circuit.num_branches)
        target, source = np.nonzero(mask)
        values = (scale * self._uniform(target.size)).astype(np.float32)
        rows = target * d + branch[target, source]
        shape = (mask.shape[0] * d, mask.shape[1])
        return scipy.sparse.csr_matrix((values, (rows, source)), shape=shape)

    def outputs(self, drives):
        t, c = self.thresholds, self.circuit
        slope = (t.saturation - c.resting_output) / c.width
        shifted = np.float32(slope) * (drives - np.float32(t.branch)) + np.float32(c.resting_output)
        return np.clip(shifted, c.resting_output, t.saturation)

    def soma(self, outputs):
        d = int(self.circuit.num_branches)
        shaped = outputs.reshape(-1, d, outputs.shape[-1])
        return (self.weight[:, None, :] @ shaped)[:, 0] / np.float32(np.sqrt(d))

    def inhibition(self, memory, feature):
        """I1 and I2 at their steady state."""
        one, two = np.eye(len(self.within_first)), np.eye(len(self.within_second))
        return (
            np.linalg.solve(one + self.within_first, self.to_first @ memory).astype(np.float32),
            np.linalg.solve(two + self.within_second, self.to_second @ feature).astype(np.float32),
        )

    def branch_drives(self, memory, first):
        return self.excite @ memory - self.inhibit @ first

    def drive(self, feature, first, second):
        return self.feedback @ feature - self.from_second @ second - self.from_first @ first

    def cues(self, k, trials):
        """k neurons of each trial, and the features of the memory (eq. 15 for k neurons)."""
        n1, d = int(self.circuit.num_memory), int(self.circuit.num_branches)
        if k * trials > n1:
            raise ValueError("There are not enough neurons for disjoint memories.")
        cued = np.zeros((n1, trials), bool)
        active = np.zeros((len(self.weight), d, trials), bool)
        order = self.rng.permutation(n1)
        for trial in range(trials):
            chosen = order[k * trial : k * (trial + 1)]
            cued[chosen, trial] = True
            for i in chosen:
                reached = np.flatnonzero(self.contact[:, i])
                active[reached, self.branch[reached, i], trial] = True
        outputs = np.where(active, self.thresholds.saturation, self.circuit.resting_output)
        return cued, self.soma(outputs.astype(np.float32)).astype(np.float32), active

    def held(self, memory):
        """The state with memory neurons held at these rates and all else following."""
        memory = memory.astype(np.float32)
        first, _ = self.inhibition(memory, np.zeros((len(self.weight), 1), np.float32))
        branches = self.branch_drives(memory, first)
        feature = self.soma(self.outputs(branches))
        first, second = self.inhibition(memory, feature)
        shape = (len(self.weight), -1, memory.shape[1])
        drive = self.drive(feature, first, second)
        return Simulated(memory, feature, drive, branches.reshape(shape))

    def run(self, cued, feature, *, time=300.0, dt=1.0, constants=(10.0, 50.0, 5.0)):
        """From the features, E1 at rmin and matched inhibition; rates of E1 at the end."""
        c = self.circuit
        keep = [np.float32(np.exp(-dt / tau)) for tau in constants]
        memory = np.full(cued.shape, c.rmin, np.float32)
        first, second = self.inhibition(memory, feature)
        for _ in range(round(time / dt)):
            drive = self.drive(feature, first, second)
            rates = c.rmin + np.clip(drive - self.thresholds.memory, 0, c.rmax - c.rmin)
            soma = self.soma(self.outputs(self.branch_drives(memory, first)))
            towards_first = np.maximum(self.to_first @ memory - self.within_first @ first, 0)
            towards_second = np.maximum(self.to_second @ feature - self.within_second @ second, 0)
            memory = rates + keep[0] * (memory - rates)
            feature = soma + keep[1] * (feature - soma)
            first = towards_first + keep[2] * (first - towards_first)
            second = towards_second + keep[2] * (second - towards_second)
        return memory.astype(np.float32)


def recalled(memory, cued, circuit):
    """Strict recall: each cued neuron in [10, 99] Hz and each other one within 1 Hz of rmin."""
    kept = ((memory >= 10) & (memory <= circuit.rmax - 1)) | ~cued
    quiet = (memory <= circuit.rmin + 1) | cued
    return (kept & quiet).all(0)
