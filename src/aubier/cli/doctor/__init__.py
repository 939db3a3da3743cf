"""`aubier doctor`: what could be wrong on this machine and in a data folder, and how to mend it.

It looks and changes nothing. What would stop `aubier up` is refused there with the same sentences. What it
finds given up, `aubier retry` tries again.
"""

from aubier.cli.doctor.again import retry
from aubier.cli.doctor.checks import examine

__all__ = ["examine", "retry"]
