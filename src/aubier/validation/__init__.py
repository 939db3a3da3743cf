"""Validation of resources: every fault at once, each with its place, in English and French.

`validate(resource)` gives the issues, `check(resource)` raises them as one Problem. What is held today is the
base specification: structure, unknown elements, lexical forms, cardinality, choice types, required
bindings, references, narratives; in contained resources, Bundle entries and Parameters too.

How it is made. A *checker* is `(value, state) -> list[Draft] | None`. `structure.py` compiles one for each
type from the definitions, once, out of one *rule* per JSON property: `(value, node, state) -> list[Draft] |
None`. A draft carries the path below the value; whoever called the checker puts its own step before it, so
that valid data costs no path at all.

What comes next fits here:
- *invariants*: `structure._object` takes `after`, checkers that run on an object whose structure is right.
  The compiled FHIRPath of `Type.invariants` and `Element.invariants` are such checkers.
- *profiles*: a profile compiles to one more checker on the whole resource (slices, fixed values, tighter
  cardinalities and bindings), run after the base one and only when that finds no error.
- *bindings to value sets that are not enumerated here* (`Definitions.value_set` gives None): the terminology
  room below this one answers; `values.bound` is the only place that asks.

Rule: FHIR R4 4.0.1 (hl7.fhir.r4.core): json.html, datatypes.html, references.html, narrative.html,
terminologies.html.
"""

from aubier.validation.resource import check, validate

__all__ = ["check", "validate"]
