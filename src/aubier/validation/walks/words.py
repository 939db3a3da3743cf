"""What a profile refuses, in words: the element, the rule, the mend, in both languages."""

from __future__ import annotations

from typing import Any

from aubier.fhir import json as fhir_json
from aubier.ground.problem import Issue, Kind, Severity
from aubier.validation.drafts import no_such_type, shown, urn_form
from aubier.validation.profiles.items import Item
from aubier.validation.profiles.shapes import Rule, Shape


def issue(
    item: Item | str,
    kind: Kind,
    text: tuple[str, str],
    *,
    rule: str = "",
    severity: Severity = "error",
) -> Issue:
    """An issue at an item (or a path), with its texts in English and French."""
    at = item if isinstance(item, str) else item.path
    return Issue(kind, text[0], text[1], (at,), severity, rule)


def too_few(parent: Item, name: str, count: int, shape: Shape) -> Issue:
    """Fewer repetitions than the profile asks."""
    own = name.removesuffix("[x]")
    text = (
        f"{own} must be given at least {shape.min} time(s), {count} found: add what is missing",
        f"{own} doit être donné au moins {shape.min} fois, {count} trouvé(s) : ajoutez ce qui manque",
    )
    return issue(f"{parent.path}.{own}", "required", text, rule=shape.id)


def too_many(parent: Item, name: str, count: int, shape: Shape) -> Issue:
    """More repetitions than the profile allows."""
    own = name.removesuffix("[x]")
    text = (
        f"{own} may be given at most {shape.max} time(s), {count} found: take some out",
        f"{own} peut être donné au plus {shape.max} fois, {count} trouvé(s) : retirez-en",
    )
    return issue(f"{parent.path}.{own}", "structure", text, rule=shape.id)


def wrong_type(item: Item, shape: Shape) -> Issue:
    """A type that the profile took away from a choice."""
    allowed = ", ".join(sorted(shape.types))
    text = (
        f"{item.type} is not allowed here, only {allowed}",
        f"{item.type} n'est pas permis ici, seulement {allowed}",
    )
    return issue(item, "structure", text, rule=shape.id)


def not_value(item: Item, shape: Shape) -> Issue:
    """Another value than the fixed one, or one without what the pattern demands."""
    kind, wanted = shape.value or ("", None)
    seen = shown(wanted) if not isinstance(wanted, dict | list) else _told(wanted)
    if kind == "fixed":
        text = (f"The value must be exactly {seen}", f"La valeur doit être exactement {seen}")
    else:
        text = (f"The value must hold at least {seen}", f"La valeur doit contenir au moins {seen}")
    return issue(item, "value", text, rule=shape.id)


def _told(value: Any) -> str:
    written = fhir_json.dumps(value).decode()
    return written if len(written) <= 160 else written[:157] + "..."


def beyond(item: Item, shape: Shape, edge: object, *, low: bool) -> Issue:
    """A value below the minimum or above the maximum."""
    text = (
        f"{shown(item.value)} is {'below' if low else 'above'} {shown(edge)}, the"
        f" {'least' if low else 'most'} that the profile allows",
        f"{shown(item.value)} est {'au-dessous' if low else 'au-dessus'} de {shown(edge)}, le"
        f" {'minimum' if low else 'maximum'} que permet le profil",
    )
    return issue(item, "value", text, rule=shape.id)


def too_long(item: Item, shape: Shape) -> Issue:
    """A text longer than the profile allows."""
    text = (
        f"{len(str(item.value))} characters, at most {shape.length} allowed: shorten it",
        f"{len(str(item.value))} caractères, au plus {shape.length} permis : abrégez",
    )
    return issue(item, "value", text, rule=shape.id)


def too_short(item: Item, shape: Shape) -> Issue:
    """A text shorter than the profile allows."""
    text = (
        f"{len(str(item.value))} characters, at least {shape.shortest} wanted: complete it",
        f"{len(str(item.value))} caractères, au moins {shape.shortest} attendus : complétez",
    )
    return issue(item, "value", text, rule=shape.id)


def not_in_form(item: Item, regex: str, shape: Shape) -> Issue:
    """A text that does not match the expression of the profile."""
    text = (
        f"{shown(item.value)} does not have the form that the profile asks for: {regex[:120]}",
        f"{shown(item.value)} n'a pas la forme que le profil demande : {regex[:120]}",
    )
    return issue(item, "value", text, rule=shape.id)


