"""Every reader under trial. A new reader of what others send is a row in one of these files."""

from tests.fuzz.target import Target
from tests.fuzz.targets import exchanges, files, formats, queries

TARGETS: tuple[Target, ...] = (
    *formats.TARGETS,
    *queries.TARGETS,
    *files.TARGETS,
    *exchanges.TARGETS,
)
