"""The pages of the professional's space, and their addresses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from aubier.access.actor import Context
from aubier.ground.clock import instant
from aubier.ground.problem import Problem
from aubier.ground.rows import Method, Request, Resource, Response, Route
from aubier.portals.frame.dates import placed
from aubier.portals.frame.errors import Page, guarded, sentences, status_of
from aubier.portals.frame.forms import EMPTY, Form, signed_form
from aubier.portals.frame.house import House, parameters
from aubier.portals.frame.page import Frame, Nav, Pages, frame, go
from aubier.portals.professional import add as adding
from aubier.portals.professional.chart import ChartFacts, banner, chart
from aubier.portals.professional.find import REASONS, TERMS, find_errors, find_parameters, relation_errors
from aubier.portals.professional.query import as_author, read_query
from aubier.portals.reading.files import file_response
from aubier.portals.reading.listing import Filters, address, chips
from aubier.portals.reading.papers import hidden_from, paper, size_words
from aubier.portals.reading.people import strip
from aubier.portals.reading.reads import (
    counts,
    document_of,
    documents,
    found,
    measures,
    read_or_none,
    treatments,
)

PAGES = Pages(Path(__file__).parent / "templates")
"""The templates of this room."""

NAV = (Nav("patients", "/pro", "people"), Nav("find", "/pro/chercher", "search"))


def _frame(house: House, ctx: Context, request: Request, current: str) -> Frame:
    return frame(house, ctx, request, space="professional", home="/pro", nav=NAV, current=current)


async def patients_page(house: House, ctx: Context, request: Request) -> Response:
    """My patients: those with whom I have a relationship, and the relationships that ended."""
    around = _frame(house, ctx, request, "patients")
    page = await ctx.store.search("Patient", [("_sort", "family"), ("_count", "50"), *_token(request)])
    strips = [strip(e.resource, ctx.now, around.texts) for e in page.entries if e.mode == "match"]
    consents = await found(ctx, "Consent", [("actor", ctx.actor.reference), ("_count", "100")])
    present = {s.id for s in strips}
    ended = [e for c in consents if (e := _ended(c, around, ctx)) and e[2] not in present]
    return PAGES.render(
        "patients.html",
        around,
        patients=strips,
        ended=ended,
        following=str(page.next or ""),
        done=request.one("fait"),
    )


def _token(request: Request) -> list[tuple[str, str]]:
    return [("_page", request.one("page"))] if request.one("page") else []


def _ended(consent: Resource, around: Frame, ctx: Context) -> tuple[str, str, str] | None:
    """Name, the day it ended in words and Patient id of a relationship that is over."""
    end = consent.get("provision", {}).get("period", {}).get("end", "")
    who = consent.get("patient", {})
    if not who.get("display"):
        return None
    return (
        str(who["display"]),
        placed("until", end, ctx.now, around.texts),
        str(who.get("reference", "")).split("/")[-1],
    )


async def find_page(house: House, ctx: Context, request: Request) -> Response:
    """The two ways to find a patient."""
    return PAGES.render(
        "find.html", _frame(house, ctx, request, "find"), form=EMPTY, results=None, details=()
    )


async def find(house: House, ctx: Context, request: Request) -> Response:
    """Searches by number or by the five traits: shows identity strips, never what the record holds."""
    form = signed_form(house, ctx, request)
    around = _frame(house, ctx, request, "find")
    errors = find_errors(form)
    if errors:
        return PAGES.render(
            "find.html", around, status=400, form=form.with_errors(errors), results=None, details=()
        )
    try:
        bundle = await house.call(ctx, "Patient/$find", find_parameters(form, sandbox=house.sandbox))
    except Problem as refused:
        said = sentences(refused, around.texts)
        return PAGES.render(
            "find.html", around, status=status_of(refused), form=form, results=None, details=said
        )
    people = [
        e["resource"] for e in bundle.get("entry", []) if e["resource"].get("resourceType") == "Patient"
    ]
    mine = {p["id"] for p in people if await read_or_none(ctx, "Patient", p["id"])}
    results = [strip(p, ctx.now, around.texts) for p in people]
    return PAGES.render(
        "find.html", around, form=form, results=results, mine=mine, details=(), **_choices(around)
    )


def _choices(around: Frame) -> dict[str, Any]:
    t = around.texts
    return {
        "reasons": [(r, t(f"reason.{r}"), "") for r in REASONS],
        "terms": [(v, t(f"term.{v}"), "") for v in TERMS],
    }


async def relate(house: House, ctx: Context, request: Request) -> Response:
    """States a care relationship: reason, term; the patient is told."""
    form = signed_form(house, ctx, request)
    errors = relation_errors(form)
    if errors:
        around = _frame(house, ctx, request, "find")
        return PAGES.render(
            "relation.html",
            around,
            status=400,
            form=form.with_errors(errors),
            id=request.params["id"],
            **_choices(around),
        )
    until = instant(ctx.now + timedelta(days=TERMS[form.get("term")]))
    asked = parameters(
        request.params["id"], reason=("valueCode", form.get("reason")), until=("valueDateTime", until)
    )
    await house.call(ctx, "Patient/$state-relationship", asked)
    return go(f"/pro/patients/{request.params['id']}", fait="relation")


async def end_relation(house: House, ctx: Context, request: Request) -> Response:
    """Ends the relationship; nothing of the record is seen from then on."""
    signed_form(house, ctx, request)
    await house.call(ctx, "Patient/$end-relationship", parameters(request.params["id"]))
    return go("/pro", fait="fin")


async def patient_page(house: House, ctx: Context, request: Request) -> Response:
    """The record on one page: who, what changed, the line of time, treatments."""
    around = _frame(house, ctx, request, "patients")
    patient = await ctx.store.read("Patient", request.params["id"])
    base = f"/pro/patients/{patient['id']}"
    filters = read_query(request.one("q").strip(), _family(request), request.one("page"))
    lines, total, following = await documents(ctx, patient["id"], filters)
    if filters.words and not lines:
        filters = as_author(filters)
        lines, total, following = await documents(ctx, patient["id"], filters)
    by_family, everything = await counts(ctx, patient["id"], Filters())
    facts = await _facts(ctx, patient, lines, alone=filters.any or bool(filters.page))
    typed = Filters(request.one("q").strip(), _family(request), page=filters.page)
    return PAGES.render(
        "patient.html",
        around,
        chart=chart(facts, ctx.now, around.texts),
        count=total,
        narrowed=filters.any,
        chips=chips(base, Filters(kind=_family(request)), by_family, everything),
        query=typed.words,
        following=address(base, typed, page=following) if following else "",
        base=base,
        done=request.one("fait"),
    )


def _family(request: Request) -> str:
    return request.one("type")[:30]


async def _facts(ctx: Context, patient: Resource, lines: list[Resource], *, alone: bool) -> ChartFacts:
    """What the page is made of; `alone` leaves the line of time to the documents found."""
    mine = [("patient", patient["id"]), ("_count", "50")]
    stays = await found(ctx, "Encounter", [*mine, ("_sort", "-date")])
    return ChartFacts(
        patient=patient,
        me=ctx.actor.reference,
        allergies=await found(ctx, "AllergyIntolerance", mine),
        requests=await treatments(ctx, patient["id"]),
        documents=lines,
        conditions=await found(ctx, "Condition", mine),
        encounters=stays,
        narrowed=alone,
        dispenses=()
        if alone
        else await found(ctx, "MedicationDispense", [*mine, ("_sort", "-whenhandedover")]),
        immunizations=() if alone else await found(ctx, "Immunization", [*mine, ("_sort", "-date")]),
        measures=await measures(ctx, patient["id"]),
    )


async def _banner(ctx: Context, request: Request, around: Frame) -> dict[str, Any]:
    patient = await ctx.store.read("Patient", request.params["id"])
    found_ = await found(ctx, "AllergyIntolerance", [("patient", patient["id"])])
    who, known = banner(patient, found_, ctx.now, around.texts)
    return {"who": who, "allergies": known, "base": f"/pro/patients/{patient['id']}"}


async def document_page(house: House, ctx: Context, request: Request) -> Response:
    """One document, under the patient's banner."""
    around = _frame(house, ctx, request, "patients")
    document = await document_of(ctx, request.params["id"], request.params["doc"])
    content = await house.content(ctx, document)
    return PAGES.render(
        "pro_document.html",
        around,
        **await _banner(ctx, request, around),
        paper=paper(document, ctx.now, around.texts),
        hidden=sorted(hidden_from(document)),
        content=content,
        size=size_words(len(content.data), around.texts),
        done=request.one("fait"),
    )


