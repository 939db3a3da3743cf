import re
from pathlib import Path

import pytest

from aubier.portals.frame.page import STATIC, go

CSS = (STATIC / "aubier.css").read_text("utf-8")
ROOM = Path(__file__).resolve().parents[4] / "src" / "aubier" / "portals"


def luminance(colour: str) -> float:
    """The relative luminance of `#rrggbb`, as WCAG 2.2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


TOKENS = {**dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", CSS)), "card": "#ffffff"}


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        *((t, g) for t in ("ink", "muted", "sap", "sap-deep", "rose") for g in ("card", "paper")),
        ("sap-deep", "sap-soft"),
        ("sap", "sap-soft"),
        ("muted", "sap-soft"),
        ("amber", "amber-soft"),
        ("rose", "rose-soft"),
        ("sky", "sky-soft"),
        ("bark", "sand"),
        ("card", "sap"),
        ("card", "sap-deep"),
        ("card", "ink"),
        ("card", "sky"),
    ],
)
def test_text_contrast_is_seven_to_one(text: str, ground: str) -> None:
    assert contrast(TOKENS[text], TOKENS[ground]) >= 7


def test_edges_of_controls_are_seen() -> None:
    assert contrast(TOKENS["edge"], TOKENS["card"]) >= 3
    assert contrast(TOKENS["sky"], TOKENS["paper"]) >= 4.5


def test_nothing_inline_and_nothing_from_elsewhere() -> None:
    for page in ROOM.glob("*/templates/*.html"):
        text = page.read_text("utf-8")
        assert "<script" not in text, page.name
        assert not re.search(r"\s(style|on\w+)=", text), page.name
        assert not re.search(r"""(src|href)=["'](https?:)?//""", text), page.name
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_the_stylesheet_is_light() -> None:
    assert len(CSS.encode()) < 40_000


def test_going_elsewhere_says_where() -> None:
    answer = go("/citoyen", fait="a b")
    assert answer.status == 303
    assert answer.headers["Location"] == "/citoyen?fait=a+b"
