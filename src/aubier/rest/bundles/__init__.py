"""Batch and transaction: a Bundle of requests, run and answered.

`run` checks the Bundle and runs it, `resolving` finds what its references name.
"""

from aubier.rest.bundles.run import run_bundle

__all__ = ["run_bundle"]
