"""FHIR resources said in plain words: people, treatments, documents, curves. Pure functions.

For the pages of every space. Takes resources as plain data and the words of one language, gives
dataclasses that templates only lay out. Holds no right and reads nothing by itself.
"""
