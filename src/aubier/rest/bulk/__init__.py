"""Bulk Data export: what an actor may see, as NDJSON, prepared while the client waits elsewhere.

`asking` reads the request, `running` walks the store part by part, as a kind of asynchronous work.
Rule: HL7 FHIR Bulk Data Access 2.0, and `_until` of the release after it.
"""
