"""HL7 CDA R2 (N1 and N3) as France writes it: read, turned into a DocumentReference, shown.

Pure functions on bytes; nothing here does I/O. Rule: CI-SIS, volet Structuration minimale de
documents médicaux v1.16; HL7 CDA Release 2 (2005).
"""
