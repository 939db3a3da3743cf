"""The server-rendered pages, for people: the citizen's space and the professional's.

Four rooms: `frame` (what every page stands in), `reading` (FHIR said in plain words), and on these
two, `citizen` and `professional`, which do not know each other. Pages use the same interactions and
operations as vendors do, in process, with the signed-in actor's view.
"""