def unread_regex(item: Item, regex: str, shape: Shape) -> Issue:
    """An expression of a profile that cannot be run here."""
    text = (
        f"The form {regex[:120]} that the profile asks for cannot be read here: not checked",
        f"La forme {regex[:120]} que le profil demande n'est pas lisible ici : non vérifiée",
    )
    return issue(item, "not-supported", text, rule=shape.id, severity="information")


def other_languages(item: Item, asked: str, shape: Shape) -> Issue:
    """A narrative without the sections by language that the profile asks for, or with some it refuses."""
    match asked:
        case "_no":
            text = ("No section by language may stand here", "Aucune partie par langue n'est permise ici")
        case "_yes":
            text = (
                "Sections by language are demanded: <div lang='...' xml:lang='...'>",
                "Il faut des parties par langue : <div lang='...' xml:lang='...'>",
            )
        case "_resource":
            text = (
                "A section in the language of the resource is demanded",
                "Il faut une partie dans la langue de la ressource",
            )
        case _:
            text = (f"A section in {asked[:40]} is demanded", f"Il faut une partie en {asked[:40]}")
    return issue(f"{item.path}.div", "required", text, rule=shape.id)


def no_value(item: Item, shape: Shape) -> Issue:
    """A primitive without the value that the profile demands, or without what may stand for it."""
    if shape.valued:
        text = ("A value is demanded here, an extension does not do", "Il faut une valeur, non une extension")
    else:
        named = ", ".join(shape.instead[:5])
        text = (
            f"Without a value, one of these extensions must stand: {named}",
            f"Sans valeur, une de ces extensions est nécessaire : {named}",
        )
    return issue(item, "required", text, rule=shape.id)


def no_code(item: Item) -> Issue:
    """An extension in place of a code that a required value set must give.

    Rule: FHIR R4 4.0.1, terminologies.html#required: the concept shall be from the value set.
    """
    text = (
        "A code of a required value set stands here: nothing may be put in its place",
        "Il faut ici un code d'un jeu de valeurs obligatoire : rien n'en tient lieu",
    )
    return issue(item, "code-invalid", text, rule="FHIR R4 4.0.1 terminologies.html#required")


def not_in_slices(item: Item, shape: Shape) -> Issue:
    """A value that belongs to no slice where only slices are allowed."""
    names = ", ".join(s.name for s in shape.slices[:12])
    text = (
        f"This value belongs to none of the slices allowed here: {names}",
        f"Cette valeur n'appartient à aucune des tranches (slices) permises ici : {names}",
    )
    return issue(item, "structure", text, rule=shape.id)


def out_of_order(item: Item, shape: Shape, name: str) -> Issue:
    """A slice that comes too late, or an open value before the end."""
    text = (
        f"The slices have an order: {name} must come before what precedes it",
        f"Les tranches (slices) ont un ordre : {name} doit venir avant ce qui le précède",
    )
    return issue(item, "structure", text, rule=shape.id)


def undecidable(parent: Item, name: str, slice: Shape) -> Issue:
    """A slice whose definition does not say what its discriminator needs."""
    text = (
        f"{slice.id} cannot be told apart: its definition says nothing at the discriminator, or goes by a"
        " value set or a profile that is not here; not checked",
        f"{slice.id} ne se distingue pas : sa définition ne dit rien au discriminant, ou repose sur un jeu de"
        " valeurs ou un profil qui n'est pas ici ; non vérifié",
    )
    return issue(
        f"{parent.path}.{name.removesuffix('[x]')}",
        "not-supported",
        text,
        rule=slice.id,
        severity="information",
    )


def wrong_target(item: Item, kind: str, allowed: str, shape: Shape) -> Issue:
    """A reference to something of a type that the profile does not allow."""
    text = (
        f"A reference to {kind} may not stand here; allowed: {allowed}",
        f"Une référence à {kind} n'est pas permise ici ; permis : {allowed}",
    )
    return issue(f"{item.path}.reference", "value", text, rule=shape.id)


_WITH = {
    "contained": ("contained here", "contenue ici"),
    "bundled": ("an entry of the same Bundle", "une entrée du même Bundle"),
    "referenced": ("a resource of its own", "une ressource à part"),
}


