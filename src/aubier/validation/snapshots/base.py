"""The definitions of FHIR R4 itself as trees: types, and the profiles and extensions of the specification.

They come from the shipped definitions, which keep no prose: a `definition` here is the short one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from aubier.fhir.definitions import Element, Invariant, Type, TypeRef, definitions
from aubier.validation.snapshots.tree import Node, planted

BASE = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_STRING = "http://hl7.org/fhirpath/System.String"
_FHIR_TYPE = BASE + "structuredefinition-fhir-type"
_ELEMENT = BASE + "elementdefinition-profile-element"
_LONGEST = 200
"""Characters of a URL that the specification may have."""
_VITAL_UNITS = "http://hl7.org/fhir/ValueSet/ucum-vitals-common"
"""Required of every component of a vital sign in 4.0.1, which refuses a flow of oxygen; later releases and
the official validator hold it as extensible."""
_ATTRIBUTES = frozenset({"Element.id", "Extension.url"})
"""What XML writes as an attribute, beside the value of a primitive."""
_SLICED_BY_URL = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}


def base_tree(url: str) -> Node | None:
    """The tree of a definition of the specification by URL (a version after `|` is ignored), or None.

    Shared: whoever changes it changes a copy.
    """
    bare = url.partition("|")[0]
    known = bare.startswith(BASE) or bare in definitions().profiles
    return _base_tree(bare) if known and len(bare) <= _LONGEST else None


@lru_cache(maxsize=512)
def _base_tree(bare: str) -> Node | None:
    name = bare.removeprefix(BASE)
    if bare == BASE + "Base":  # what logical models of today rest on: it has no element
        return Node({"path": "Base", "min": 0, "max": "*", "base": {"path": "Base", "min": 0, "max": "*"}})
    if bare.startswith(BASE) and name in definitions().types:
        return _type_tree(name)
    row = definitions().profiles.get(bare)
    return _profile_tree(bare, row) if row is not None else None


def type_url(code: str) -> str:
    """The URL of the StructureDefinition of a type by its code."""
    return code if ":" in code else BASE + code


def profiles_of(type: Mapping[str, Any]) -> tuple[str, ...]:
    """The profiles of an ElementDefinition.type; `url#element id` for one element of a profile.

    Rule: FHIR R4 4.0.1, extension elementdefinition-profile-element.
    """
    pairs = zip_longest(type.get("profile") or (), type.get("_profile") or ())
    rows = [(str(url), _element_said(beside)) for url, beside in pairs if url is not None]
    return tuple(f"{url}#{element}" if element else url for url, element in rows)


def _element_said(beside: Mapping[str, Any] | None) -> str:
    rows = (beside or {}).get("extension", ())
    return next((str(x.get("valueString", "")) for x in rows if x.get("url") == _ELEMENT), "")


def plain_code(type: Mapping[str, Any]) -> str:
    """The FHIR type of an ElementDefinition.type: `string` for the FHIRPath type of ids and urls."""
    code = str(type.get("code", ""))
    if not code.startswith("http://hl7.org/fhirpath/"):
        return code.removeprefix(BASE)
    said = (x.get("valueUrl") for x in type.get("extension", ()) if x.get("url") == _FHIR_TYPE)
    return next((str(s) for s in said if s), "string")


def _type_tree(name: str) -> Node:
    kind = definitions().type(name)
    own = {"path": name, "short": kind.short, "definition": kind.short, "min": 0, "max": "*"}
    rules = [_constraint(i, _stated_by(i, kind)) for i in kind.invariants]
    root = Node(
        own | {"base": {"path": name, "min": 0, "max": "*"}} | ({"constraint": rules} if rules else {})
    )
    root.children = {n: _node(e, _base_path(name, n), name) for n, e in kind.elements.items()}
    if kind.kind == "complex-type" and "extension" in root.children:
        root.children["extension"].element["slicing"] = _SLICED_BY_URL
    return root


def _stated_by(rule: Invariant, kind: Type) -> str:
    """The type that states an invariant: of those that have it, the one that all others rest on."""
    above = (base for base in reversed(kind.bases) if rule in definitions().type(base).invariants)
    return next(above, kind.name)


def _base_path(name: str, own: str) -> str:
    """Where an element of a type is first defined: `Resource.id` for `Patient.id`."""
    kind = definitions().type(name)
    for ancestor in reversed(kind.bases):
        if own in definitions().type(ancestor).elements:
            return f"{ancestor}.{own}"
    return f"{name}.{own}"


def _node(element: Element, base: str, source: str) -> Node:
    node = Node(_row(element, base, source))
    if not element.content:
        node.children = {n: _node(e, _nested(e, n), source) for n, e in element.children.items()}
    if "extension" in node.children and definitions().type(source).kind == "complex-type":
        node.children["extension"].element["slicing"] = _SLICED_BY_URL
    return node


def _nested(element: Element, name: str) -> str:
    if name in ("id", "extension"):
        return f"Element.{name}"
    return "BackboneElement.modifierExtension" if name == "modifierExtension" else element.path


def _row(element: Element, base: str, source: str) -> dict[str, Any]:
    most = "*" if element.max is None else str(element.max)
    row: dict[str, Any] = {"path": element.path, "short": element.short, "definition": element.short}
    if base in _ATTRIBUTES:
        row["representation"] = ["xmlAttr"]
    row |= {"min": element.min, "max": most, "base": {"path": base, "min": element.min, "max": most}}
    if element.content:
        row["contentReference"] = f"#{element.content}"
    elif element.types:
        row["type"] = [_type(t, element.path) for t in element.types]
    row |= element.fixed
    if element.binding:
        row["binding"] = {"strength": element.binding.strength, "valueSet": element.binding.value_set}
    if element.invariants:
        row["constraint"] = [_constraint(i, source) for i in element.invariants]
    return row | _standing(element.modifier, element.reason, element.summary)


def _standing(modifier: bool, reason: str, summary: bool) -> dict[str, Any]:
    """Whether an element is a modifier, with the reason that it must have, and in summaries."""
    why = {"isModifierReason": reason} if modifier and reason else {}
    return {"isModifier": modifier, **why, "isSummary": summary}


def _type(ref: TypeRef, path: str) -> dict[str, Any]:
    if path.endswith((".id", "xtension.url")):
        said = {"url": _FHIR_TYPE, "valueUrl": ref.code}
        return {"extension": [said], "code": SYSTEM_STRING}
    row: dict[str, Any] = {"code": ref.code}
    if ref.profiles:
        row["profile"] = [type_url(p) for p in ref.profiles]
    if ref.targets:
        row["targetProfile"] = [type_url(t) for t in ref.targets]
    return row


def general_rules(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The constraints that every element has (ele-1) or every extension (ext-1), which definitions leave out.

    None for what is no Element of FHIR: a resource, the value of a primitive, of an id or of a url, what a
    logical model defines. Rule: FHIR R4 4.0.1, element.html.
    """
    owner, _, rest = str(element["base"]["path"]).partition(".")
    codes = [str(t.get("code", "")) for t in element.get("type", ())] if rest else [owner]
    known = definitions().types
    if owner not in known or (rest and definitions().type(owner).kind == "primitive-type"):
        return []
    if (owner, rest) == ("Extension", "url"):
        return []
    if not codes and "contentReference" not in element:
        return []
    if any(c == SYSTEM_STRING or (c in known and definitions().type(c).kind == "resource") for c in codes):
        return []
    kinds = ("Extension", "Element") if "Extension" in codes else ("Element",)
    found = {
        rule.key: _constraint(rule, kind) for kind in kinds for rule in definitions().type(kind).invariants
    }
    return sorted(found.values(), key=lambda rule: str(rule["key"]))


