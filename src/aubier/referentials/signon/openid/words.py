"""What scopes mean, in plain words, French and English. Pure."""

from __future__ import annotations

from aubier.access.scopes import Parsed, Scope

_ALL = {
    "patient": ("tout votre dossier de santé", "your whole health record"),
    "user": ("les dossiers auxquels vous avez accès", "the records that you may see"),
}
_WHOSE = {
    "patient": ("votre dossier", "your record"),
    "user": ("les dossiers suivis", "your patients' records"),
}
_VERBS = (
    ("rs", "lire", "read"),
    ("c", "ajouter", "add"),
    ("u", "modifier", "change"),
    ("d", "effacer", "delete"),
)
_PLAIN = {
    "openid": ("savoir qui vous êtes", "know who you are"),
    "profile": ("connaître votre nom", "know your name"),
    "email": ("connaître votre adresse e-mail", "know your e-mail address"),
    "birth": ("connaître votre date et votre lieu de naissance", "know when and where you were born"),
    "gender": ("connaître votre sexe à l'état civil", "know your registered sex"),
    "ins": (
        "connaître votre matricule INS (numéro de sécurité sociale)",
        "know your INS (social security number)",
    ),
    "scope_all": (
        "connaître votre métier et vos lieux d'exercice",
        "know your profession and where you work",
    ),
    "offline_access": (
        "garder cet accès 30 jours, même quand vous n'êtes pas là",
        "keep this access for 30 days, even when you are away",
    ),
    "online_access": (
        "garder cet accès tant que vous êtes connecté",
        "keep this access while you are signed in",
    ),
    "launch/patient": ("savoir quel dossier est le vôtre", "know which record is yours"),
}
_SAME = {"fhirUser": "openid", "launch": "openid"}
_TYPES = {
    "AllergyIntolerance": ("allergies", "allergies"),
    "Appointment": ("rendez-vous", "appointments"),
    "CarePlan": ("plans de soins", "care plans"),
    "CareTeam": ("équipe de soins", "care team"),
    "Communication": ("messages", "messages"),
    "Condition": ("maladies et problèmes de santé", "conditions"),
    "Consent": ("droits donnés à d'autres", "rights given to others"),
    "Coverage": ("assurance maladie et mutuelle", "health insurance"),
    "Device": ("appareils et implants", "devices and implants"),
    "DiagnosticReport": ("comptes rendus d'examens", "reports of tests"),
    "DocumentReference": ("documents", "documents"),
    "Encounter": ("consultations et séjours", "visits and stays"),
    "FamilyMemberHistory": ("antécédents familiaux", "family history"),
    "ImagingStudy": ("images (radios, scanners)", "medical images"),
    "Immunization": ("vaccins", "vaccines"),
    "MedicationDispense": ("médicaments délivrés", "medicines dispensed"),
    "MedicationRequest": ("ordonnances de médicaments", "prescriptions of medicines"),
    "MedicationStatement": ("médicaments pris", "medicines taken"),
    "Observation": ("mesures et résultats d'analyses", "measures and test results"),
    "Patient": ("identité et coordonnées", "identity and contact details"),
    "Procedure": ("opérations et actes", "operations and procedures"),
    "Questionnaire": ("questionnaires", "questionnaires"),
    "QuestionnaireResponse": ("réponses à des questionnaires", "answers to questionnaires"),
    "RelatedPerson": ("proches", "relatives"),
    "ServiceRequest": ("demandes d'examens et de soins", "requests for tests and care"),
    "Subscription": ("ce dont une application est prévenue", "what an application is told of"),
    "Task": ("choses à faire", "things to do"),
}


def said(scope: Parsed, language: str) -> list[str]:
    """One sentence for each thing that the scopes allow, in `fr` or `en`, the widest first."""
    place = 1 if language == "en" else 0
    smart = sorted(scope.smart, key=lambda s: (s.type != "*", s.type, s.letters))
    plain = [_PLAIN[name][place] for name in _PLAIN if name in {_SAME.get(p, p) for p in scope.plain}]
    told = [_smart(s, place) for s in smart] + plain
    return [text[:1].upper() + text[1:] for text in dict.fromkeys(told)]


def _smart(scope: Scope, place: int) -> str:
    verbs = [verb[1 + place] for verb in _VERBS if set(verb[0]) & set(scope.letters)]
    text = f"{_and(verbs, place)} {_what(scope, place)}"
    if not scope.query:
        return text
    only = ", ".join(f"{name} = {value}" for name, value in scope.query)
    return f"{text} ({('seulement', 'only')[place]} {only})"


def _what(scope: Scope, place: int) -> str:
    if scope.type == "*":
        found = _ALL.get(scope.context)
        return found[place] if found else ("toutes les données", "all data")[place]
    kind = _TYPES.get(scope.type, (f"données « {scope.type} »", f"“{scope.type}” data"))[place]
    whose = _WHOSE.get(scope.context, ("la plateforme", "the platform"))[place]
    return (f"dans {whose} : {kind}", f"in {whose}: {kind}")[place]


def _and(words: list[str], place: int) -> str:
    link = (" et ", " and ")[place]
    return link.join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
