"""The sandbox: a synthetic Breton territory, its people, their stories.

For whom: a vendor, a trainer or a tester who needs people that remember. What it gives is data only:
`plan.territory(settings)` streams batches (resources, national identities, rights, accounts) that a loader
writes. Nobody here is real; every identity carries the test OID 1.2.250.1.213.1.4.10.
Rule: RNIV 1 v2.0 (test domains of the INS); ARCEP decision 2022-1583 (telephone numbers kept for fiction).

Rooms inside: `territory` (places, names, numbers, households, carers), `clinical` (entries of a record and
the histories that make them plausible), `stories` (people one can log in as). It sends nothing anywhere.
"""
