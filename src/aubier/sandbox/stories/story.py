"""What a story is made of, and the stage on which it is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from aubier.ground.rows import Texts
from aubier.sandbox.batch import Account, Batch, Look, Relationship, Right
from aubier.sandbox.clinical.documents import Filed, Writer, file
from aubier.sandbox.clinical.record import Record
from aubier.sandbox.stories.cast import Cast
from aubier.sandbox.territory import numbers
from aubier.sandbox.territory.carers import Carer, Directory
from aubier.sandbox.territory.communes import atlas
from aubier.sandbox.territory.days import at
from aubier.sandbox.territory.draw import Draw, fixed_id
from aubier.sandbox.territory.households import Registry
from aubier.sandbox.territory.people import Person, identity, patient

_TEXTS = Path(__file__).with_name("texts")
_FIRST_NUMBER = 9_000_000


@dataclass(frozen=True, slots=True)
class Story:
    """A family with its timeline and traps. `build(stage)` gives its batch."""

    key: str
    title: Texts
    build: Callable[[Stage], Batch]

    def readme(self, language: str) -> str:
        """Who, timeline, expected screens, traps: Markdown in `fr` or `en`."""
        return (_TEXTS / f"{self.key}.{language}.md").read_text(encoding="utf-8")


@dataclass(slots=True)
class Setting:
    """What every story shares: seed, day, directory, registry of births, writer of documents, the cast."""

    seed: int | str
    today: date
    directory: Directory
    registry: Registry
    writer: Writer
    cast: Cast
    people: int = 0


@dataclass(slots=True)
class Stage:
    """Where one story is built: makes people, records, documents, rights and accounts with fixed ids."""

    setting: Setting
    key: str
    batch: Batch
    _records: list[tuple[Record, Carer | None]] = field(default_factory=list)

    @property
    def today(self) -> date:
        """The day the story has reached."""
        return self.setting.today

    @property
    def cast(self) -> Cast:
        """The professionals that stories share."""
        return self.setting.cast

    def before(self, days: int) -> date:
        """The day that many days ago (negative: ahead)."""
        return self.today - timedelta(days=days)

    def draw(self, name: str) -> Draw:
        """A stream of draws of this story's own."""
        return Draw(self.setting.seed, "story", self.key, name)

    def person(self, slug: str, sex: str, birth: date, **more: Any) -> Person:
        """A citizen with a fixed id. `more`: `family`, `given` (tuple), `town`, `street`, `born`
        (commune name), `born_abroad` (INSEE code, town), `ins` (fixed number, empty for none), `status`, and
        any other field of Person."""
        setting = self.setting
        setting.people += 1
        home = atlas().named(more.pop("town", "Douarnenez"))
        place = atlas().named(more.pop("born")) if "born" in more else home
        number, status = more.pop("ins", None), more.pop("status", "QUAL")
        code, city = more.pop("born_abroad", (place.code, place.name))
        if number:
            setting.registry.reserve(number)
        elif number is None:
            number = setting.registry.ins(sex, birth, code)
        given, family = more.pop("given"), more.pop("family")
        return Person(
            id=fixed_id(setting.seed, "story", self.key, slug),
            number=_FIRST_NUMBER + setting.people,
            sex=sex,
            birth=birth,
            family=family,
            given=given,
            birth_code=code,
            birth_city=city,
            home=home,
            street=more.pop("street", "12 rue du Port-Rhu"),
            ins=number,
            status=status,
            mobile=more.pop("mobile", numbers.mobile(setting.people)),
            email=more.pop("email", numbers.mailbox(given[0], family)),
            **more,
        )

    def record(self, person: Person, doctor: Carer | None = None) -> Record:
        """Opens a person's record; `doctor` becomes the general practitioner, with a right to see it."""
        count = 0

        def name(entry: str) -> str:
            nonlocal count
            count += 1
            return fixed_id(person.id, entry, count)

        record = Record(person, name)
        self._records.append((record, doctor))
        if doctor:
            since = max(doctor.since, person.birth)
            self.allow(Relationship(person.id, doctor.key, "treating-doctor", start=since))
        return record

    def file(self, record: Record, kind: str, days_ago: int, **more: Any) -> Filed:
        """Files a document dated that many days ago (see `documents.file`)."""
        return file(record, self.setting.writer, kind, self.before(days_ago), **more)

    def allow(self, *rights: Right) -> None:
        """Declares rights."""
        self.batch.rights += rights

    def looked(
        self, person: Person, carer: Carer, days_ago: int, hour: int, *what: tuple[str, int], **more: Any
    ) -> None:
        """Past accesses of a carer: `what` are (resource type, entries shown). `more`: `minute`, `basis`."""
        when = datetime.fromisoformat(at(self.before(days_ago), hour, more.get("minute", 0)))
        place = f"{carer.place.idnst} {carer.place.name}"
        self.batch.looks += [
            Look(
                person.id,
                f"Practitioner/{carer.id}",
                carer.display,
                place,
                when,
                f"{kind}?patient={person.id}",
                more.get("basis", "care-team"),
                hits,
            )
            for kind, hits in what
        ]

    def citizen(self, login: str, person: Person, fr: str, en: str) -> None:
        """Someone who can log in as a citizen."""
        self.batch.accounts.append(
            Account(
                login,
                "citizen",
                person.display,
                {"fr": fr, "en": en},
                reference=person.reference,
                given=person.given[0],
                family=person.used_family or person.family,
                story=self.key,
            )
        )

    def close(self) -> Batch:
        """The story's batch: patients first, then what their records hold."""
        batch = self.batch
        batch.resources = [patient(r.person, d.link if d else None) for r, d in self._records]
        for record, _ in self._records:
            batch.resources += record.entries
            if record.person.ins:
                batch.identities.append(identity(record.person))
        return batch
