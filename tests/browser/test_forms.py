"""What people do, without JavaScript: answer, hide, share, report, find, add."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open, shows

pytestmark = pytest.mark.browser
PLAIN = {"java_script_enabled": False}


async def press(page: Page, name: str) -> None:
    """Presses a button and waits for the page it leads to."""
    await page.get_by_role("button", name=name).first.click()
    await page.wait_for_load_state()


async def test_the_next_step_takes_no_for_an_answer(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen", **PLAIN)
    await shows(page.get_by_role("heading", name="Votre vaccin contre la grippe"))
    await press(page, "Pas pour moi")
    await shows(page.get_by_role("status"), "ne vous sera plus proposée")
    await shows(page.get_by_role("heading", name="Lire : Lettre de sortie"))
    await press(page, "C'est déjà fait")
    await shows(page.get_by_text("Rien à faire aujourd'hui."))


async def test_hide_and_show_a_document(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/documents/vsm", **PLAIN)
    await press(page, "Cacher ce document")
    await shows(page.get_by_role("heading", name="Caché à vos soignants"))
    await press(page, "Montrer ce document")
    await shows(page.get_by_role("heading", name="Visible par vos soignants"))


async def test_share_then_take_back(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/partage/chercher?nom=bras&lieu=quimper", **PLAIN)
    await page.get_by_role("link", name="Choisir").click()
    await press(page, "Ouvrir mon dossier")
    await shows(page.get_by_role("alert"), "Choisissez une durée")
    await page.get_by_label("Trois mois").check()
    await press(page, "Ouvrir mon dossier")
    await shows(page.get_by_role("heading", name="Votre reçu"))
    await shows(page.get_by_text("jusqu'au 21"))
    await page.get_by_role("link", name="Retirer").click()
    await press(page, "Retirer l'accès")
    await shows(page.get_by_role("status"), "ne voit plus votre dossier")


async def test_report_someone_and_block_them(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/acces", **PLAIN)
    await page.get_by_role("link", name="Je ne connais pas cette personne : Paul Le Gall").click()
    await page.get_by_label("Bloquer aussi cette personne").check()
    await press(page, "Envoyer le signalement")
    await shows(page.get_by_role("status"), "Votre signalement est noté")
    await page.get_by_role("link", name="Partage").click()
    blocked = page.locator("section", has=page.get_by_role("heading", name="Accès bloqués"))
    await shows(blocked, "Paul Le Gall")


async def test_act_for_someone_else(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/moi", **PLAIN)
    await press(page, "Ouvrir : Léo Le Goff")
    await shows(page.locator(".acting"), "Léo Le Goff")
    await page.get_by_role("link", name="Changer").click()
    await press(page, "Ouvrir : Yann Le Goff")
    assert await page.locator(".acting").count() == 0


async def test_a_form_of_another_session_is_refused(open_as: Open) -> None:
    page = await open_as("yann", "/citoyen/documents/vsm")
    await page.evaluate("() => { document.querySelectorAll('[name=csrf]').forEach(e => e.value = 'bad') }")
    await press(page, "Cacher ce document")
    await shows(page.get_by_role("heading", name="Cette page ne vous est pas ouverte"))
    await shows(page.get_by_text("trop ancienne"))


async def test_find_by_number_state_a_relationship_and_end_it(open_as: Open) -> None:
    page = await open_as("morvan", "/pro/chercher", **PLAIN)
    await page.get_by_role("textbox", name="Numéro INS").fill("12")
    await press(page, "Chercher")
    await shows(page.get_by_role("alert"), "15 caractères")
    await expect(page.get_by_role("textbox", name="Numéro INS")).to_have_value("12")
    await page.get_by_role("textbox", name="Numéro INS").fill("1 55 03 29 046 222 59")
    await press(page, "Chercher")
    await shows(page.get_by_text("dossier ouvert"))
    await press(page, "Déclarer et ouvrir le dossier")
    await shows(page.get_by_role("alert"), "Choisissez la raison")
    await page.get_by_label("Je le vois en consultation").check()
    await page.get_by_label("Un jour").check()
    await press(page, "Déclarer et ouvrir le dossier")
    await shows(page.get_by_role("status").first, "Relation de soin déclarée")
    await press(page, "Mettre fin")
    await shows(page.get_by_role("status").first, "terminée")
    assert await page.get_by_text("Crozon").count() == 0


async def test_find_by_traits(open_as: Open) -> None:
    page = await open_as("morvan", "/pro/chercher", **PLAIN)
    await page.get_by_role("button", name="Chercher").nth(1).click()
    await page.wait_for_load_state()
    assert await page.locator("#errors a").count() == 5
    await page.get_by_label("Nom de naissance").fill("Le Goff")
    await page.get_by_label("Premier prénom").fill("Yann")
    await page.get_by_label("Date de naissance").fill("1955-03-04")
    await page.get_by_label("Sexe").select_option("male")
    await page.get_by_label("Lieu de naissance").fill("29046")
    await page.get_by_role("button", name="Chercher").nth(1).click()
    await page.wait_for_load_state()
    await shows(page.get_by_role("heading", name="2 personnes"))
    assert await page.get_by_role("link", name="Ouvrir le dossier").count() == 1, (
        "the other has no relationship"
    )


async def test_add_a_document_once(open_as: Open) -> None:
    page = await open_as("morvan", "/pro/patients/yann/ajouter", **PLAIN)
    number = await page.locator("[name=submission]").input_value()
    await page.get_by_label("Titre").fill("Visite à domicile")
    await press(page, "Ajouter au dossier")
    assert await page.locator("#errors a").count() == 3
    await expect(page.get_by_label("Titre")).to_have_value("Visite à domicile")
    await page.get_by_label("Type de document").select_option("11488-4")
    await page.get_by_label("Normale").check()
    pdf = {"name": "visite.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 visite"}
    await page.locator("input[type=file]").set_input_files(pdf)  # type: ignore[arg-type]
    await press(page, "Ajouter au dossier")
    await shows(page.get_by_role("status"), "Le document est dans le dossier")
    first = page.url
    again = await open_as("morvan", "/pro/patients/yann/ajouter")
    await again.evaluate("number => { document.querySelector('[name=submission]').value = number }", number)
    await again.get_by_label("Titre").fill("Visite à domicile")
    await again.get_by_label("Ou texte").fill("Va bien.")
    await again.get_by_label("Type de document").select_option("11488-4")
    await again.get_by_label("Normale").check()
    await press(again, "Ajouter au dossier")
    assert again.url == first, "sending the same form twice leads to the same document"
