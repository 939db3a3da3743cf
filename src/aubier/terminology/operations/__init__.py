"""The operations of terminology: FHIR Parameters in and out. Rule: FHIR R4, terminology-service."""
