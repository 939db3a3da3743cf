"""The addresses of the citizen's space."""

from __future__ import annotations

from aubier.ground.rows import Method, Route
from aubier.portals.citizen import application_pages as applications
from aubier.portals.citizen import record_pages as record
from aubier.portals.citizen import rights_pages as rights
from aubier.portals.frame.errors import Page, guarded
from aubier.portals.frame.house import House

_ROWS: tuple[tuple[Method, str, Page, str], ...] = (
    ("GET", "/citoyen", record.home_page, "Home"),
    ("POST", "/citoyen/etape", record.step_answer, "Answer to the next step"),
    ("GET", "/citoyen/documents", record.documents_page, "Documents"),
    ("GET", "/citoyen/documents/{id}", record.document_page, "A document"),
    ("GET", "/citoyen/documents/{id}/fichier", record.file, "A document's file"),
    ("POST", "/citoyen/documents/{id}/masquer", record.mask, "Hide or show a document"),
    ("POST", "/citoyen/documents/{id}/signaler", record.wrong_document, "Report a document"),
    ("GET", "/citoyen/traitements", record.treatments_page, "Treatments"),
    ("GET", "/citoyen/acces", rights.looks_page, "Who looked"),
    ("GET", "/citoyen/acces/inconnu", rights.unknown_person, "I do not know this person"),
    ("POST", "/citoyen/acces/inconnu", rights.report_person, "Report a person"),
    ("GET", "/citoyen/partage", rights.share_page, "Who may see my record"),
    ("GET", "/citoyen/partage/chercher", rights.search_page, "Find a professional"),
    ("GET", "/citoyen/partage/donner/{id}", rights.give_page, "Share with a professional"),
    ("POST", "/citoyen/partage/donner/{id}", rights.give, "Share with a professional"),
    ("GET", "/citoyen/partage/recu/{id}", rights.receipt_page, "Receipt of a share"),
    ("GET", "/citoyen/partage/{act}/{id}", rights.change_page, "Remove, block or unblock"),
    ("POST", "/citoyen/partage/{act}/{id}", rights.change, "Remove, block or unblock"),
    ("GET", "/citoyen/moi", rights.me_page, "My profile"),
    ("GET", "/citoyen/applications", applications.applications_page, "Applications that act for me"),
    ("POST", "/citoyen/applications/{id}/fin", applications.end_application, "End an application"),
    ("POST", "/citoyen/notifications/{id}/fin", applications.stop_telling, "Stop telling an application"),
    ("POST", "/citoyen/pour-qui", rights.for_whom, "For whom I act"),
)


def citizen_pages(house: House) -> tuple[Route, ...]:
    """The pages of the citizen's space, for signed-in citizens only."""
    return tuple(
        Route(method, path, guarded(house, page, "citizen"), title) for method, path, page, title in _ROWS
    )
