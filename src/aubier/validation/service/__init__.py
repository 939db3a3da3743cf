"""Validation as a service: $validate and $snapshot, and profiles on writes where a setting asks it.

`shelf` brings definitions from the store before a walk and keeps them; `operations` are the two operations;
`writes` is the content rule; `outcome` says issues as an OperationOutcome.

Rule: FHIR R4 4.0.1, resource-operation-validate.html, structuredefinition-operation-snapshot.html.
"""

from aubier.validation.service.service import SERVICE
from aubier.validation.service.writes import on_write, when_strict

__all__ = ["SERVICE", "on_write", "when_strict"]
