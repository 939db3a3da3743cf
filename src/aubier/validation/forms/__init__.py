"""Answers held against the form they answer: a QuestionnaireResponse and its Questionnaire.

`form` reads a Questionnaire and says what is wrong with its conditions; `response` walks a response beside
it; `enabling` tells which items are enabled; `values` checks one answer; `words` says it all. Pure: whoever
calls brings the Questionnaire. Codes of a value set become questions for terminology, as in a walk.

Not here: expressions of structured data capture, but for those that enable an item by what is answered
elsewhere; value sets contained in the form.

Rule: FHIR R4 4.0.1, questionnaireresponse.html, questionnaire.html.
"""

from aubier.validation.forms.form import form_faults
from aubier.validation.forms.response import Held, held, wanted_forms

__all__ = ["Held", "form_faults", "held", "wanted_forms"]
