"""Units of measure by UCUM: a unit read, and two units made comparable. Exact arithmetic, no floating point.

Rule: The Unified Code for Units of Measure, version 2.1, case-sensitive codes. The atoms that medicine uses
stand in `atoms.csv`; a unit made of others is not known here, and says so by being None.
"""

from aubier.fhir.ucum.reader import MAX_LENGTH, Unit, unit

__all__ = ["MAX_LENGTH", "Unit", "unit"]
