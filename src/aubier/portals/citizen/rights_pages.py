"""Pages of rights: who looked, who may see, giving and taking back, who I am, for whom I act."""

from __future__ import annotations

from datetime import datetime, timedelta

from aubier.access.actor import Context
from aubier.ground.clock import instant
from aubier.ground.problem import not_found, problem
from aubier.ground.rows import Cookie, Request, Resource, Response
from aubier.portals.citizen.circle import Found, found_place, found_professionals, rights
from aubier.portals.citizen.looks import read_looks, visits
from aubier.portals.citizen.space import FOR_WHOM, PAGES, Space, enter, names, trail
from aubier.portals.citizen.steps import complaint_task
from aubier.portals.frame.dates import placed
from aubier.portals.frame.forms import EMPTY, Form, signed_form
from aubier.portals.frame.house import House, parameters
from aubier.portals.frame.page import go, with_cookie
from aubier.portals.frame.texts import Texts
from aubier.portals.reading.people import contacts, strip
from aubier.portals.reading.reads import consents, found

TERMS = {"P1D": ("day", 1), "P3M": ("months", 91), "always": ("always", 0)}
"""For how long one shares: what the form sends -> key of its text, days (none: until removed)."""

PER_PAGE = 20
"""Days of visits shown on one page."""


async def looks_page(house: House, ctx: Context, request: Request) -> Response:
    """Who looked, when and why, per day and person."""
    space = await enter(house, ctx, request, "looks")
    if ctx.actor.patient != space.id and await consents(house, ctx, space.id) is None:
        return _closed(space, "nav.looks_long")
    days = visits(read_looks(await trail(ctx, space.id)), names(ctx), ctx.now, space.frame.texts)
    others = request.one("tous") != "oui"
    kept = [d for d in days if not others or any(not v.mine for v in d.visits)]
    asked = request.one("page")[:9]
    page = int(asked) if asked.isascii() and asked.isdecimal() else 1
    shown = kept[(page - 1) * PER_PAGE : page * PER_PAGE]
    return PAGES.render(
        "looks.html",
        space.frame,
        days=shown,
        others=others,
        page=page,
        more=len(kept) > page * PER_PAGE,
        done=request.one("fait"),
    )


def _closed(space: Space, title: str) -> Response:
    """The page of a right that only the holder, or who represents them for everything, has."""
    return PAGES.render("closed.html", space.frame, title=title)


async def unknown_person(house: House, ctx: Context, request: Request) -> Response:
    """Asks to confirm that someone who looked is not known to the reader."""
    space = await enter(house, ctx, request, "looks")
    name, ref = request.one("nom")[:100], request.one("qui")[:100]
    return PAGES.render("unknown.html", space.frame, name=name, ref=ref, day=request.one("jour")[:40])


async def report_person(house: House, ctx: Context, request: Request) -> Response:
    """Sends the complaint, and blocks the person when asked."""
    form = signed_form(house, ctx, request)
    space = await enter(house, ctx, request, "looks")
    ref = form.get("qui")
    if not ref:
        raise problem("required", "Say whom it is about", "Indiquez de qui il s'agit", at="http.form.qui")
    words = f"{form.get('nom')} ({form.get('jour')}). {form.get('words')}"[:2000]
    await ctx.store.create(
        complaint_task(f"Patient/{space.id}", "unknown-person", words, patient=space.id, now=instant(ctx.now))
    )
    if form.get("block") == "yes" and ref.startswith("Practitioner/"):
        await _call(house, ctx, "block", patient=space.id, ref=ref)
    return go("/citoyen/acces", fait="report")


async def share_page(house: House, ctx: Context, request: Request) -> Response:
    """Who may see the record now, who is blocked, whose right is over."""
    space = await enter(house, ctx, request, "share")
    stated = await consents(house, ctx, space.id)
    if stated is None:
        return _closed(space, "share.title")
    state = rights(stated, ctx.now, space.frame.texts)
    return PAGES.render(
        "share.html", space.frame, rights=state, done=request.one("fait"), who=request.one("qui")[:80]
    )


async def search_page(house: House, ctx: Context, request: Request) -> Response:
    """Finds a professional by name and place."""
    space = await enter(house, ctx, request, "share")
    name, place = request.one("nom").strip()[:80], request.one("lieu").strip()[:80]
    asked = "nom" in dict(request.query)
    errors = {"nom": "error.name_short"} if asked and len(name) < 2 else {}
    people = await _directory(ctx, name, place) if asked and not errors else []
    return PAGES.render(
        "search.html",
        space.frame,
        status=400 if errors else 200,
        people=people,
        asked=asked and not errors,
        form=Form({"nom": name, "lieu": place}, {}, errors),
    )


async def _directory(ctx: Context, name: str, place: str) -> list[Found]:
    asked = [("practitioner.name", name), ("_count", "20")]
    if place:
        asked.append(("organization.address-city", place))
    asked += [("_include", "PractitionerRole:practitioner"), ("_include", "PractitionerRole:organization")]
    return found_professionals(await found(ctx, "PractitionerRole", asked))


