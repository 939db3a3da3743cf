"""Every setting of Aubier: one line each, read from the environment, checked before anything starts.

The variable of the setting `page_size` is `AUBIER_PAGE_SIZE`. Command-line options come before the
environment. There is no settings file. `docs/reference/settings.md` is made from the rows below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from aubier.ground.problem import Issue, Problem, problem

PREFIX = "AUBIER_"
_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "oui", "on"), True),
    **dict.fromkeys(("0", "false", "no", "non", "off"), False),
}
_WEB = ("http", "https")
_PG = ("postgresql", "postgres")


def _set(default: Any, about: str, unit: str = "", **check: Any) -> Any:
    """A row: default, sentence, unit; `low`, `high`, `among`, `schemes`, `ip` bound it, `secret` hides it."""
    shown = not check.get("secret", False)
    return field(default=default, repr=shown, metadata={"about": about, "unit": unit, **check})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one running Aubier. Get one with `Settings.load`."""

    # Where it listens
    host: str = _set("127.0.0.1", "The address the server listens on.")
    port: int = _set(8000, "The port the server listens on.", "TCP port", low=1, high=65535)
    base_url: str = _set(
        "", "The address people and software use, when a proxy stands in front.", schemes=_WEB
    )
    tls_cert: str = _set("", "The server's certificate chain, a PEM file.", "file")
    tls_key: str = _set("", "The private key of that certificate, a PEM file.", "file")
    trusted_proxy: str = _set(
        "", "The one proxy whose X-Forwarded-* headers are believed.", "IP address", ip=True
    )
    workers: int = _set(
        0,
        "Serving processes; 0 is one for two cores: PostgreSQL has the others.",
        "processes",
        low=0,
        high=64,
    )
    log_level: str = _set("info", "How much the server says.", among=("debug", "info", "warning", "error"))
    # Where it keeps things
    data: Path = _set(Path("data"), "Everything the instance keeps: database, documents, keys.", "folder")  # noqa: RUF009
    database_url: str = _set(
        "", "Your own PostgreSQL 15 or later instead of the embedded one.", schemes=_PG, secret=True
    )
    pool_size: int = _set(
        8,
        "Database connections of each serving process; three more are its own.",
        "connections",
        low=2,
        high=200,
    )
    # What it accepts
    page_size: int = _set(
        20, "Search results on a page when the client asks for no number.", "entries", low=1
    )
    page_size_max: int = _set(1000, "The most search results on a page.", "entries", low=1, high=10_000)
    max_body_bytes: int = _set(32 << 20, "The largest request body; above it, 413.", "bytes", low=1024)
    require_references: bool = _set(False, "Refuse a resource that refers to one not known here.")
    validate_profiles: str = _set(
        "off",
        "Profiles on writes: not checked, those a resource declares, or one required of each.",
        among=("off", "declared", "required"),
    )
    import_hosts: str = _set(
        "",
        "Hosts whose files $import may fetch by https, with commas: names (`host` or `host:port`), and the"
        " addresses, if they are not public, that these names may have. None unless named.",
    )
    import_file_bytes: int = _set(16 << 30, "The largest file that $import fetches.", "bytes", low=1024)
    # Whom it tells
    subscription_hosts: str = _set(
        "",
        "Hosts that notifications may be sent to, over https; a sandbox may also tell its own machine.",
        "names",
    )
    subscription_topics: str = _set(
        "", "More topics to subscribe to: SubscriptionTopic JSON files.", "folder"
    )
    packages: str = _set(
        "",
        "FHIR packages loaded at start, with commas between them; versions stand side by side.",
        ".tgz files",
    )
    # Sign-on
    signon_access_seconds: int = _set(3600, "Life of an access token.", "seconds", low=30, high=86_400)
    signon_refresh_seconds: int = _set(1800, "Life of a refresh token.", "seconds", low=60)
    signon_session_seconds: int = _set(4 * 3600, "The longest session in a browser.", "seconds", low=300)
    signon_idle_seconds: int = _set(1800, "A session left alone ends after this.", "seconds", low=60)
    # People
    language: str = _set("fr", "The language shown to those who state none.", among=("fr", "en"))
    sandbox: bool = _set(
        False, "A place to try things: invented people, test identities, a mark on every page."
    )
    citizens: int = _set(2000, "Invented citizens of the sandbox.", "people", low=0, high=1_000_000)
    seed: str = _set("aubier", "The same seed makes the same people, to the byte.")

    @classmethod
    def load(cls, environ: Mapping[str, str], **overrides: Any) -> Self:
        """The settings of `environ`, then those of `overrides` that are not None.

        Problem `value` that names every wrong one, what it holds and what is expected.
        """
        issues: list[Issue] = []
        values: dict[str, Any] = {}
        for row in fields(cls):
            given = overrides.pop(row.name, None)
            given = environ.get(variable(row.name)) if given is None else given
            if given is None or given == "":
                continue
            try:
                values[row.name] = _read(row, given)
            except ValueError as expected:
                issues.append(_wrong(row, given, *expected.args))
        if overrides:
            raise TypeError(f"no such setting: {', '.join(overrides)}")
        issues += [] if issues else _together(cls(**values))
        if issues:
            raise Problem(tuple(issues))
        return cls(**values)

    @property
    def url(self) -> str:
        """The address of this instance for a browser, without a final slash."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls_cert else ''}://{host}:{self.port}"


def check_exposure(settings: Settings) -> None:
    """Problem `forbidden` when people of the network could reach it in clear: an address other than this
    machine's own needs a certificate, or a proxy declared as the one that holds it.
    """
    if _is_own(settings.host) or settings.tls_cert or settings.trusted_proxy:
        return
    raise problem(
        "forbidden",
        f"{settings.host} is reached from other machines: give AUBIER_TLS_CERT and AUBIER_TLS_KEY, "
        "or name in AUBIER_TRUSTED_PROXY the proxy that holds the certificate",
        f"{settings.host} se joint depuis d'autres machines : donnez AUBIER_TLS_CERT et AUBIER_TLS_KEY, "
        "ou nommez dans AUBIER_TRUSTED_PROXY le relais qui porte le certificat",
        at="AUBIER_HOST",
    )


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def variable(name: str) -> str:
    """The environment variable of a setting: `page_size` gives `AUBIER_PAGE_SIZE`."""
    return PREFIX + name.upper()


def known() -> tuple[str, ...]:
    """The variables that set something."""
    return tuple(variable(row.name) for row in fields(Settings))


def unknown(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that begin like ours and set nothing: a spelling mistake to tell the operator about."""
    ours = (name for name in environ if name.startswith(PREFIX) and not name.startswith(PREFIX + "TEST_"))
    return tuple(sorted(name for name in ours if name not in known()))


