"""The commands and their options. Each one's work is in a file named after it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from aubier import __version__
from aubier.cli import backup, doctor, loading, people, tour, up
from aubier.cli.checking import audit, check_index
from aubier.cli.indexing import reindex
from aubier.cli.instance import settings_of
from aubier.cli.loading import extract
from aubier.cli.speech import carry_out, plainly, speak

_DATA = click.option(
    "--data", metavar="DIR", help="Everything the instance keeps (AUBIER_DATA; default ./data)."
)


class _InOrder(click.Group):
    """Commands listed as they stand in this file: first what one needs first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="aubier")
@click.option(
    "--lang",
    type=click.Choice(["fr", "en"]),
    help="The language of what is printed (AUBIER_LANGUAGE; default fr).",
)
def main(lang: str | None) -> None:
    """Aubier: the national set of digital-health services on HL7 FHIR R4, as one program."""
    speak(lang or os.environ.get("AUBIER_LANGUAGE", "fr").strip())


@main.command("up")
@_DATA
@click.option("--port", type=int, help="The port to listen on (AUBIER_PORT; default 8000).")
@click.option("--citizens", type=int, help="Invented citizens of the territory (default 2,000).")
@click.option("--seed", help="The same seed makes the same people.")
def up_command(data: str | None, port: int | None, citizens: int | None, seed: str | None) -> None:
    """Start the sandbox: database, territory, services, pages. Ctrl-C stops it all."""
    with plainly():
        up.run(settings_of(data, port=port, citizens=citizens, seed=seed, sandbox=True))


@main.command("accounts")
@_DATA
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def accounts_command(data: str | None, as_json: bool) -> None:
    """List who can log in."""
    with plainly():
        carry_out(people.accounts(settings_of(data), as_json))


@main.command("token")
@_DATA
@click.option("--as", "login", required=True, metavar="LOGIN", help="Whose token (see: aubier accounts).")
@click.option(
    "--scope", default="", help='SMART scopes, such as "user/*.rs"; all that the account may ask by default.'
)
def token_command(data: str | None, login: str, scope: str) -> None:
    """Print a bearer token, alone on the last line. Sandbox only."""
    with plainly():
        carry_out(people.token(settings_of(data), login, scope))


@main.command("tour")
@_DATA
@click.option("--url", help="The address of a running Aubier, when it is not the one of the data folder.")
def tour_command(data: str | None, url: str | None) -> None:
    """Play the hospital-discharge story over HTTP, step by step."""
    with plainly():
        sys.exit(carry_out(tour.play(settings_of(data), url)))


@main.command("reset")
@_DATA
def reset_command(data: str | None) -> None:
    """Put the sandbox back to its first day. Running or stopped."""
    with plainly():
        backup.reset(settings_of(data))


@main.group("client")
def client_group() -> None:
    """Register applications that sign people in."""


@client_group.command("add")
@_DATA
@click.argument("name")
@click.option(
    "--redirect", "redirects", multiple=True, metavar="URI", help="A redirect URI; may be given again."
)
@click.option("--confidential", is_flag=True, help="Give it a secret: for an application that can keep one.")
@click.option(
    "--first-party",
    is_flag=True,
    help="The platform answers for it: people are not asked before it acts for them.",
)
@click.option("--door", default="", metavar="NAME", help="Give it a key to a national API, such as annuaire.")
@click.option(
    "--scope",
    default="",
    help='All that it may ever ask, such as "system/*.rs" to act for itself; patient/ and user/ by default.',
)
@click.option(
    "--keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its public keys, a JWK Set: for an application that signs what it asks (private_key_jwt).",
)
def client_add(data: str | None, name: str, redirects: tuple[str, ...], **more: Any) -> None:
    """Register the application NAME. Prints its client id, and its secret or key once."""
    with plainly():
        carry_out(people.client_add(settings_of(data), name, redirects, **more))


