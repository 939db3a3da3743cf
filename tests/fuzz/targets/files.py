"""Readers of files and documents of strangers: CDA, nomenclatures, directory extracts, forms, tokens."""

from __future__ import annotations

import gzip
import json
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from aubier.ground.problem import Problem
from aubier.ground.rows import Request
from aubier.portals.frame.forms import read_form
from aubier.referentials.directory.extraction import extract
from aubier.referentials.identity import number
from aubier.referentials.signon.openid.authorize import read_request
from aubier.referentials.signon.realms import PLATFORM, PROFESSIONAL
from aubier.referentials.signon.refusal import Refusal
from aubier.referentials.signon.tokens import clients, keys
from aubier.services.record.cda.header import read_header
from aubier.services.record.cda.parts import read_parts
from aubier.services.record.cda.time import fhir_time, plain_time
from aubier.services.record.cda.xml import parse_document
from aubier.services.record.page.html import render
from aubier.services.record.page.text import plain_text
from aubier.terminology.nomenclatures import resource
from aubier.terminology.nomenclatures.load import READERS
from tests.fuzz import seeds
from tests.fuzz.target import Target, check, read

_CLIENT = clients.Client("a", "A", redirects=("https://a.example/back",))


def document(data: bytes) -> None:
    """A CDA document: its header, its files, its page, its text."""
    root = read(lambda: parse_document(data))
    if root is not None:
        read(lambda: read_header(root))
        read(lambda: read_parts(root))
        page = read(lambda: render(data, link=lambda part: f"/part/{part}"))
        assert page is None or "<script" not in page.lower()
    read(lambda: plain_text(data))


def timestamp(data: bytes) -> None:
    """A time of HL7 v3, said in words too."""
    found = read(lambda: fhir_time(data.decode("utf-8", "replace"), "effectiveTime"))
    if found:
        assert plain_time(found, "fr")
        assert plain_time(found, "en")


def _nomenclature(name: str, *, packed: bool = False) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="aubier-fuzz-") as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            if name == "CIS_bdpm.txt":
                path.with_name("CIS_CIP_bdpm.txt").write_bytes(data)
            read(lambda: _concepts(path))
            if packed:
                path.rename(path.with_name(f"{name}.gz"))
                read(lambda: _concepts(path.with_name(f"{name}.gz")))

    return run


def _concepts(path: Path) -> int:
    """How many concepts a file has, by whichever reader takes it."""
    for reader in READERS:
        known = path if reader is resource and path.suffix == ".json" else reader.recognised(path)
        if known is not None:
            return sum(1 for _ in reader.read(known).concepts())
    return 0


def directory(data: bytes) -> None:
    """A file of the directory: header and lines, whatever the kind."""
    lines = data.splitlines(keepends=True) or [b""]
    for kind in extract.KINDS:
        read(lambda kind=kind: list(extract.read(lines, kind, _bad_line)))  # type: ignore[misc]


def _bad_line(line: extract.BadLine) -> None:
    assert line.reason
    assert line.fr


def identity(data: bytes) -> None:
    """An INS number and the authority that gave it."""
    text = data.decode("utf-8", "replace")
    value, _, oid = text.partition("|")
    read(lambda: number.parse(value), "Patient.identifier.value")
    faults = number.check(value, oid, sandbox=True)
    if faults:
        check(Problem(tuple(faults)))


def form(data: bytes) -> None:
    """A form of a page, with files: its first line is the Content-Type."""
    kind, _, body = data.partition(b"\n")
    headers = {"content-type": kind.decode("latin-1")}
    read(lambda: read_form(Request("POST", "/", {}, (), (), headers, {}, body)))


def token(data: bytes) -> None:
    """A token as bearer and as proof of an application; nothing unsigned is ever believed."""
    text = data.decode("latin-1")
    keys.peek(text)
    assert keys.verified(text, _PUBLIC, keys.ACCESS_TYPE) is None
    assert keys.verified(text, _PUBLIC, "JWT") is None


