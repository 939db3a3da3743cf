"""Local paths, languages, and what a page lets its form do."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aubier.ground.problem import problem
from aubier.ground.rows import Request
from aubier.referentials.signon.people.pages import language, local_path, page, problem_page

CTX = SimpleNamespace(settings=SimpleNamespace(sandbox=True), language="fr")


def request(**query: str) -> Request:
    """A request with a query."""
    return Request("GET", "/signon/login", query=tuple(query.items()))


@pytest.mark.parametrize("path", ["/", "/a", "/a/b?x=1&next=//evil.example", "/a%0d%0a"])
def test_local_paths_stay(path: str) -> None:
    assert local_path(path) == path


@given(st.text(max_size=40) | st.text("/\\:.@e\t\n", max_size=8))
def test_whatever_comes_the_path_is_local(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/") and not path.startswith(("//", "/\\"))
    assert all(32 < ord(c) < 127 for c in path) and "\\" not in path


@pytest.mark.parametrize(
    ("asked", "browser", "shown"),
    [("", "fr", "fr"), ("", "en", "en"), ("en", "fr", "en"), ("br fr en", "en", "fr"), ("br", "en", "en")],
)
def test_the_application_s_language_comes_first(asked: str, browser: str, shown: str) -> None:
    ctx = SimpleNamespace(settings=CTX.settings, language=browser)
    assert language(ctx, request(ui_locales=asked)) == shown  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "status"), [("value", 400), ("forbidden", 403), ("throttled", 429), ("not-found", 400)]
)
def test_a_problem_is_a_page_in_the_reader_s_language(kind: str, status: int) -> None:
    found = problem(kind, "Not <here>", "Pas <ici>")  # type: ignore[arg-type]
    shown = problem_page(CTX, request(), found)  # type: ignore[arg-type]
    assert shown.status == status and "Pas &lt;ici&gt;" in str(shown.body)
    shown = problem_page(CTX, request(ui_locales="en"), found)  # type: ignore[arg-type]
    assert "Not &lt;here&gt;" in str(shown.body) and "Sign-in stopped" in str(shown.body)


@pytest.mark.parametrize(
    ("uri", "target"),
    [
        ("https://a.example/back", " https://a.example"),
        ("http://[::1]:8000/back", " http://[::1]:8000"),
        ("https://a.example;script-src *", " https://a.example"),
        ("javascript:alert(1)", ""),
        ("*", ""),
        ("", ""),
    ],
)
def test_a_form_leads_to_one_origin_at_most(uri: str, target: str) -> None:
    from urllib.parse import urlencode

    next = "/x?" + urlencode({"redirect_uri": uri})
    shown = page(CTX, request(), "message.html", next=next, title="t", text="x", form={}, link="/")  # type: ignore[arg-type]
    assert shown.headers["Content-Security-Policy"].endswith(f"form-action 'self'{target}")
