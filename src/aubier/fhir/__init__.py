"""Floor 1: FHIR R4 itself. No I/O beyond reading its own packaged definitions.

`definitions` what the specification defines; `primitives` the lexical forms; `json` exact JSON in and out;
`references` what resources say of each other; `fhirpath` expressions compiled to Python;
`packages` published guides.
"""
