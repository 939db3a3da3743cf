"""What every page stands in: texts, dates as people say them, layout, errors, landing page, static files.

For people, in French first and English beside, without JavaScript. The rooms `citizen` and
`professional` stand on this one and never on each other. It holds no care rule: it only says in
plain words what FHIR resources say.
"""