def not_with_it(item: Item, shape: Shape) -> Issue:
    """A reference to something that is not where the profile wants it: contained, in the Bundle, apart."""
    wanted = [_WITH[mode] for mode in sorted(shape.modes & _WITH.keys())]
    text = (
        f"What this names must be {' or '.join(english for english, _ in wanted)}",
        f"Ce qui est désigné ici doit être {' ou '.join(french for _, french in wanted)}",
    )
    return issue(f"{item.path}.reference", "structure", text, rule=shape.id)


def target_off(item: Item, allowed: str, shape: Shape) -> Issue:
    """A reference whose target is here and follows none of the profiles."""
    text = (
        f"What this names conforms to none of the profiles {allowed}: validate it by itself to see why",
        f"La ressource désignée ne suit aucun des profils {allowed} : validez-la seule pour voir pourquoi",
    )
    return issue(f"{item.path}.reference", "value", text, rule=shape.id)


def no_profile_fits(item: Item, named: str, shape: Shape) -> Issue:
    """A value that follows none of the profiles of its type."""
    text = (
        f"This conforms to none of the profiles: {named}",
        f"Ceci n'est conforme à aucun des profils : {named}",
    )
    return issue(item, "structure", text, rule=shape.id)


def unknown_profile(at: Item | str, canonical: str, severity: Severity = "information") -> Issue:
    """A profile that is not here."""
    text = (
        f"The profile {canonical} is not here: not checked; load the package that holds it",
        f"Le profil {canonical} n'est pas ici : non vérifié ; chargez le paquet qui le contient",
    )
    return issue(at, "not-found", text, severity=severity)


def broken(item: Item, rule: Rule, source: str) -> Issue:
    """An invariant that does not hold."""
    severity: Severity = "error" if rule.severity == "error" else "warning"
    text = (f"{rule.key}: {rule.human}", f"{rule.key} : règle non respectée : {rule.human}")
    return issue(item, "invariant", text, rule=f"{source} {rule.key}".strip(), severity=severity)


def unevaluated(key: str, count: int) -> Issue:
    """An invariant that cannot be evaluated here yet, and how often it was met."""
    text = (
        f"The invariant {key} cannot be evaluated here: not checked ({count} time(s))",
        f"L'invariant {key} ne peut pas être évalué ici : non vérifié ({count} fois)",
    )
    return Issue("not-supported", text[0], text[1], (), "information", key)


def unknown_extension(item: Item, url: str, *, modifier: bool) -> Issue:
    """An extension without definition here: a modifier cannot be ignored."""
    text = (
        f"The extension {url} is not defined here"
        + (": a modifier extension must be understood; load its package" if modifier else ": not checked"),
        f"L'extension {url} n'est pas définie ici"
        + (
            " : une modifierExtension doit être comprise ; chargez son paquet"
            if modifier
            else " : non vérifiée"
        ),
    )
    return issue(item, "not-found", text, severity="error" if modifier else "information")


def not_bound(item: Item, shape: Shape) -> Issue:
    """A code outside a required value set that is known code by code."""
    value_set = shape.bound.value_set if shape.bound else ""
    text = (
        f"No code here is in the value set {value_set} (required): take a code from it",
        f"Aucun code ici n'est dans le jeu de valeurs {value_set} (required) : prenez-y un code",
    )
    return issue(item, "code-invalid", text, rule=shape.id)


def is_modifier(item: Item, url: str) -> Issue:
    """A modifier extension where readers may pass over it."""
    text = (
        f"The extension {url} changes the meaning of what holds it: give it as modifierExtension",
        f"L'extension {url} change le sens de ce qui la porte : donnez-la en modifierExtension",
    )
    return issue(item, "structure", text, rule=_MODIFIER)


def is_no_modifier(item: Item, url: str) -> Issue:
    """An extension that changes no meaning, given as one that does."""
    text = (
        f"The extension {url} changes no meaning by its definition: give it as extension",
        f"L'extension {url} ne change pas le sens, dit sa définition : donnez-la en extension",
    )
    return issue(item, "structure", text, rule=_MODIFIER)


_MODIFIER = "FHIR R4 4.0.1 extensibility.html#modifierExtension"


