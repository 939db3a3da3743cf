"""The record: health documents shared around a person.

For software (the PDSm door, IHE MHD on HL7 FHIR R4), for portals (`api`), for what arrives as CDA R2
(N1 and N3). Rules: PDSm 3.1.1, IHE MHD 4.2.4, PDSm4DMP 0.1.0, CI-SIS Structuration minimale v1.16.
Does not: sign or check signatures, run the stylesheets documents bring, structure what a CDA codes
(entries stay in the document), accept XML on the FHIR side.
"""

from aubier.services.record.service import SERVICE

__all__ = ["SERVICE"]
