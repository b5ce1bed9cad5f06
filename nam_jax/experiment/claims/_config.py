"""Settings of `nam-jax claims`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClaimsConfig:
    """Which claims to check, and how thoroughly."""

    fast: bool = False
    """Few trials and small networks: the whole ledger in about two minutes on two cores."""
    only: tuple[str, ...] = ()
    """Keys of the claims to check, as in the ledger's first column; all of them by default."""
    page: str | None = None
    """Page of an earlier run, of which only the rows of these claims are made anew, such as
    benchmarks/claims.md; its other rows stay as they are. None: a new page, claims.md in the
    folder of the run."""