def misplaced_extension(item: Item, url: str, allowed: str) -> Issue:
    """An extension where its definition does not let it stand."""
    text = (
        f"The extension {url} may not stand here; allowed on: {allowed}",
        f"L'extension {url} n'est pas permise ici ; permise sur : {allowed}",
    )
    return issue(item, "structure", text, rule=url)


def unknown_part(item: Item, url: str, known: str) -> Issue:
    """A part of a complex extension that its definition does not have."""
    text = (
        f"This extension has no part '{url[:80]}'; it has {known}",
        f"Cette extension n'a pas de partie « {url[:80]} » ; elle a {known}",
    )
    return issue(f"{item.path}.url", "structure", text, rule="FHIR R4 4.0.1 extensibility.html")


def relative_system(item: Item, system: str) -> Issue:
    """A system that is no absolute URI."""
    text = (
        f"The system {system[:80]} must be an absolute URI (http://..., urn:oid:...)",
        f"Le système {system[:80]} doit être une URI absolue (http://..., urn:oid:...)",
    )
    severity: Severity = "error" if item.type == "Identifier" else "warning"
    rule = f"FHIR R4 4.0.1 datatypes.html#{item.type}"
    return issue(f"{item.path}.system", "value", text, rule=rule, severity=severity)


def no_uri(item: Item, value: str) -> Issue:
    """An identifier that says it is a URI and is none."""
    text = (
        f"An identifier of urn:ietf:rfc:3986 is a URI, {value[:80]} is none: write urn:oid:...",
        f"Un identifiant de urn:ietf:rfc:3986 est une URI, non {value[:80]} : écrivez urn:oid:...",
    )
    return issue(f"{item.path}.value", "value", text, rule="FHIR R4 4.0.1 datatypes.html#Identifier")


def no_version(item: Item, text: str) -> Issue:
    """A canonical URL that announces a version and says none."""
    said = (
        f"{text[:120]} ends where its version should stand: write it after the bar, or take the bar out",
        f"{text[:120]} s'arrête là où sa version devrait être : écrivez-la, ou retirez la barre",
    )
    return issue(item, "value", said, rule="FHIR R4 4.0.1 references.html#canonical")


def relative_canonical(item: Item, text: str) -> Issue:
    """A canonical URL that is relative."""
    said = (
        f"The canonical URL {text[:80]} must be absolute, or #id of what is contained",
        f"L'URL canonique {text[:80]} doit être absolue, ou #id de ce qui est contenu",
    )
    return issue(item, "value", said, rule="FHIR R4 4.0.1 datatypes.html#canonical")


def contained_system(item: Item, text: str) -> Issue:
    """A code system that a value set names by the id of a contained one."""
    said = (
        f"A value set names a code system by its URL, not {text[:80]}, even one that it contains",
        f"Un jeu de valeurs nomme un système de codes par son URL, non {text[:80]}, même s'il le contient",
    )
    return issue(item, "value", said, rule="FHIR R4 4.0.1 valueset-definitions.html")


def no_type(item: Item, stated: str) -> Issue:
    """A reference to a type that there is not."""
    found = no_such_type(stated, "")
    return issue(item, "value", (found.text, found.fr), rule="FHIR R4 4.0.1 references.html#Reference")


def no_urn(item: Item, text: str) -> Issue:
    """A `urn:uuid:` that is no UUID, a `urn:oid:` that is no OID."""
    return issue(item, "value", urn_form(text), rule="FHIR R4 4.0.1 datatypes.html#uri")


def nameless(item: Item) -> Issue:
    """A contained resource that nothing can name."""
    said = (
        "A contained resource has an id: give it one, and name it by #id",
        "Une ressource contenue a un id : donnez-le, et nommez-la par #id",
    )
    return issue(f"{item.path}.id", "required", said, rule="FHIR R4 4.0.1 references.html#contained")


def wrong_size(item: Item, size: int, held: int) -> Issue:
    """An attachment that says another size than that of its data."""
    text = (
        f"size says {size} bytes, data holds {held}: make them agree",
        f"size dit {size} octets, data en contient {held} : accordez-les",
    )
    return issue(f"{item.path}.size", "value", text, rule="FHIR R4 4.0.1 datatypes.html#Attachment")


