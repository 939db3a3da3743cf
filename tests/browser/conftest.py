"""A real Chromium, and what it looks at: the pages over a stand-in, or the whole application."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, async_playwright

from tests.browser.serve import start
from tests.ports import free_port

Open = Callable[..., Awaitable[Page]]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


async def shows(found: Locator, text: str = "") -> None:
    """Waits until it is seen, then asserts that it holds `text`, whatever the spaces."""
    await found.wait_for(state="visible", timeout=5000)
    said = " ".join((await found.inner_text()).split())
    assert text in said


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One Chromium for all the tests."""
    async with async_playwright() as playwright:
        found = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield found
        await found.close()


@pytest.fixture
def stage_url() -> Iterator[str]:
    """The pages over the story of the stand-in, fresh for each test."""
    server = start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
async def open_as(browser: Browser, stage_url: str) -> AsyncIterator[Open]:
    """`await open_as(login, path, width=..)`: a page of the stand-in as someone; French, no JavaScript."""
    contexts = []

    async def open_(login: str, path: str, width: int = 1280, height: int = 900, **options: object) -> Page:
        asked = {"locale": "fr-FR", "java_script_enabled": True, **options}
        context = await browser.new_context(viewport={"width": width, "height": height}, **asked)  # type: ignore[arg-type]
        contexts.append(context)
        if login:
            await context.add_cookies([{"name": "as", "value": login, "url": stage_url}])
        page = await context.new_page()
        await page.goto(stage_url + path)
        return page

    yield open_
    for context in contexts:
        await context.close()


@pytest.fixture(scope="session")
async def app_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The whole application with a small territory; `AUBIER_TEST_URL` names one already running."""
    if given := os.environ.get("AUBIER_TEST_URL"):
        yield given
        return
    data = tmp_path_factory.mktemp("browser")
    for folder in (data, *data.parents[:2]):
        folder.chmod(0o711)  # as root, PostgreSQL runs under another account, which must enter
    command = ["up", "--data", str(data / "aubier"), "--port", str(free_port()), "--citizens", "40"]
    running = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("aubier")),
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield await asyncio.wait_for(_ready(running), 120)
    finally:
        running.terminate()
        await asyncio.wait_for(running.communicate(), 30)


async def _ready(running: asyncio.subprocess.Process) -> str:
    assert running.stdout is not None
    said = []
    while line := (await running.stdout.readline()).decode():
        said.append(line)
        if found := re.match(r"ready (\S+)", line):
            return found[1]
    pytest.fail("aubier up ended before it was ready: " + "".join(said[-20:]))