def _read(row: Field[Any], given: Any) -> Any:
    """The value of a row; ValueError(English, French) with what is expected when it cannot be."""
    if isinstance(row.default, bool):
        value = _WORDS.get(str(given).strip().lower())
        if value is None:
            raise ValueError("yes or no", "oui ou non")
        return value
    if isinstance(row.default, int):
        return _number(row, str(given).strip().replace("_", ""))
    if isinstance(row.default, Path):
        return Path(given).expanduser()
    return _text(row, str(given).strip())


def _number(row: Field[Any], text: str) -> int:
    low, high = row.metadata.get("low", 0), row.metadata.get("high")
    if text.isascii() and text.isdecimal() and low <= int(text) <= (high or int(text)):
        return int(text)
    if high is None:
        raise ValueError(f"a whole number from {low}", f"un nombre entier à partir de {low}")
    raise ValueError(f"a whole number from {low} to {high}", f"un nombre entier de {low} à {high}")


def _text(row: Field[Any], text: str) -> str:
    among: tuple[str, ...] = row.metadata.get("among", ())
    schemes: tuple[str, ...] = row.metadata.get("schemes", ())
    if among and text not in among:
        raise ValueError(f"one of {', '.join(among)}", f"l'un de {', '.join(among)}")
    if row.metadata.get("ip"):
        try:
            ip_address(text)
        except ValueError:
            raise ValueError("an IP address", "une adresse IP") from None
    if schemes and urlsplit(text).scheme not in schemes:
        starts = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"an address that begins with {starts}", f"une adresse qui commence par {starts}")
    return text


def _wrong(row: Field[Any], given: Any, english: str, french: str) -> Issue:
    name = variable(row.name)
    held = "…" if row.metadata.get("secret") else str(given)
    return Issue(
        "value",
        f"{name} is '{held}' and must be {english}",
        f"{name} vaut « {held} » et doit être {french}",
        at=(name,),
    )


def _together(settings: Settings) -> list[Issue]:
    """What is wrong between settings that are each right."""
    found: list[Issue] = []
    if bool(settings.tls_cert) != bool(settings.tls_key):
        found.append(
            Issue(
                "value",
                "AUBIER_TLS_CERT and AUBIER_TLS_KEY go together: give both or none",
                "AUBIER_TLS_CERT et AUBIER_TLS_KEY vont ensemble : donnez les deux ou aucun",
                at=("AUBIER_TLS_CERT", "AUBIER_TLS_KEY"),
            )
        )
    if settings.page_size > settings.page_size_max:
        found.append(
            Issue(
                "value",
                "AUBIER_PAGE_SIZE is more than AUBIER_PAGE_SIZE_MAX",
                "AUBIER_PAGE_SIZE dépasse AUBIER_PAGE_SIZE_MAX",
                at=("AUBIER_PAGE_SIZE", "AUBIER_PAGE_SIZE_MAX"),
            )
        )
    return found
