"""The same pages on the whole application: log in, read, share, take back, log out."""

import asyncio

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

pytestmark = pytest.mark.browser


async def log_in(browser: Browser, url: str, name: str, width: int = 1280) -> Page:
    """Logs in by the landing page as one of the people it lists."""
    context = await browser.new_context(viewport={"width": width, "height": 800}, locale="fr-FR")
    page = await context.new_page()
    await page.goto(url)
    await page.locator("button.login", has_text=name).first.click()
    await page.wait_for_load_state()
    return page


async def sound(page: Page) -> None:
    """No axe violation, nothing wider than the window, and a title."""
    wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{page.url} is {wide} px too wide"
    found = await Axe().run(page)
    assert found.violations_count == 0, page.url + "\n" + found.generate_report()
    assert (await page.title()).endswith("- Aubier")


async def test_a_citizen(browser: Browser, app_url: str) -> None:
    page = await log_in(browser, app_url, "Yann Le Goff", 360)
    await expect(page.get_by_role("heading", name="Bonjour Yann")).to_be_visible()
    await sound(page)
    for name in ("Documents", "Partage", "Qui a regardé", "Profil"):
        await page.get_by_role("navigation", name="Principal").get_by_role("link", name=name).click()
        await page.wait_for_load_state()
        await sound(page)
    await page.goto(f"{app_url}/citoyen/documents?type=reports")
    await page.locator("main .list a").first.click()
    await page.wait_for_load_state()
    await sound(page)
    await page.get_by_role("button", name="Se déconnecter").click()
    await page.wait_for_load_state()
    answer = await page.goto(f"{app_url}/citoyen/documents?type=reports&q=été")
    assert answer is not None and answer.status == 401
    await page.get_by_role("link", name="Se connecter").click()
    await page.locator("button.login", has_text="Yann Le Goff").first.click()
    await expect(page.get_by_role("heading", name="Mes documents")).to_be_visible()
    assert page.url == f"{app_url}/citoyen/documents?type=reports&q=%C3%A9t%C3%A9"
    await page.context.close()


async def test_one_enters_a_space_from_the_landing_page(browser: Browser, app_url: str) -> None:
    context = await browser.new_context(locale="fr-FR")
    page = await context.new_page()
    await page.goto(app_url)
    await page.get_by_role("link", name="Ouvrir mon dossier").click()
    await page.locator("button.login", has_text="Malo Riou").first.click()
    await expect(page.get_by_role("heading", name="Bonjour Malo")).to_be_visible()
    assert page.url == f"{app_url}/citoyen"
    await context.close()


async def test_a_mandate_is_used_then_taken_back(browser: Browser, app_url: str) -> None:
    daughter = await log_in(browser, app_url, "Martine Gouzien", 390)
    await sound(daughter)
    await daughter.get_by_role("button", name="Ouvrir son dossier : Odette Le Bihan").click()
    await expect(daughter.get_by_text("Vous agissez pour Odette Le Bihan")).to_be_visible()
    await expect(daughter.get_by_role("heading", name="Son cercle")).to_be_visible()
    await expect(daughter.get_by_text("ne vous a pas ouvert son cercle")).to_be_visible()
    await sound(daughter)
    mother = await log_in(browser, app_url, "Odette Le Bihan", 390)
    await mother.goto(f"{app_url}/citoyen/partage")
    await sound(mother)
    await mother.get_by_role("link", name="Retirer : Martine Gouzien").click()
    await sound(mother)
    await mother.get_by_role("button", name="Retirer l'accès").click()
    await expect(mother.get_by_role("status")).to_contain_text("Martine Gouzien ne voit plus votre dossier")
    await daughter.goto(f"{app_url}/citoyen")
    await expect(daughter.get_by_role("heading", name="Bonjour Martine")).to_be_visible()
    await expect(daughter.get_by_text("Odette")).to_have_count(0)
    answer = await mother.goto(f"{app_url}/citoyen/partage/retirer/proche:nobody")
    assert answer is not None and answer.status == 404
    await daughter.context.close()
    await mother.context.close()


