"""What portals, the sandbox and the command line may ask of the record room."""

from aubier.services.record.actions import (
    Opened,
    change_document,
    deposit_cda,
    is_cda,
    open_content,
    open_document,
    publish,
)
from aubier.services.record.cda.parts import read_parts
from aubier.services.record.cda.xml import parse_document
from aubier.services.record.headers import safe_headers
from aubier.services.record.mhd.patch import json_patch
from aubier.services.record.page.files import part_link
from aubier.services.record.page.html import render as render_cda
from aubier.services.record.page.text import plain_text

__all__ = [
    "Opened",
    "change_document",
    "deposit_cda",
    "is_cda",
    "json_patch",
    "open_content",
    "open_document",
    "parse_document",
    "part_link",
    "plain_text",
    "publish",
    "read_parts",
    "render_cda",
    "safe_headers",
]
