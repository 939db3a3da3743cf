"""An open equivalent of INSi: a national base of invented identities, searched and verified by traits.

For vendors and for the stories of the sandbox. Rules: INSi return codes 00, 01, 02; RNIV 1 v2.0 (comparison
of strict traits). INSi's own SOAP contract is not public; test and demonstration authorities only.
"""