@client_group.command("list")
@_DATA
def client_list(data: str | None) -> None:
    """List the applications."""
    with plainly():
        carry_out(people.client_list(settings_of(data)))


@client_group.command("remove")
@_DATA
@click.argument("client_id")
def client_remove(data: str | None, client_id: str) -> None:
    """Remove an application. Its tokens end at once."""
    with plainly():
        carry_out(people.client_remove(settings_of(data), client_id))


@main.command("load")
@_DATA
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--processes",
    type=click.IntRange(0, 64),
    default=0,
    help="How many load FHIR together; 0 is one per core, at most 16, where there is enough to load.",
)
def load_command(data: str | None, paths: tuple[Path, ...], processes: int) -> None:
    """Load FHIR, packages, directory extracts, nomenclatures. Says what is refused and why."""
    with plainly():
        sys.exit(carry_out(loading.load_all(settings_of(data), paths, processes)))


@main.group("check")
def check_group() -> None:
    """Check what is stored."""


@check_group.command("audit")
@_DATA
@click.option(
    "--from", "first", type=click.IntRange(1), default=1, help="The seal to begin at, to go on from there."
)
def check_audit(data: str | None, first: int) -> None:
    """Look for audit lines that were changed, taken away or added since they were sealed."""
    with plainly():
        sys.exit(carry_out(audit(settings_of(data), first)))


@check_group.command("index")
@_DATA
def check_index_command(data: str | None) -> None:
    """Compare the index rows with what the resources give. Running or stopped; changes nothing."""
    with plainly():
        sys.exit(carry_out(check_index(settings_of(data))))


@main.command("extract")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--lines", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Activity lines."
)
@click.option("--seed", default="aubier", show_default=True, help="The same seed makes the same bytes.")
def extract_command(folder: Path, lines: int, seed: str) -> None:
    """Write an invented directory extract into FOLDER. As PS_LibreAcces files, to try an import with."""
    with plainly():
        extract.write(folder, lines, seed)


@main.command("serve")
@_DATA
@click.option(
    "--host", help="The address to listen on; another than this machine's own needs TLS or a proxy."
)
@click.option("--port", type=int, help="The port to listen on (AUBIER_PORT; default 8000).")
def serve_command(data: str | None, host: str | None, port: int | None) -> None:
    """Start with production settings: no sandbox, no invented people."""
    with plainly():
        up.run(settings_of(data, host=host, port=port, sandbox=False))


@main.command("backup")
@_DATA
@click.argument("file", type=click.Path(path_type=Path))
def backup_command(data: str | None, file: Path) -> None:
    """Save database, documents and keys into FILE. Running or stopped."""
    with plainly():
        backup.backup(settings_of(data), file)


@main.command("restore")
@_DATA
@click.argument("file", type=click.Path(exists=True, path_type=Path))
def restore_command(data: str | None, file: Path) -> None:
    """Make a data folder from a backup. The folder must be new or empty."""
    with plainly():
        backup.restore(settings_of(data), file)


@main.command("doctor")
@_DATA
@click.option("--port", type=int, help="The port that up would use.")
def doctor_command(data: str | None, port: int | None) -> None:
    """Check this machine and this data folder. Says what is wrong and how to mend it."""
    with plainly():
        sys.exit(doctor.examine(settings_of(data, port=port)))


@main.command("retry")
@_DATA
@click.argument("names", nargs=-1)
def retry_command(data: str | None, names: tuple[str, ...]) -> None:
    """Try again what was given up. All of it, or what doctor names; running or stopped."""
    with plainly():
        doctor.retry(settings_of(data), names)


@main.command("reindex")
@_DATA
@click.option("--type", "types", multiple=True, metavar="TYPE", help="A resource type; may be given again.")
def reindex_command(data: str | None, types: tuple[str, ...]) -> None:
    """Make the index rows of what is stored again. Running or stopped; goes on where it was stopped."""
    with plainly():
        carry_out(reindex(settings_of(data), types))
