"""The running instance of the journeys, for the snippets of the documentation."""

from tests.journeys.conftest import copy, filled, instance

__all__ = ["copy", "filled", "instance"]
