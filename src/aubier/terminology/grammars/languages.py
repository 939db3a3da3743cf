"""Language tags. Rule: BCP 47 (RFC 5646 §2.1, §2.2.9): well-formed, of languages and regions that exist."""

from __future__ import annotations

import re

from aubier.fhir.definitions import definitions
from aubier.terminology.grammars.places import is_region
from aubier.terminology.meaning.concepts import Concept

_TWO = """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
    dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia
    id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo
    lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl
    ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti
    tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_LANGUAGES = frozenset(_TWO.split())
"""ISO 639-1. Of three letters and more, any may exist."""

_BEFORE = """
    en-GB-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux i-mingo i-navajo i-pwn i-tao i-tay i-tsu
    sgn-BE-FR sgn-BE-NL sgn-CH-DE art-lojban cel-gaulish no-bok no-nyn zh-guoyu zh-hakka zh-min zh-min-nan
    zh-xiang
"""
_OLD = {tag.lower(): tag for tag in _BEFORE.split()}
"""Tags of before that follow no rule. Rule: RFC 5646 §2.1, grandfathered."""

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-(?P<script>[a-z]{4}))?"
    r"(?:-(?P<region>[a-z]{2}|[0-9]{3}))?(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*)(?P<private>-x(?:-[a-z0-9]{1,8})+)?"
)
_PRIVATE = re.compile(r"x(?:-[a-z0-9]{1,8})+")
_LONGEST = 100


def concept(code: str) -> Concept | None:
    """The tag in its usual letters (`fr-CA`, `zh-Hans`), or None. Case means nothing."""
    low = code.lower() if len(code) <= _LONGEST and code.isascii() else ""
    if low in _OLD or _PRIVATE.fullmatch(low):
        return Concept(_OLD.get(low, low), lineage=frozenset((_OLD.get(low, low),)))
    tag = _TAG.fullmatch(low)
    if tag is None or not _exists(tag):
        return None
    rest = low[tag.start("variants") :]
    parts = [tag["language"], (tag["script"] or "").capitalize(), (tag["region"] or "").upper()]
    written = "-".join(part for part in parts if part) + rest
    return Concept(written, _names().get(written, ""), lineage=frozenset((written,)))


def _exists(tag: re.Match[str]) -> bool:
    """Whether its language and region exist, and no variant or extension comes twice.

    No language has more than three letters: four are kept for later, none of five to eight was registered.
    """
    language = tag["language"].split("-")[0]
    if len(language) > 3 or (len(language) == 2 and language not in _LANGUAGES):
        return False
    if tag["region"] and not is_region(tag["region"].upper()):
        return False
    variants = tag["variants"].split("-")[1:]
    singles = re.findall(r"-([0-9a-wyz])(?=-)", tag["extensions"])
    return len(set(variants)) == len(variants) and len(set(singles)) == len(singles)


def _names() -> dict[str, str]:
    return {code: display for code, display in common().items() if display}


def common() -> dict[str, str]:
    """The tags that the base specification lists, with their names."""
    listed = definitions().value_sets["http://hl7.org/fhir/ValueSet/languages"]["compose"]["include"][0]
    return {str(row["code"]): str(row.get("display", "")) for row in listed["concept"]}
