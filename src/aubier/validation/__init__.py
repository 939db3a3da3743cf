"""Validation of resources: every fault at once, each with its place, in English and French.

`validate(resource)` gives the issues, `check(resource)` raises them as one Problem. What they hold is the
base specification: structure, unknown elements, lexical forms, cardinality, choice types, required
bindings, references, narratives; in contained resources, Bundle entries and Parameters too.

How it is made. A *checker* is `(value, state) -> list[Draft] | None`. `structure.py` compiles one for each
type from the definitions, once, out of one *rule* per JSON property: `(value, node, state) -> list[Draft] |
None`. A draft carries the path below the value; whoever called the checker puts its own step before it, so
that valid data costs no path at all.

Beyond the base: `snapshots` makes profiles whole, `profiles` compiles them, `walks` walks them over a
resource and asks terminology in one batch. These are for `$validate` and for writes where a setting asks it.

Rule: FHIR R4 4.0.1 (hl7.fhir.r4.core): json.html, datatypes.html, references.html, narrative.html,
terminologies.html.
"""

from aubier.validation.resource import check, validate

__all__ = ["check", "validate"]
