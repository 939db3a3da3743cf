import pytest

from aubier.services.record.headers import safe_headers


@pytest.mark.parametrize(
    ("media_type", "title", "how", "sandbox"),
    [
        ("application/pdf", 'a"b\r\nX-Evil: 1', "inline", False),
        ("text/html", "../../etc/passwd", "attachment", True),
        ("application/xml", "", "attachment", True),
        ("image/png", "Été", "inline", True),
    ],
)
def test_a_strangers_content_is_sent_safely(media_type: str, title: str, how: str, sandbox: bool) -> None:
    headers = safe_headers(media_type, title)
    disposition = headers["Content-Disposition"]
    assert disposition.startswith(f"{how}; filename=") and disposition.isascii()
    assert not set(disposition.removeprefix(how)) & set("\r\n/")
    assert disposition.count('"') == 2
    assert ("sandbox" in headers["Content-Security-Policy"]) is sandbox
