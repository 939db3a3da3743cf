"""Settings: what is read, what is refused and how it is said."""

from dataclasses import fields
from pathlib import Path

import pytest

from aubier.ground.problem import Problem
from aubier.settings import Settings, check_exposure, unknown, variable


def refused(**environ: str) -> Problem:
    """The Problem that these variables (without their prefix) meet."""
    with pytest.raises(Problem) as problem:
        Settings.load({f"AUBIER_{name}": value for name, value in environ.items()})
    return problem.value


def test_nothing_set_gives_the_defaults() -> None:
    assert Settings.load({}) == Settings()
    assert Settings.load({}).port == 8000
    assert Settings.load({}).max_body_bytes == 33_554_432
    assert Settings.load({}).sandbox is False, "the sandbox is asked for, never assumed"


def test_the_environment_is_read_by_type() -> None:
    found = Settings.load(
        {"AUBIER_PORT": " 8_100 ", "AUBIER_SANDBOX": "oui", "AUBIER_DATA": "/srv/a", "AUBIER_LANGUAGE": "en"}
    )
    assert (found.port, found.sandbox, found.data, found.language) == (8100, True, Path("/srv/a"), "en")


def test_an_option_comes_before_the_environment_and_none_says_nothing() -> None:
    environ = {"AUBIER_PORT": "9000", "AUBIER_CITIZENS": "5"}
    found = Settings.load(environ, port=9001, citizens=None)
    assert (found.port, found.citizens) == (9001, 5)


def test_an_empty_variable_is_not_set() -> None:
    assert Settings.load({"AUBIER_PORT": ""}).port == 8000


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "eighty", "AUBIER_PORT is 'eighty' and must be a whole number from 1 to 65535"),
        ("PORT", "0", "from 1 to 65535"),
        ("PORT", "70000", "from 1 to 65535"),
        ("PORT", "-1", "from 1 to 65535"),
        ("PORT", "８０", "from 1 to 65535"),
        ("PAGE_SIZE", "0", "a whole number from 1"),
        ("SANDBOX", "perhaps", "yes or no"),
        ("LANGUAGE", "de", "one of fr, en"),
        ("LOG_LEVEL", "INFO", "one of debug, info, warning, error"),
        ("BASE_URL", "ftp://x", "begins with http://, https://"),
        ("TRUSTED_PROXY", "proxy.example", "an IP address"),
        ("DATABASE_URL", "mysql://x", "begins with postgresql://, postgres://"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence(name: str, value: str, said: str) -> None:
    problem = refused(**{name: value})
    assert problem.kind == "value"
    assert said in problem.issues[0].text
    assert "doit être" in problem.issues[0].fr
    assert problem.issues[0].at == (f"AUBIER_{name}",)


def test_every_wrong_value_is_named_at_once() -> None:
    assert [issue.at[0] for issue in refused(PORT="x", CITIZENS="y").issues] == [
        "AUBIER_PORT",
        "AUBIER_CITIZENS",
    ]


def test_a_certificate_goes_with_its_key() -> None:
    assert "go together" in str(refused(TLS_CERT="a.pem"))
    assert Settings.load({"AUBIER_TLS_CERT": "a.pem", "AUBIER_TLS_KEY": "b.pem"}).url.startswith("https://")


def test_a_page_is_not_larger_than_the_largest() -> None:
    assert "AUBIER_PAGE_SIZE_MAX" in str(refused(PAGE_SIZE="50", PAGE_SIZE_MAX="40"))


def test_the_database_password_is_never_shown() -> None:
    found = Settings.load({"AUBIER_DATABASE_URL": "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(refused(DATABASE_URL="mysql://u:hunter2@h/d"))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "::1", "port": 9}, "http://[::1]:9"),
        ({"base_url": "https://sante.example/"}, "https://sante.example"),
    ],
)
def test_the_address_people_use(given: dict[str, object], url: str) -> None:
    assert Settings.load({}, **given).url == url


@pytest.mark.parametrize(
    "given",
    [
        {"host": "127.0.0.1"},
        {"host": "127.8.9.1"},
        {"host": "::1"},
        {"host": "localhost"},
        {"host": "0.0.0.0", "tls_cert": "a.pem", "tls_key": "b.pem"},
        {"host": "10.0.0.5", "trusted_proxy": "10.0.0.1"},
    ],
)
def test_what_may_be_opened(given: dict[str, str]) -> None:
    assert check_exposure(Settings.load({}, **given)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "aubier.example"])
def test_nothing_is_opened_to_others_in_clear(host: str) -> None:
    with pytest.raises(Problem, match="AUBIER_TLS_CERT") as refused:
        check_exposure(Settings.load({}, host=host))
    assert refused.value.kind == "forbidden"
    assert "autres machines" in refused.value.issues[0].fr


def test_a_misspelt_variable_is_noticed() -> None:
    environ = {"AUBIER_PROT": "1", "AUBIER_PORT": "1", "PATH": "", "AUBIER_TEST_DATABASE_URL": ""}
    assert unknown(environ) == ("AUBIER_PROT",)


def test_a_setting_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="prot"):
        Settings.load({}, prot=1)


def test_every_row_says_what_it_is_for() -> None:
    for row in fields(Settings):
        assert row.metadata["about"].endswith("."), row.name
        assert type(row.default) is not int or row.metadata["unit"], f"{row.name} has no unit"
        assert variable(row.name) == variable(row.name).upper()


def test_every_default_is_itself_acceptable() -> None:
    environ = {variable(row.name): str(row.default) for row in fields(Settings)}
    assert Settings.load(environ) == Settings()