def _constraint(rule: Any, source: str) -> dict[str, Any]:
    row = {"key": rule.key, "severity": rule.severity, "human": rule.human, "expression": rule.expression}
    return row | {"source": type_url(source)}


def _profile_tree(url: str, row: Mapping[str, Any]) -> Node:
    """A profile of the specification, from its reduced rows."""
    kind = row["t"]
    root = planted([_element(kind, r, url) for r in row["e"]])
    _trace(root, base_tree(type_url(row["b"])) or _type_tree(kind))
    return root


def _trace(node: Node, origin: Node) -> None:
    """Writes into elements what the rows leave out.

    That is what they are in the specification (`Element.id` for any id), and the constraints of what the
    profile rests on.
    """
    base = node.element.setdefault("base", origin.element["base"])
    if base["path"] in _ATTRIBUTES:
        node.element["representation"] = ["xmlAttr"]
    own = node.element.get("constraint", [])
    told = {rule["key"] for rule in own}
    held = [rule for rule in origin.element.get("constraint", ()) if rule["key"] not in told]
    if held:
        node.element["constraint"] = [*held, *own]
    for name, each in node.slices.items():
        _trace(each, origin.slices.get(name, origin))
    types = node.element.get("type", ())
    kind = plain_code(types[0]) if len(types) == 1 else ""
    typed = _type_tree(kind).children if kind in definitions().types else {}
    for name, child in node.children.items():
        below = origin.children.get(name) or typed.get(name)
        if below is not None:
            _trace(child, below)


def _element(kind: str, row: Mapping[str, Any], url: str) -> dict[str, Any]:
    path = f"{kind}.{row['p']}" if row["p"] else kind
    short = row.get("s", "")
    made: dict[str, Any] = {"id": f"{kind}.{row['id']}" if "id" in row else path, "path": path}
    made |= {
        "short": short,
        "definition": short,
        "min": row.get("n", 0),
        "max": row.get("x", "1"),
    }
    if "sl" in row:
        made["slicing"] = row["sl"]
    if "sn" in row:
        made["sliceName"] = row["sn"]
    if "c" in row:
        made["contentReference"] = f"#{row['c']}"
    elif "t" in row:
        made["type"] = [_type(_ref(t), path) for t in row["t"]]
    made |= row.get("f", {})
    if "b" in row:
        strength, value_set = row["b"]
        if row["p"] == "component.value[x]" and value_set.partition("|")[0] == _VITAL_UNITS:
            strength = "extensible"
        made["binding"] = {"strength": strength, "valueSet": value_set}
    if "i" in row:
        keys = ("key", "severity", "human", "expression")
        made["constraint"] = [dict(zip(keys, rule, strict=True)) | {"source": url} for rule in row["i"]]
    if "ms" in row:
        made["mustSupport"] = True
    return made | _standing("m" in row, row.get("m", ""), "u" in row)


def _ref(row: Any) -> TypeRef:
    if isinstance(row, str):
        return TypeRef(row)
    return TypeRef(row[0], tuple(row[1]), tuple(row[2]) if len(row) > 2 else ())
