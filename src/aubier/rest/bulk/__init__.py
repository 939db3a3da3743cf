"""Bulk Data export: what an actor may see, as NDJSON, prepared while the client waits elsewhere.

`asking` reads the request, `running` walks the store part by part, `answers` tells how far it is and hands
out the files, `tables` keeps what must outlive a process, `service` is the row that the house knows.
Rule: HL7 FHIR Bulk Data Access 2.0; FHIR R4, http.html#async.
"""
