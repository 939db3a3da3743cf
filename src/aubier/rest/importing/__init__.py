"""`$import`: NDJSON files into the store, by the road of every load, followed and taken up like an export.

`asking` reads the request, `sources` opens what it names, `remote` a file of another host, `running` loads it
part by part and tells each fault with its line.
Rule: Bulk Data Import (a proposal: the client names files, the server fetches them), as FHIR Parameters.
"""
