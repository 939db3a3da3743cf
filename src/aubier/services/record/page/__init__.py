"""A CDA document for people: a safe page, and its bare text."""
