"""Units of measure by UCUM: a unit read, and two units made comparable. Exact arithmetic, no floating point.

Rule: The Unified Code for Units of Measure, version 2.2, case-sensitive codes. Its atoms stand in
`atoms.csv`, each by another unit, or by none (a dimension of its own); a text that is no unit is None.
"""

from aubier.fhir.ucum.reader import MAX_LENGTH, Unit, unit

__all__ = ["MAX_LENGTH", "Unit", "unit"]
