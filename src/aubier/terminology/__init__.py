"""Terminology: $lookup, $validate-code, $expand, $subsumes, $translate, $closure, over what is here.

Those of the base specification are shipped and in memory; CodeSystem, ValueSet and ConceptMap resources
written on /fhir are known at once; large nomenclatures are loaded into tables. Other rooms ask through
`api.Terminology`.
Rule: FHIR R4 4.0.1, terminology-service. Systems with a grammar (UCUM, language tags,
media types) know any code by its shape. Not done: SNOMED CT expressions.
"""

from aubier.terminology.searching import codes_of
from aubier.terminology.service import SERVICE

__all__ = ["SERVICE", "codes_of"]
