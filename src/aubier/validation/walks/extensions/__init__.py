"""Extensions: where one may stand, and what those that bring an element of another version of FHIR mean."""