def registration(data: bytes) -> None:
    """The keys and the address that an application brings."""
    text = data.decode("utf-8", "replace")
    read(lambda: clients.check_redirect(text))
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    kept = read(lambda: clients._public_keys(found)) if isinstance(found, dict) else ""
    assert not kept or '"d"' not in kept, "a private key is never kept"


def basic(data: bytes) -> None:
    """The Authorization header of an application."""
    try:
        found = clients._basic({"authorization": data.decode("latin-1")})
    except Refusal as refusal:
        assert refusal.status == 401
        return
    assert found is None or len(found) == 2


def authorization(data: bytes) -> None:
    """A request for authorization, in both realms."""
    values = dict(parse_qsl(data.decode("latin-1"), keep_blank_values=True))
    for realm in (PLATFORM, PROFESSIONAL):
        try:
            asked = read_request(realm, values, _CLIENT, "https://a.example/fhir")
        except Refusal as refusal:
            assert refusal.code
            assert refusal.text.isascii()
            continue
        assert asked.challenge, "a public application proves itself by PKCE"


def _token(header: dict[str, object], claims: dict[str, object], signature: bytes = b"x" * 64) -> bytes:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)


_PUBLIC = json.dumps(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }
)
_TOKENS = (
    _token({"alg": "ES256", "typ": "at+jwt", "kid": "a"}, {"sub": "a", "exp": 1e10}),
    _token({"alg": "none", "typ": "at+jwt"}, {"sub": "a"}, b""),
    _token({"alg": "HS256", "crit": ["b64"], "b64": False, "jwk": json.loads(_PUBLIC)}, {"aud": [1]}),
)
_BDPM = (
    b"60234100\tDOLIPRANE 1000 mg\tcomprim\xe9\torale;rectale\tAutorisation active\tProc\xe9dure"
    b"\tCommercialis\xe9e"
    b"\t01/02/2003\t\t\tOPELLA\tOui\r\n60234100\t1234567\tbo\xeete\tPr\xe9sentation\tDeclared\t01/02/2004\t"
    b"3400912345678\toui\t65%\n"
)
_CCAM = (
    b"\xef\xbb\xbfCCAM version 81,,,,\r\n1,,SYSTEME NERVEUX,,,\r\n01.01,,ACTES,,,\r\n"
    b"AAQP007,,Electro,1,0,57.60,,,,,ADE\r\n"
    b',,"note, longue",,\r\n"[A, B]",,,\r\nAAAA001,,x,1,0,Non pris en charge\r\n'
)
_LOINC = (
    b'"LOINC_NUM","COMPONENT","PROPERTY","TIME_ASPCT","SYSTEM","SCALE_TYP","METHOD_TYP","LONG_CO'
    b'MMON_NAME","STATUS"'
    b'\r\n"8480-6","Systolic","Pres","Pt","Arterial","Qn","","Systolic ""BP""","ACTIVE"\r\n'
)
_CLAML = (
    b'<?xml version="1.0" encoding="UTF-8"?><ClaML version="2.0.0"><Title name="CIM" version="20'
    b'26">CIM-10</Title>'
    b'<Modifier code="M"/><ModifierClass modifier="M" code=".0"><Rubric kind="preferred"><Label>'
    b"zero</Label></Rubric>"
    b'</ModifierClass><Class code="A00" kind="category"><SuperClass code="I"/><SubClass code="A0'
    b'0.1"/><ModifiedBy '
    b'code="M"><ValidModifierClass code=".0"/></ModifiedBy><Meta name="a" value="b"/><Rubric kin'
    b'd="preferred">'
    b'<Label xml:lang="fr">Chol\xc3\xa9ra</Label></Rubric><Rubric kind="note"><Label>n</Label></'
    b"Rubric></Class></ClaML>"
)
_SYSTEM = (
    b'{"resourceType":"CodeSystem","url":"http://a","version":"1","content":"complete","concept"'
    b':[{"code":"a","display"'
    b':"A","concept":[{"code":"b","property":[{"code":"p","valueCode":"v"}]}]},{"code":"c"}],"st'
    b'atus":"active"}'
)
_FORMS = (
    b"application/x-www-form-urlencoded\nname=a&text=%C3%A9&x=",
    b'multipart/form-data; boundary=x\n--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x\r\n'
    b'Content-Disposition: form-data; name="f"; filename="a.pdf"\r\nContent-Type: application/pd'
    b"f\r\n\r\n%PDF-\r\n--x--\r\n",
)
_ASKED = (
    b"response_type=code&client_id=a&redirect_uri=https://a.example/back&scope=openid%20patient/"
    b"*.rs&state=s&nonce=n"
    b"&code_challenge="
    + b"A"
    * 43
    + b"&code_challenge_method=S256&prompt=login%20consent&max_age=60&acr_values=eidas1"
    b"&aud=https://a.example/fhir",
)
_XML_WORDS = (
    *(b"<", b">", b"/>", b"</", b'="', b"&lt;", b"&#0;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?a b?>"),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"xmlns:a='b'", b"\xff\xfe", b"encoding='UTF-16'", b"\x00", b"&b;"),
)
_TABLE_WORDS = (
    b"\t",
    b"\n",
    b"\r",
    b'"',
    b",",
    b";",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999999999",
    b"0",
)


