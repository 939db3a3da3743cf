"""FHIR packages: a `.tgz` read member by member, and definitions found by canonical URL and version.

`archive` reads the stream, `canonical` finds what it held. Nothing is unpacked onto a disk.

Rule: FHIR NPM package specification (hl7.org/fhir/R4 packages.html and its successor); canonical URLs as in
FHIR R4 4.0.1, references.html#canonical.
"""

from aubier.fhir.packages.archive import Bounds, Manifest, manifest, resources
from aubier.fhir.packages.canonical import Canonicals, split, version_key

__all__ = ["Bounds", "Canonicals", "Manifest", "manifest", "resources", "split", "version_key"]
