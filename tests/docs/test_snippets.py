"""What the first page tells to type is typed, and does what the page says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.journeys.running import COMMAND, Running, environment
from tests.ports import free_port
from tests.where import ROOT

PAGE = (ROOT / "docs" / "start" / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def _typed(snippet: tuple[str, str], instance: Running, folder: Path) -> str:
    language, text = snippet
    here = text.replace("http://127.0.0.1:8000", instance.url).replace(".venv/bin/aubier", COMMAND[0])
    command = [sys.executable, "-c", here] if language == "python" else ["bash", "-euc", here]
    environ = environment(AUBIER_DATA=str(instance.data))
    done = subprocess.run(
        command, env=environ, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_page_does_what_it_says(instance: Running, tmp_path: Path) -> None:
    told = [_typed(snippet, instance, tmp_path) for snippet in SNIPPETS]
    assert len(told) == 4
    assert '"resourceType":"Bundle"' in told[0] and "http://127.0.0.1" in told[0]
    assert '"total":0' in told[1]
    rights = told[2].splitlines()
    assert any(line.startswith("permit ") and line.endswith(" treating-doctor") for line in rights)
    assert "steps answered right" in told[3]


def test_the_vendor_s_lines_on_being_told_do_what_they_say(instance: Running, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "guides" / "vendor.md").read_text(encoding="utf-8")
    lines = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    port = str(free_port())
    text = "trap 'kill $(jobs -p)' EXIT\n" + "".join(lines).replace("9000", port)
    told = _typed(("sh", text), instance, tmp_path)
    assert '"status":"active"' in told
    assert "event-notification" in told
    assert "query-event" in told and "query-status" in told


def test_every_reason_and_operation_told_to_vendors_exists() -> None:
    from aubier.referentials.sharing import SERVICE
    from aubier.referentials.sharing.rules import REASONS
    from aubier.rest.indexing.service import SERVICE as INDEXING
    from aubier.rest.operations.rows import OPERATIONS
    from aubier.services import subscriptions

    guide = (ROOT / "docs" / "guides" / "vendor.md").read_text(encoding="utf-8")
    own = (*SERVICE.operations, *subscriptions.SERVICE.operations, *INDEXING.operations)
    names = {operation.name for operation in (*own, *OPERATIONS)}
    assert set(re.findall(r"\$([a-z-]+)", guide)) == names
    assert all(reason in guide for reason in REASONS)