def _extracts() -> tuple[bytes, ...]:
    kinds: tuple[extract.Kind, ...] = ("Personne_activite", "SavoirFaire")
    heads = [list(extract.HEADINGS[kind].values()) for kind in kinds]
    return tuple(f"{'|'.join(head)}|\n{'8|' * len(head)}\n".encode() for head in heads)


TARGETS = (
    Target(
        "cda",
        document,
        seeds.documents,
        (*_XML_WORDS, b"<table>", b"<section><text>", b'ID="', b'styleCode="', b'href="javascript:', b"B64"),
    ),
    Target(
        "hl7-time", timestamp, lambda: (b"20260131101500.123+0100", b"1979", b"202601Z"), (b"+", b"99", b".")
    ),
    Target(
        "bdpm",
        _nomenclature("CIS_bdpm.txt", packed=True),
        lambda: (_BDPM, gzip.compress(_BDPM, 1)),
        _TABLE_WORDS,
    ),
    Target(
        "ccam", _nomenclature("CCAM.csv", packed=True), lambda: (_CCAM, gzip.compress(_CCAM, 1)), _TABLE_WORDS
    ),
    Target(
        "loinc",
        _nomenclature("Loinc.csv", packed=True),
        lambda: (_LOINC, gzip.compress(_LOINC, 1)),
        _TABLE_WORDS,
    ),
    Target("claml", _nomenclature("cim.xml", packed=True), lambda: (_CLAML,), _XML_WORDS),
    Target(
        "code-system",
        _nomenclature("cs.json"),
        lambda: (_SYSTEM,),
        (b"{", b"}", b"[", b"]", b",", b":", b'"', b"1"),
    ),
    Target("directory", directory, _extracts, (b"|", b"\n", b"\r", b"\x00", b"\xe9", b"\xef\xbb\xbf")),
    Target(
        "ins",
        identity,
        lambda: (b"279035121518989|1.2.250.1.213.1.4.10", b"2A9035121518989|"),
        (b"|", b"2B", b"0"),
    ),
    Target(
        "form",
        form,
        lambda: _FORMS,
        (b"\r\n", b"--x", b"boundary=", b'"', b";", b"name=", b"%FF", b"&", b"charset="),
    ),
    Target("token", token, lambda: _TOKENS, (b".", b"=", b"eyJ", b"W10", b"bnVsbA", b"-", b"_")),
    Target(
        "registration",
        registration,
        lambda: (b'{"keys":[' + _PUBLIC.encode() + b"]}", b"https://a.example/back", b"http://[::1]:80/x"),
        (b"[", b"]", b"@", b"#", b"*", b":99999", b'"kty":"RSA"', b'"n":"', b'"d":"', b"null", b"{", b"\\"),
    ),
    Target("basic", basic, lambda: (b"Basic YTpi", b"basic YSUwMDpi"), (b"=", b" ", b"Og", b"/", b"JTAw")),
    Target(
        "authorization",
        authorization,
        lambda: _ASKED,
        (b"&", b"=", b"%00", b"%20", b"none", b"%FF", b"999999999"),
    ),
)