async def test_what_the_law_gives_has_no_button(browser: Browser, app_url: str) -> None:
    page = await log_in(browser, app_url, "Inès Benali", 390)
    await page.goto(f"{app_url}/citoyen/partage")
    await expect(page.get_by_text("Ce droit vient de la loi")).to_have_count(2)
    await expect(page.get_by_role("link", name="Retirer : Nadia Benali")).to_have_count(0)
    await sound(page)
    await page.context.close()


async def test_a_share_opens_and_its_end_closes(browser: Browser, app_url: str) -> None:
    page = await log_in(browser, app_url, "Malo Riou")
    await page.goto(f"{app_url}/citoyen/partage/chercher?nom=Autret&lieu=")
    await page.get_by_role("link", name="Choisir").first.click()
    await page.get_by_label("Un jour").check()
    await page.get_by_role("button", name="Ouvrir mon dossier").click()
    await expect(page.get_by_role("heading", name="Votre reçu")).to_be_visible()
    doctor = await log_in(browser, app_url, "Loïc Autret")
    await doctor.get_by_role("link", name="RIOU Malo").click()
    await doctor.wait_for_load_state()
    record = doctor.url
    await sound(doctor)
    await page.goto(f"{app_url}/citoyen/acces")
    await expect(page.get_by_text("Loïc Autret").first).to_be_visible()
    await page.goto(f"{app_url}/citoyen/partage")
    await page.get_by_role("link", name="Retirer : Dr Loïc Autret").click()
    await page.get_by_role("button", name="Retirer l'accès").click()
    await expect(page.get_by_role("status")).to_contain_text("ne voit plus votre dossier")
    answer = await doctor.goto(record)
    assert answer is not None and answer.status == 404
    await page.context.close()
    await doctor.context.close()


async def test_a_professional(browser: Browser, app_url: str) -> None:
    page = await log_in(browser, app_url, "Anne Morvan")
    await sound(page)
    await page.get_by_role("link", name="LE GOFF Yann").click()
    await page.wait_for_load_state()
    await sound(page)
    await page.get_by_role("link", name="Ajouter un document").click()
    await page.get_by_label("Type de document").select_option("11488-4")
    await page.get_by_label("Titre").fill("Visite à domicile")
    await page.get_by_label("Ou texte").fill("Va bien.")
    await page.get_by_label("Normale").check()
    await page.get_by_role("button", name="Ajouter au dossier").click()
    await expect(page.get_by_role("status")).to_contain_text("Le document est dans le dossier")
    await expect(page.get_by_text("Va bien.")).to_be_visible()
    await sound(page)
    await page.context.close()


async def test_a_page_of_another_origin_calls_the_api_by_token_and_never_by_cookie(
    browser: Browser, app_url: str
) -> None:
    page = await log_in(browser, app_url, "Yann Le Goff")
    vendor = await asyncio.start_server(_vendor, "127.0.0.1", 0)
    await page.goto(f"http://127.0.0.1:{vendor.sockets[0].getsockname()[1]}/")
    ask = """async ([url, options]) => {
        try { const a = await fetch(url, options); return [a.status, (await a.json()).resourceType] }
        catch (blocked) { return [0, blocked.name] }
    }"""
    forged = {"method": "PUT", "headers": {"Authorization": "Bearer x", "If-Match": 'W/"1"'}}
    assert await page.evaluate(ask, [f"{app_url}/fhir/metadata", {}]) == [200, "CapabilityStatement"]
    assert await page.evaluate(ask, [f"{app_url}/fhir/Patient/x", forged]) == [401, "OperationOutcome"]
    by_cookie = {"credentials": "include"}
    assert await page.evaluate(ask, [f"{app_url}/fhir/Patient", by_cookie]) == [0, "TypeError"]
    await page.context.close()
    vendor.close()


async def _vendor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The page of a vendor, on a port of its own: an origin that is not ours."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<title>Vendor</title>"
    )
    await writer.drain()
    writer.close()
