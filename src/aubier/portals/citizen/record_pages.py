"""Pages that show the record: home, documents, one document, treatments."""

from __future__ import annotations

from aubier.access.actor import Context
from aubier.ground.clock import instant
from aubier.ground.problem import problem
from aubier.ground.rows import Request, Response
from aubier.portals.citizen.home import HomeFacts, home
from aubier.portals.citizen.looks import read_looks, visits
from aubier.portals.citizen.space import PAGES, Space, enter, names, trail
from aubier.portals.citizen.steps import ANSWERS, answer_task, complaint_task
from aubier.portals.frame.forms import EMPTY, Form, signed_form
from aubier.portals.frame.house import House, parameters
from aubier.portals.frame.page import go
from aubier.portals.reading.files import file_response
from aubier.portals.reading.listing import Filters, address, chips, read_filters
from aubier.portals.reading.medicines import medicines
from aubier.portals.reading.papers import hidden_from, paper, papers, size_words
from aubier.portals.reading.reads import consents, counts, document_of, documents, found, measures, treatments

BASE = "/citoyen/documents"


async def home_page(house: House, ctx: Context, request: Request) -> Response:
    """The home: useful at first login, one thing first."""
    space = await enter(house, ctx, request, "home")
    facts = await _home_facts(house, ctx, space)
    model = home(facts, names(ctx), ctx.now, space.frame.texts)
    return PAGES.render("home.html", space.frame, home=model, records=space.records, done=request.one("fait"))


async def _home_facts(house: House, ctx: Context, space: Space) -> HomeFacts:
    mine = [("patient", space.id)]
    lines, total, _ = await documents(ctx, space.id, Filters())
    return HomeFacts(
        patient=space.patient,
        requests=await treatments(ctx, space.id),
        documents=lines,
        total=total,
        consents=await consents(house, ctx, space.id),
        teams=await found(ctx, "CareTeam", [*mine, ("status", "active")]),
        relatives=await found(ctx, "RelatedPerson", mine),
        audit=await trail(ctx, space.id),
        tasks=await found(ctx, "Task", [*mine, ("_sort", "-authored-on"), ("_count", "50")]),
        measures=await measures(ctx, space.id),
    )


async def step_answer(house: House, ctx: Context, request: Request) -> Response:
    """Remembers « déjà fait » or « pas pour moi », on the Task that asked or on one of its own."""
    form = signed_form(house, ctx, request)
    space = await enter(house, ctx, request, "home")
    answer = form.get("answer")
    if answer not in ANSWERS:
        raise problem(
            "value", "Choose one of the answers", "Choisissez une des réponses", at="http.form.answer"
        )
    if form.get("task"):
        task = dict(await ctx.store.read("Task", form.get("task")))
        await ctx.store.update({**task, "status": ANSWERS[answer], "lastModified": instant(ctx.now)})
    else:
        await ctx.store.create(answer_task(form.get("key")[:100], answer, space.id, instant(ctx.now)))
    return go("/citoyen", fait=answer)


async def documents_page(house: House, ctx: Context, request: Request) -> Response:
    """The list of documents, narrowed by words, family, author and dates."""
    space = await enter(house, ctx, request, "documents")
    filters, errors = read_filters(request)
    asked = Filters() if errors else filters
    lines, shown, following = await documents(ctx, space.id, asked)
    by_family, total = await counts(ctx, space.id, asked)
    return PAGES.render(
        "documents.html",
        space.frame,
        status=400 if errors else 200,
        papers=papers(lines, ctx.now, space.frame.texts),
        count=shown,
        chips=chips(BASE, asked, by_family, total),
        filters=filters,
        form=Form(
            {"q": filters.words, "auteur": filters.author, "du": filters.since, "au": filters.until},
            {},
            errors,
        ),
        following=address(BASE, filters, page=following) if following else "",
        first=address(BASE, filters),
        base=BASE,
    )


async def document_page(house: House, ctx: Context, request: Request) -> Response:
    """One document: its content, who saw it, and what can be done about it."""
    space = await enter(house, ctx, request, "documents")
    return await _document(house, ctx, request, space=space, form=EMPTY)


async def _document(house: House, ctx: Context, request: Request, *, space: Space, form: Form) -> Response:
    document = await document_of(ctx, space.id, request.params["id"])
    texts = space.frame.texts
    content = await house.content(ctx, document)
    seen = [
        x
        for x in read_looks(await trail(ctx, space.id))
        if f"DocumentReference/{document['id']}" in x.targets
    ]
    return PAGES.render(
        "document.html",
        space.frame,
        status=400 if form.errors else 200,
        paper=paper(document, ctx.now, texts),
        content=content,
        size=size_words(len(content.data), texts),
        file=f"{BASE}/{document['id']}/fichier",
        masked="ps" in hidden_from(document),
        days=visits(seen, names(ctx), ctx.now, texts),
        form=form,
        done=request.one("fait"),
    )


async def file(house: House, ctx: Context, request: Request) -> Response:
    """The document's file as deposited, never run in our page's name."""
    space = await enter(house, ctx, request, "documents")
    document = await document_of(ctx, space.id, request.params["id"])
    return file_response(await house.content(ctx, document))


async def mask(house: House, ctx: Context, request: Request) -> Response:
    """Hides a document from professionals, or shows it again."""
    form = signed_form(house, ctx, request)
    id_ = request.params["id"]
    hide = form.get("masked") == "yes"
    await house.call(ctx, "DocumentReference/$mask", parameters(id_, masked=("valueBoolean", hide)))
    return go(f"{BASE}/{id_}", fait="mask" if hide else "unmask")


async def wrong_document(house: House, ctx: Context, request: Request) -> Response:
    """Tells the author that something is wrong in a document."""
    form = signed_form(house, ctx, request)
    space = await enter(house, ctx, request, "documents")
    id_ = request.params["id"]
    if not form.get("words"):
        return await _document(
            house, ctx, request, space=space, form=form.with_errors({"words": "error.wrong_words"})
        )
    document = await document_of(ctx, space.id, id_)
    about, words = f"DocumentReference/{document['id']}", form.get("words")[:2000]
    task = complaint_task(about, "wrong-document", words, patient=space.id, now=instant(ctx.now))
    await ctx.store.create(task)
    return go(f"{BASE}/{id_}", fait="report")


async def treatments_page(house: House, ctx: Context, request: Request) -> Response:
    """All current treatments."""
    space = await enter(house, ctx, request, "home")
    taken = medicines(await treatments(ctx, space.id), ctx.now, space.frame.texts)
    return PAGES.render("treatments.html", space.frame, medicines=taken)
