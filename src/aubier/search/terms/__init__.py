"""FHIR values as index terms: dates and numbers as ranges, and what each type adds."""
