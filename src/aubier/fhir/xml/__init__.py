"""FHIR XML in and out, the same resources as `fhir.json`: nothing is lost from one form to the other.

`parse` reads, `dumps` writes. Decimals keep their digits, a narrative its bytes, an
empty place in a list of primitives its place. Comments and processing instructions say nothing in FHIR: they
are passed over.
Rule: FHIR R4 4.0.1, xml.html.
"""

from aubier.fhir.xml.reading import parse
from aubier.fhir.xml.writing import dumps

__all__ = ["dumps", "parse"]