async def file(house: House, ctx: Context, request: Request) -> Response:
    """The document's file as deposited."""
    document = await document_of(ctx, request.params["id"], request.params["doc"])
    return file_response(await house.content(ctx, document))


async def add_page(house: House, ctx: Context, request: Request) -> Response:
    """The form to add a document; its hidden number makes a double submit harmless."""
    fresh = Form({"submission": house.new_id(), "date": instant(ctx.now)[:10]})
    return await _add_form(house, ctx, request, form=fresh)


async def _add_form(house: House, ctx: Context, request: Request, *, form: Form) -> Response:
    around = _frame(house, ctx, request, "patients")
    model = await _banner(ctx, request, around)
    choices = [(c, around.texts(f"conf.{c}"), around.texts(f"conf.{c}.means")) for c in adding.CHOICES]
    return PAGES.render(
        "add.html",
        around,
        status=400 if form.errors else 200,
        form=form,
        kinds=adding.options(around.texts),
        choices=choices,
        **model,
    )


async def add(house: House, ctx: Context, request: Request) -> Response:
    """Deposits the document once, however many times the form is sent, then shows it."""
    form = signed_form(house, ctx, request)
    errors = adding.add_errors(form, ctx.now)
    if errors:
        return await _add_form(house, ctx, request, form=form.with_errors(errors))
    base = f"/pro/patients/{request.params['id']}/documents"
    before = await _deposited(ctx, request, form)
    if before:
        return go(f"{base}/{before}", fait="add")
    document = adding.document(form, request.params["id"], ctx.actor, now=ctx.now, language=ctx.language)
    try:
        stored = await house.publish(ctx, document, adding.content_of(form)[0])
    except Problem as refused:
        again = await _deposited(ctx, request, form) if refused.kind in ("duplicate", "conflict") else ""
        if not again:
            raise
        return go(f"{base}/{again}", fait="add")
    return go(f"{base}/{stored['id']}", fait="add")


