"""Floor 8: HTTP and nothing else.

FHIR interactions, batch and transaction, operations, doors, routes, the capability statement and
the one place where a Problem becomes an OperationOutcome. Knows rows, knows no room by name.
"""
