"""Work that a client asks for and comes back to: a row, walked in steps by whichever process has it.

`asking` writes the row, `running` walks it under a lease, `answers` tells how far it is and hands out what
it made, `receipts` keeps what it wrote from being written twice, `tables` is what outlives a process. What a
kind of work does is told by its `work.Work`: exports and imports in bulk, and any request answered later.
Rule: FHIR R4, http.html#async; FHIR R5, async-bundle; HL7 FHIR Bulk Data Access 2.0.
"""