def wrong_hash(item: Item, held: str) -> Issue:
    """An attachment that says another hash than that of its data."""
    text = (
        f"hash is not the SHA-1 of data, which is {held}: one of them has changed",
        f"hash n'est pas le SHA-1 de data, qui est {held} : l'un des deux a changé",
    )
    return issue(f"{item.path}.hash", "value", text, rule="FHIR R4 4.0.1 datatypes.html#Attachment")


def both_in_extension(item: Item) -> Issue:
    """An extension with a value and extensions, or with neither."""
    text = (
        "An extension has either a value or extensions of its own: give one of them",
        "Une extension a soit une valeur, soit ses propres extensions : donnez l'une des deux",
    )
    return issue(item, "invariant", text, rule="FHIR R4 4.0.1 ext-1")


def other_search_type(at: str, url: str, type: str) -> Issue:
    """A search parameter of another type than its definition."""
    text = (
        f"{url} is of type {type}: say the same here",
        f"{url} est de type {type} : dites de même ici",
    )
    return issue(at, "value", text, rule="FHIR R4 4.0.1 searchparameter.html")


def strange_base(item: Item, url: str, types: list[str]) -> Issue:
    """A search parameter on types that the one it derives from does not have."""
    shown_types = ", ".join(types[:5])[:200]
    text = (
        f"{url}, from which this derives, is not of {shown_types}",
        f"{url}, dont celui-ci dérive, n'est pas de {shown_types}",
    )
    return issue(f"{item.path}.base", "value", text, rule="FHIR R4 4.0.1 searchparameter.html")


def id_twice(item: Item, own: str) -> Issue:
    """Two elements of one resource with the same id."""
    text = (
        f"Another element of this resource has the id {own[:80]}: each has its own",
        f"Un autre élément de cette ressource porte l'id {own[:80]} : à chacun le sien",
    )
    return issue(f"{item.path}.id", "duplicate", text, rule="FHIR R4 4.0.1 element.html#id")


def said_twice(at: str, text: str) -> Issue:
    """A property that a code system defines twice."""
    said = (
        f"The property {text[:100]} is defined twice: keep one",
        f"La propriété {text[:100]} est définie deux fois : gardez-en une",
    )
    return issue(at, "duplicate", said, rule="FHIR R4 4.0.1 codesystem.html#properties")


def other_property_type(at: str, uri: str, kind: str) -> Issue:
    """A property of the specification with another type."""
    text = (f"{uri} is of type {kind}: say the same", f"{uri} est de type {kind} : dites de même")
    return issue(at, "value", text, rule="FHIR R4 4.0.1 codesystem.html#defined-props")


def no_boolean(at: str, name: str, value: str) -> Issue:
    """A filter on a property that is true or false, which asks something else."""
    text = (
        f"The property {name} is true or false, not {value[:80]}",
        f"La propriété {name} est true ou false, non {value[:80]}",
    )
    return issue(at, "value", text, rule="FHIR R4 4.0.1 valueset.html#filter")


def no_system(item: Item, system: str) -> Issue:
    """A Coding that names a value set, or a fragment, where its code system belongs."""
    text = (
        f"{system[:120]} is no code system: name the system that defines the code",
        f"{system[:120]} n'est pas un système de codes : nommez celui qui définit le code",
    )
    return issue(f"{item.path}.system", "value", text, rule="FHIR R4 4.0.1 datatypes.html#Coding")


def no_composite(item: Item) -> Issue:
    """A composite search parameter that combines nothing."""
    text = (
        "A composite combines two components at least: name their definitions",
        "Un paramètre composite réunit au moins deux composants : nommez leurs définitions",
    )
    return issue(f"{item.path}.component", "required", text, rule="FHIR R4 4.0.1 search.html#combining")


def no_supplement(item: Item) -> Issue:
    """A code system that adds to another without being called a supplement, or a supplement of nothing."""
    if "supplements" in item.value:
        text = (
            "What supplements another code system has the content 'supplement'",
            "Ce qui complète un autre système de codes a pour content « supplement »",
        )
    else:
        text = (
            "A supplement names in supplements the code system that it completes",
            "Un supplément nomme dans supplements le système de codes qu'il complète",
        )
    return issue(f"{item.path}.content", "value", text, rule="FHIR R4 4.0.1 codesystem.html#supplements")
