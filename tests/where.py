"""Where the tests find published examples and reference data."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
ENGINES = ROOT / ".build" / "engine"
"""The PostgreSQL binaries that the tests' data folders share."""
