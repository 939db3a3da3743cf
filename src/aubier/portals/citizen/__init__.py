"""The citizen's space: what is in my record, who sees it, who looked, and my rights, in plain words.

For the citizen, and for whoever lawfully acts for them. Pages only: rights are decided by `access`
and `sharing`, and reached through the actor's own view and FHIR operations, as a vendor would.
Does not do: messages, agenda, prevention rules, opposition to the record itself.
"""
