"""Regular expressions whose time grows with the text only: no pattern can make them run for ever.

A pattern becomes a program (`program`) that a machine runs over the text once, every way at a time
(`machine`). What cannot be done so is refused: backreferences, looking ahead and behind, possessive
and atomic groups. Rule: FHIRPath N1 2.0.0, section 5.6 (`matches`): `.` matches every character.
"""

from aubier.fhir.fhirpath.patterns.machine import Pattern, pattern

__all__ = ["Pattern", "pattern"]
