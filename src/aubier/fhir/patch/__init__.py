"""Patches: JSON Patch and FHIRPath Patch as pure changes of a resource.

`json_patch(operations)` and `fhirpath_patch(parameters)` read a patch once and give a `Change`: a function
from a resource to the changed copy. What is no patch is refused while reading, what does not fit the resource
while applying; in neither case is the resource touched. Whether the result is FHIR is for validation to say.
"""

from aubier.fhir.patch.fhirpath import fhirpath_patch
from aubier.fhir.patch.json import json_patch
from aubier.fhir.patch.result import Change

__all__ = ["Change", "fhirpath_patch", "json_patch"]