async def _deposited(ctx: Context, request: Request, form: Form) -> str:
    """The id of the document this form already deposited, or an empty string."""
    asked = [
        ("patient", request.params["id"]),
        ("identifier", f"urn:ietf:rfc:3986|{adding.submission(form)}"),
    ]
    before = await found(ctx, "DocumentReference", asked)
    return str(before[0]["id"]) if before else ""


async def why_page(house: House, ctx: Context, request: Request) -> Response:
    """Why something may not be seen: the rules in plain words, the same whatever the record holds."""
    around = _frame(house, ctx, request, "patients")
    patient = await read_or_none(ctx, "Patient", request.params["id"])
    who = strip(patient, ctx.now, around.texts) if patient else None
    return PAGES.render("why.html", around, who=who, base=f"/pro/patients/{request.params['id']}")


_ROWS: tuple[tuple[Method, str, Page, str], ...] = (
    ("GET", "/pro", patients_page, "My patients"),
    ("GET", "/pro/chercher", find_page, "Find a patient"),
    ("POST", "/pro/chercher", find, "Find a patient"),
    ("POST", "/pro/relation/{id}", relate, "State a care relationship"),
    ("GET", "/pro/patients/{id}", patient_page, "A patient's record"),
    ("POST", "/pro/patients/{id}/fin", end_relation, "End a care relationship"),
    ("GET", "/pro/patients/{id}/ajouter", add_page, "Add a document"),
    ("POST", "/pro/patients/{id}/ajouter", add, "Add a document"),
    ("GET", "/pro/patients/{id}/pourquoi", why_page, "Why can't I see this"),
    ("GET", "/pro/patients/{id}/documents/{doc}", document_page, "A document"),
    ("GET", "/pro/patients/{id}/documents/{doc}/fichier", file, "A document's file"),
)


def professional_pages(house: House) -> tuple[Route, ...]:
    """The pages of the professional's space, for signed-in professionals only."""
    return tuple(
        Route(method, path, guarded(house, page, "professional"), title)
        for method, path, page, title in _ROWS
    )
