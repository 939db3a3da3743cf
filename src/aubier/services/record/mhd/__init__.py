"""The document-sharing door: IHE MHD 4.2.4 as France narrows it in PDSm 3.1.1 (and the DMP in PDSm4DMP).

Pure translation here (bundles, patches, parameters); `aubier.services.record.actions`
reads and writes.
"""

PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm"
"""The canonical base of the PDSm guide."""
MHD = "https://profiles.ihe.net/ITI/MHD"
"""The canonical base of the MHD guide."""
LIST_TYPES = f"{MHD}/CodeSystem/MHDlistTypes"
"""The code system of a List's kind: submissionset, folder."""
ARCHIVED = f"{PDSM}/StructureDefinition/pdsm-ext-is-archived"
"""The extension that puts a document or a submission set away."""
