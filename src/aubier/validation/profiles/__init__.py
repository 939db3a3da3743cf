"""Profiles ready to be walked: compiled, kept, with what they ask of terminology.

`items` are values with their place, `comparing` holds one against what is said of it; `shapes` compiles a
profile to what it says beyond the base; `library` keeps compiled profiles; `questions` is what terminology is
asked, `at_hand` answers what needs none.

Rule: FHIR R4 4.0.1, profiling.html, terminologies.html.
"""

from aubier.validation.profiles.at_hand import AtHand
from aubier.validation.profiles.library import Library
from aubier.validation.profiles.questions import Answers, Coded, Question

__all__ = ["Answers", "AtHand", "Coded", "Library", "Question"]
