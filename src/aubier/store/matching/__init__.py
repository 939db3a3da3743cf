"""Whether one version of a resource meets searches, asked in the very SQL of a search.

The version's index rows stand in the statement under the names of the tables, so that no second reading of
the search rules exists: a version that was replaced meanwhile, or that came before, is asked as the present
one would have been.
"""

from aubier.store.matching.versions import Met, Question, Version, meets

__all__ = ["Met", "Question", "Version", "meets"]
