"""The settings of sign-on, taken from the platform's."""

from types import SimpleNamespace

import pytest

from aubier.referentials.signon.settings import SignonSettings, signon_settings
from aubier.settings import Settings


def test_what_the_platform_does_not_name_keeps_its_default() -> None:
    assert signon_settings(SimpleNamespace()) == SignonSettings()


def test_the_platform_s_own_settings_are_read() -> None:
    found = signon_settings(Settings.load({"AUBIER_PORT": "9000", "AUBIER_SIGNON_ACCESS_SECONDS": "600"}))
    assert (found.base_url, found.access_seconds, found.sandbox) == ("http://127.0.0.1:9000", 600, False)
    behind = Settings.load({"AUBIER_BASE_URL": "https://aubier.example/"})
    assert signon_settings(behind).base_url == "https://aubier.example"


@pytest.mark.parametrize(
    ("settings", "professional"),
    [
        ({"sandbox": False}, 120),
        ({"sandbox": True}, 3600),
        ({"sandbox": True, "signon_access_seconds": 900}, 900),
        ({"sandbox": True, "signon_psc_access_seconds": 120}, 120),
    ],
)
def test_the_professional_realm_is_short_lived_outside_the_sandbox(
    settings: dict[str, object], professional: int
) -> None:
    assert signon_settings(SimpleNamespace(**settings)).psc_access_seconds == professional
