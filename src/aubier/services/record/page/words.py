"""The words around a document, in French and English."""

from __future__ import annotations

from collections.abc import Mapping

_WORDS: Mapping[str, tuple[str, str]] = {
    "patient": ("Patient", "Patient"),
    "born": ("né(e) le", "born on"),
    "born-M": ("né le", "born on"),
    "born-F": ("née le", "born on"),
    "born-at": ("à", "in"),
    "ins": ("Matricule INS", "National health identifier (INS)"),
    "ins-test": ("identité de test", "test identity"),
    "author": ("Écrit par", "Written by"),
    "signer": ("Signé par", "Signed by"),
    "recipient": ("Adressé à", "Sent to"),
    "date": ("Date", "Date"),
    "type": ("Type de document", "Kind of document"),
    "act": ("Acte ou séjour", "Care it is about"),
    "from": ("du", "from"),
    "to": ("au", "to"),
    "custodian": ("Conservé par", "Kept by"),
    "replaces": ("Remplace", "Replaces"),
    "replaces-text": ("une version plus ancienne", "an earlier version"),
    "version": ("Version", "Version"),
    "confidentiality": ("Confidentialité", "Confidentiality"),
    "identity": ("À propos de ce document", "About this document"),
    "contents": ("Sommaire", "Contents"),
    "files": ("Pièces jointes", "Attached files"),
    "file": ("Ouvrir la pièce jointe", "Open the attached file"),
    "open": ("Ouvrir le document", "Open the document"),
    "image": ("Image jointe au document, sans description", "Image attached to the document, not described"),
    "missing": ("Pièce jointe absente du document", "File missing from the document"),
    "table": ("Tableau", "Table"),
    "notes": ("Notes", "Notes"),
    "back": ("Retour au texte", "Back to the text"),
    "untitled": ("Partie sans titre", "Untitled part"),
    "coded": (
        "Cette partie n'a que des données codées, sans texte à lire.",
        "This part holds coded data only, no text to read.",
    ),
    "empty": ("Ce document n'a pas de texte à lire.", "This document has no text to read."),
    "kb": ("ko", "kB"),
    "M": ("homme", "male"),
    "F": ("femme", "female"),
    "UN": ("sexe non précisé", "sex not stated"),
    "R": ("Restreinte", "Restricted"),
    "V": ("Très restreinte", "Very restricted"),
}


def words(language: str) -> Mapping[str, str]:
    """Every word in `fr`, or in `en`."""
    place = 1 if language == "en" else 0
    return {key: texts[place] for key, texts in _WORDS.items()}
