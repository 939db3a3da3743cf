"""Any reading, batch or transaction answered later: `Prefer: respond-async`.

Rule: FHIR R5, async-bundle (R4 has the request, the status and the cancelling; R5 the form of the answer).
"""
