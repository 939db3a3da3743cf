"""Aubier: the national set of digital-health services as one program on HL7 FHIR R4."""

__version__ = "0.1.0"
