"""A MeasureReport held against the Measure that it reports: groups, populations, stratifiers, scores.

Pure: whoever calls brings the Measure. What the Measure counts (its criteria) is not counted again.

Rule: FHIR R4 4.0.1, measurereport.html, measure.html.
"""

from aubier.validation.reports.report import reported, wanted_measures

__all__ = ["reported", "wanted_measures"]
