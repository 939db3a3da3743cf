"""The paths under which index values of contained resources are kept, in place of a type.

`Observation/subject/Patient` is a Patient whom an Observation contains and names by `subject`. A type alone
is the shortest path: the resource itself.
"""

from __future__ import annotations


def below(path: str, code: str, type: str) -> str:
    """The path of what a reference parameter of `path` names inside the same resource, of that type."""
    return f"{path}/{code}/{type}"


def is_inside(path: str) -> bool:
    """Whether a path leads into a resource, and is no type."""
    return "/" in path


def type_of(path: str) -> str:
    """The type that a path leads to."""
    return path.rpartition("/")[2]


def holder(path: str) -> str:
    """The type of the resource that a path begins with, which is the one stored."""
    return path.partition("/")[0]
