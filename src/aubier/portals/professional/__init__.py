"""The professional's space: find a patient, read the record, add to it, and know why something is not seen.

For health professionals. Pages only: what is found and seen is decided by `identity`, `sharing` and
`access`, reached through the actor's own view and FHIR operations, as a vendor would.
Does not do: prescribing, messages, agenda, emergency access.
"""
