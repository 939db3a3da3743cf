"""Entries of a record, the catalogues they draw on, and the histories that make a life plausible.

Codes are facts: CIM-10, LOINC with UCUM units, ATC. Builders give plain R4 resources; parts that are the same
everywhere (codings, references to carers) are shared objects, to be read and never changed in place.
"""
