"""Where an application may be sent back to."""

import pytest

from aubier.ground.problem import Problem
from aubier.referentials.signon.tokens.clients import Client, check_redirect


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/back",
        "https://app.example:8443/back?x=1&y=%20",
        "https://app.example",
        "http://localhost:3000/",
        "http://127.0.0.1/back",
        "http://127.8.8.8:1/back",
        "http://[::1]:8000/back",
    ],
)
def test_these_may_be_returned_to(uri: str) -> None:
    assert check_redirect(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/back",
        "app.example/back",
        "http://app.example/back",
        "http://localhost.evil.example/",
        "http://127.0.0.1.evil.example/",
        "http://0.0.0.0/",
        "http://192.168.1.2/",
        "http://2130706433/",
        "https://app.example/back#here",
        "https://app.example/*",
        "https://*.example/back",
        "https://user@app.example/",
        "https://app.example@evil.example/",
        "https://app.example\\@evil.example/",
        "https://app.example/a b",
        "https://app.example/a\r\nSet-Cookie:x",
        "https://app.example/é",
        "https://app.example:99999/",
        "https://app.example:port/",
        "https://[::1/",
        "https:///back",
        "https://",
        "javascript:alert(1)//https://app.example",
        "data:text/html,x",
        "app.example:/back",
        "ftp://app.example/",
        "HTTPS://app.example/" + "x" * 1024,
    ],
)
def test_these_may_not(uri: str) -> None:
    with pytest.raises(Problem) as refused:
        check_redirect(uri)
    (issue,) = refused.value.issues
    assert (issue.kind, issue.at) == ("value", ("http.redirect_uri",))
    assert issue.fr != issue.text and len(issue.text) < 320


def test_a_client_without_secret_and_keys_is_public() -> None:
    assert Client("a", "A").public
    assert not Client("a", "A", secret_digest="x").public
    assert not Client("a", "A", jwks="{}").public
