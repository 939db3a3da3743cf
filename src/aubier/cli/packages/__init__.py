"""FHIR packages at the command line: `aubier load package.tgz`."""

from aubier.cli.packages.load import is_package, load_at_start, load_package

__all__ = ["is_package", "load_at_start", "load_package"]
