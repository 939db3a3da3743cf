"""Every page, in every state, at two widths: accessible, light, whole without JavaScript, nothing cut."""

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, Response

from tests.browser.conftest import Open

pytestmark = pytest.mark.browser

UNKNOWN = "/citoyen/acces/inconnu?qui=Practitioner/legall&nom=Paul+Le+Gall&jour=18+novembre"

PAGES = [
    ("", "/", 200),
    # normal
    ("yann", "/citoyen", 200),
    ("yann", "/citoyen?fait=done", 200),
    ("yann", "/citoyen/documents", 200),
    ("yann", "/citoyen/documents?type=biology&q=sang", 200),
    ("yann", "/citoyen/documents/sortie", 200),
    ("yann", "/citoyen/documents/psy?fait=mask", 200),
    ("yann", "/citoyen/documents/echo", 200),
    ("yann", "/citoyen/traitements", 200),
    ("yann", "/citoyen/acces", 200),
    ("yann", "/citoyen/acces?tous=oui", 200),
    ("yann", UNKNOWN, 200),
    ("yann", "/citoyen/partage", 200),
    ("yann", "/citoyen/partage/chercher?nom=le&lieu=", 200),
    ("yann", "/citoyen/partage/donner/lebras", 200),
    ("yann", "/citoyen/partage/bloquer/morvan", 200),
    ("yann", "/citoyen/partage/recu/morvan", 200),
    ("yann", "/citoyen/moi", 200),
    ("yann", "/citoyen/applications?fait=ended", 200),
    ("morvan", "/pro", 200),
    ("morvan", "/pro/chercher", 200),
    ("morvan", "/pro/patients/yann", 200),
    ("morvan", "/pro/patients/yann?q=ordonnance+2026", 200),
    ("morvan", "/pro/patients/yann/documents/sortie", 200),
    ("morvan", "/pro/patients/yann/ajouter", 200),
    ("morvan", "/pro/patients/yann/pourquoi", 200),
    ("morvan", "/pro/patients/autre/pourquoi", 200),
    # empty
    ("vide", "/citoyen", 200),
    ("vide", "/citoyen/documents", 200),
    ("vide", "/citoyen/traitements", 200),
    ("vide", "/citoyen/acces", 200),
    ("vide", "/citoyen/partage", 200),
    ("vide", "/citoyen/moi", 200),
    ("vide", "/citoyen/applications", 200),
    ("yann", "/citoyen/documents?q=zzz", 200),
    ("yann", "/citoyen/partage/chercher?nom=zzz&lieu=", 200),
    ("debut", "/pro", 200),
    ("morvan", "/pro/patients/nolwenn", 200),
    ("morvan", "/pro/patients/yann?q=zzz", 200),
    # error
    ("yann", "/citoyen/documents?du=2026-02-31", 400),
    ("yann", "/citoyen/partage/chercher?nom=l&lieu=", 400),
    ("", "/citoyen", 401),
    ("morvan", "/citoyen", 403),
    ("yann", "/citoyen/documents/zzz", 404),
    ("morvan", "/pro/patients/autre", 404),
    ("yann", "/citoyen/etape", 405),
    ("panne", "/citoyen", 503),
]


async def overflow(page: Page) -> list[str]:
    """What is wider than the window."""
    found: list[str] = await page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
        [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40))"""
    )
    return found


async def small_targets(page: Page) -> list[str]:
    """Controls lower than 44 px. Links in a run of text may be lower (WCAG 2.5.8)."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll('button, .btn, .main a, .chips a, summary, select')]
        .filter(e => e.offsetParent && !e.closest('.choice') && e.getBoundingClientRect().height < 43.5)
        .map(e => e.tagName + ' ' + e.textContent.slice(0, 40))"""
    )
    return found


def listen(page: Page) -> tuple[list[Response], list[str]]:
    """Every answer that the page gets, and every refusal of its content policy."""
    answers: list[Response] = []
    troubles: list[str] = []
    page.on("response", lambda answer: answers.append(answer))
    page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
    return answers, troubles


@pytest.mark.parametrize(
    ("login", "path", "status"),
    [pytest.param(*row, marks=[pytest.mark.whole] if n % 2 else []) for n, row in enumerate(PAGES)],
)
async def test_a_page(open_as: Open, login: str, path: str, status: int) -> None:
    for width, height in ((1280, 900), (360, 740)):
        page = await open_as(login, "/static/aubier.svg", width, height)
        answers, troubles = listen(page)
        answer = await page.goto(page.url.replace("/static/aubier.svg", path))
        assert answer is not None
        assert answer.status == status
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert not await overflow(page)
        assert not await small_targets(page)
        weight = sum([len(await a.body()) for a in answers])
        assert weight <= 150_000
        assert len(answers) <= 15
        assert len(await answer.body()) <= 45_000
        assert not troubles


@pytest.mark.parametrize(
    ("login", "path"),
    [
        ("yann", "/citoyen"),
        ("yann", "/citoyen/documents"),
        ("morvan", "/pro/patients/yann"),
        ("morvan", "/pro"),
        ("", "/"),
    ],
)
async def test_zoom_400_percent(open_as: Open, login: str, path: str) -> None:
    page = await open_as(login, path, 320, 256)
    assert not await overflow(page)
    fixed = await page.evaluate(
        "() => [...document.querySelectorAll('body *')]"
        ".filter(e => getComputedStyle(e).position == 'fixed').length"
    )
    assert fixed == 0, "nothing covers a small window"


@pytest.mark.parametrize(
    ("login", "path"), [("yann", "/citoyen"), ("morvan", "/pro/patients/yann"), ("", "/")]
)
async def test_english_beside(open_as: Open, login: str, path: str) -> None:
    page = await open_as(login, path)
    await page.get_by_role("link", name="English").click()
    assert await page.locator("html").get_attribute("lang") == "en"
    await page.reload()
    await page.goto(page.url.split("?")[0])
    assert await page.locator("html").get_attribute("lang") == "en", "the choice is kept"
    assert await page.get_by_role("link", name="Français").count() == 1


async def test_forced_colours_and_dark_rooms(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen", forced_colors="active")
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    borders = await page.evaluate("() => getComputedStyle(document.querySelector('.btn')).borderTopStyle")
    assert borders == "solid"


async def test_print_leaves_the_words(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/documents/sortie")
    await page.emulate_media(media="print")
    assert not await page.locator("nav.main").is_visible()
    assert not await page.get_by_role("button", name="Cacher ce document").is_visible()
    assert await page.get_by_role("heading", name="Lettre de sortie, cardiologie").is_visible()
    assert await page.get_by_text("perte de 4,1 kg").is_visible()


async def test_keyboard(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen")
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.activeElement.textContent") == "Aller au contenu"
    box = await page.locator(".skip").bounding_box()
    assert box is not None and box["y"] >= 0, "the skip link shows itself when focused"
    await page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    await page.keyboard.press("Tab")
    first = await page.evaluate("() => document.activeElement.closest('main') !== null")
    assert first, "after the skip link comes the content"
    seen: set[str] = set()
    for _ in range(60):
        seen.add(await page.evaluate("() => document.activeElement.textContent.trim().slice(0, 40)"))
        await page.keyboard.press("Tab")
    assert {"C'est déjà fait", "Pas pour moi", "Tous mes traitements", "Gérer"} <= seen


async def test_enter_submits(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/documents")
    await page.locator("#f-q").fill("ordonnance")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**q=ordonnance**")
    assert await page.get_by_role("link", name="Ordonnance : apixaban").is_visible()
