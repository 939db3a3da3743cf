"""The two forms of FHIR at the door: JSON and XML.

`negotiation` reads what a client sends and takes, `conversion` turns the one into the other. Inside, all is
JSON: an answer becomes XML on its way out.
"""