async def _professional(ctx: Context, id_: str) -> Found:
    ref = f"Practitioner/{id_}"
    roles = await found(
        ctx,
        "PractitionerRole",
        [
            ("practitioner", ref),
            ("_include", "PractitionerRole:practitioner"),
            ("_include", "PractitionerRole:organization"),
        ],
    )
    people = found_professionals(roles or [await ctx.store.read("Practitioner", id_)])
    return people[0]


async def give_page(house: House, ctx: Context, request: Request) -> Response:
    """Chooses for how long; the consequence is said before the button."""
    return await _give(house, ctx, request, form=EMPTY)


async def _give(house: House, ctx: Context, request: Request, *, form: Form) -> Response:
    space = await enter(house, ctx, request, "share")
    person = await _professional(ctx, request.params["id"])
    return PAGES.render(
        "give.html",
        space.frame,
        status=400 if form.errors else 200,
        person=person,
        form=form,
        terms=terms(ctx.now, space.frame.texts),
    )


def terms(now: datetime, texts: Texts) -> list[tuple[str, str, str]]:
    """The three terms: value, label, and what it means in dates."""
    return [
        (value, texts(f"give.{key}"), placed("until", end_of(value, now), now, texts))
        for value, (key, _) in TERMS.items()
    ]


def end_of(value: str, now: datetime) -> str:
    """The instant a term ends, or an empty string when it has none."""
    _, days = TERMS[value]
    return instant(now + timedelta(days=days)) if days else ""


async def give(house: House, ctx: Context, request: Request) -> Response:
    """Opens the record to a professional until the chosen day, then shows the receipt."""
    form = signed_form(house, ctx, request)
    term = form.get("term")
    if term not in TERMS:
        return await _give(house, ctx, request, form=form.with_errors({"term": "error.term"}))
    space = await enter(house, ctx, request, "share")
    ref = f"Practitioner/{request.params['id']}"
    await _call(house, ctx, "share", patient=space.id, ref=ref, until=end_of(term, ctx.now))
    return go(f"/citoyen/partage/recu/{request.params['id']}")


async def receipt_page(house: House, ctx: Context, request: Request) -> Response:
    """What was given, until when, and how to take it back."""
    space = await enter(house, ctx, request, "share")
    person = await _professional(ctx, request.params["id"])
    stated = await consents(house, ctx, space.id)
    given = [r for r in rights(stated or (), ctx.now, space.frame.texts).open if r.ref == person.ref]
    return PAGES.render("receipt.html", space.frame, person=person, right=given[0] if given else None)


async def change_page(house: House, ctx: Context, request: Request) -> Response:
    """Asks to confirm removing, blocking or unblocking, and says what it changes."""
    space = await enter(house, ctx, request, "share")
    act, ref = _act(request), _whom(request)
    if ref.startswith("Organization/"):
        person = found_place(await ctx.store.read(*ref.split("/", 1)))
    elif ref.startswith("Patient/"):
        person = await _relative(house, ctx, space, ref)
    else:
        person = await _professional(ctx, request.params["id"])
    return PAGES.render("change.html", space.frame, person=person, act=act)


async def _relative(house: House, ctx: Context, space: Space, ref: str) -> Found:
    """A relative as the list of rights names them: their own record is not the reader's to open."""
    stated = await consents(house, ctx, space.id)
    for right in rights(stated or (), ctx.now, space.frame.texts).open:
        if right.ref == ref:
            return Found(ref, right.name, right.role, "", right.face)
    raise not_found(ref)


def _whom(request: Request) -> str:
    """The reference of whom a change is about: a professional, `lieu:<id>` of care, or a relative,
    `proche:<id>`.
    """
    kind, _, id_ = request.params["id"].rpartition(":")
    return f"{_KINDS.get(kind, 'Practitioner')}/{id_}"


_KINDS = {"lieu": "Organization", "proche": "Patient"}


_ACTS = {"retirer": "unshare", "bloquer": "block", "debloquer": "unblock"}


def _act(request: Request) -> str:
    act = _ACTS.get(request.params["act"], "")
    if not act:
        raise not_found(request.path)
    return act


async def change(house: House, ctx: Context, request: Request) -> Response:
    """Removes, blocks or unblocks a professional or a place of care; at once."""
    form = signed_form(house, ctx, request)
    space = await enter(house, ctx, request, "share")
    act = _act(request)
    await _call(house, ctx, act, patient=space.id, ref=_whom(request))
    return go("/citoyen/partage", fait=act, qui=form.get("nom")[:80])


async def _call(house: House, ctx: Context, act: str, *, patient: str, ref: str, until: str = "") -> Resource:
    asked = parameters(patient, actor=("valueReference", {"reference": ref}), until=("valueDateTime", until))
    return await house.call(ctx, f"Patient/${act}", asked)


async def me_page(house: House, ctx: Context, request: Request) -> Response:
    """Who I am here, and whether my identity is proven, in plain words."""
    space = await enter(house, ctx, request, "me")
    return PAGES.render(
        "me.html",
        space.frame,
        me=strip(space.patient, ctx.now, space.frame.texts),
        contacts=contacts(space.patient),
        records=space.records,
    )


async def for_whom(house: House, ctx: Context, request: Request) -> Response:
    """Chooses whose record to open; the view still decides what is seen."""
    form = signed_form(house, ctx, request)
    return with_cookie(
        go("/citoyen"), Cookie(FOR_WHOM, form.get("pour")[:64], None if form.get("pour") else 0)
    )
