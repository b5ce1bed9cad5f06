"""Settings of `nam-jax claims`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ClaimsConfig:
    """The claims to check, and the number of trials."""

    fast: bool = False
    """Few trials and small networks: the whole ledger in about three minutes on two cores."""
    only: tuple[str, ...] = ()
    """Keys of the claims to check, as in the ledger's first column; all of them by default."""
    page: str | None = None
    """Page of an earlier run, such as benchmarks/claims.md. The rows of the checked claims are
    replaced in it, and all other rows stay as they are. The run also writes the page, or a new one
    if this is None, as claims.md in its folder."""
