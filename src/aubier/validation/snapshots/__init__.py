"""Snapshots of profiles: what a differential says, laid on what its base says.

`base` gives the definitions of FHIR itself; `tree` turns element lists into trees and back; `merge` lays a
differential on a base; `generate` finds the bases and keeps what was made. Pure: definitions come from a
`find` that the caller gives.

Rule: FHIR R4 4.0.1, profiling.html, elementdefinition.html#interpretation.
"""

from aubier.validation.snapshots.generate import Snapshots

__all__ = ["Snapshots"]
