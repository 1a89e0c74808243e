"""The report of a span of time: what the journal and the checkpoint know, as one value."""

from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from ordermonit.health.outlook import outlook
from ordermonit.language import _
from ordermonit.orders.journey import Rules
from ordermonit.orders.model import Operation, Reason, Record, Status
from ordermonit.shops import ALONE, Shop
from ordermonit.times import iso
from ordermonit.views import words
from ordermonit.views.digest import HOUR, Digest, Hour, Waits

#: Until so long a span has a column for each hour.
_MOST_HOURS = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Source:
    """Of what and of when the report is. `known_from`: when the journal begins; `trouble`: why it
    may not show all of it."""

    app_name: str
    at: datetime
    since: datetime
    until: datetime
    known_from: datetime | None
    trouble: str | None = None
    shop: Shop = ALONE

    @property
    def begins_late(self) -> bool:
        """Whether the journal does not reach back to the beginning of the span."""
        return self.known_from is not None and self.known_from > self.since

    @property
    def notes(self) -> list[str]:
        """What else there is to know before the figures are believed."""
        found = []
        if self.trouble is not None:
            found.append(_(words.PARTLY, trouble=self.trouble))
        if self.known_from is None:
            found.append(_(words.KNOWS_NOTHING))
        return found


@dataclass(frozen=True, slots=True)
class Open:
    """An order that somebody still has something to do for; `next` has the command, if any."""

    name: str
    status: Status
    reason: Reason
    since: datetime
    error: str | None
    next: str

    @property
    def why(self) -> str:
        """What is in its way: the last error, or else what its reason says."""
        if self.status is Status.PAYMENT_PENDING and self.reason is Reason.NOT_DUE:
            return _(words.NOT_AUTHORIZED)
        return self.error or _(words.REASONS[self.reason])


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    source: Source
    digest: Digest
    open: tuple[Open, ...]

    @property
    def sums(self) -> dict[str, int]:
        """The plain counts, by their names in `--json`."""
        digest = self.digest
        return {
            "seen": len(digest.seen),
            "fallen_through": len(digest.fallen),
            "inserted": len(digest.inserted),
            "confirmed": len(digest.confirmed),
            "given_up": len(digest.given_up),
            "cycles": digest.cycles,
            "failed_cycles": digest.failed_cycles,
            "outages": digest.outage_count,
        }

    def more_open(self, shown: int) -> list[str]:
        """What there is to say where only so many of the open orders are shown."""
        more = len(self.open) - shown
        return [self.source.shop.typed(_(words.MORE_OPEN, count=more))] if more > 0 else []

    @property
    def hours(self) -> list[tuple[datetime, Hour]]:
        """Those in which an order was seen, in the reader's zone."""
        found = sorted(self.digest.hours.items())
        return [(local(at * HOUR), hour) for at, hour in found if hour.seen or hour.fallen]

    @property
    def hours_of_day(self) -> list[Hour]:
        """24 of them, from midnight in the reader's zone."""
        found = [Hour() for _ in range(24)]
        for at, hour in self.hours:
            _add(found[at.hour], hour)
        return found

    @property
    def is_long(self) -> bool:
        """Whether a column for each hour would be too many."""
        return self.source.until - self.source.since > _MOST_HOURS

    @property
    def course(self) -> dict[str, Hour]:
        """The days of the span, or its hours where it is short, in the reader's zone; also those in
        which nothing was."""
        form = "%Y-%m-%d" if self.is_long else "%d, %H:00"
        source, found = self.source, dict[str, Hour]()
        at = max(source.since, source.known_from or source.until)
        at = min([at, *(first for first, _ in self.hours[:1])])
        while at < source.until:
            found.setdefault(at.astimezone().strftime(form), Hour())
            at += timedelta(seconds=HOUR)
        for at, hour in self.hours:
            _add(found.setdefault(at.strftime(form), Hour()), hour)
        return found

    def lasted(self, begun: float, ended: float | None) -> float:
        """The seconds of an outage until now, where it has not ended."""
        return (self.source.until.timestamp() if ended is None else ended) - begun

    def as_json(self) -> dict[str, object]:
        """For `report --json`; spans in seconds."""
        source, digest = self.source, self.digest
        return {
            "app_name": source.app_name,
            "at": iso(source.at),
            "since": iso(source.since),
            "until": iso(source.until),
            "journal_from": None if source.known_from is None else iso(source.known_from),
            "journal_error": source.trouble,
            **self.sums,
            "hours": [{"at": iso(at), **asdict(hour)} for at, hour in self.hours],
            "reasons": dict(digest.reasons),
            "waits": _waits(digest.waits),
            "waits_fallen_through": _waits(digest.waits_of_fallen),
            "outage_count": digest.outage_count,
            "outages": [
                {
                    "since": iso(local(each.begun)),
                    "until": None if each.ended is None else iso(local(each.ended)),
                    "seconds": round(self.lasted(each.begun, each.ended)),
                    "error": each.error,
                }
                for each in digest.outages
            ],
            "open": [
                {
                    "number": each.name,
                    "status": each.status,
                    "reason": each.reason,
                    "since": iso(each.since),
                    "error": each.error,
                    "next": each.next,
                }
                for each in self.open
            ],
            "errors": [{"times": times, "error": error} for error, times in digest.errors],
        }


def _add(to: Hour, hour: Hour) -> None:
    to.seen += hour.seen
    to.fallen += hour.fallen


def _waits(waits: Waits | None) -> dict[str, float] | None:
    if waits is None:
        return None
    return {
        "orders": waits.count,
        "median": round(waits.median),
        "95_percent": round(waits.most),
        "longest": round(waits.longest),
    }


def local(seconds: float) -> datetime:
    """A time since 1970 in the reader's zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone()


def still_open(
    records: Iterable[Record], rules: Rules, checks: Container[Operation], now: datetime
) -> tuple[Open, ...]:
    """The open orders, those first that wait for the longest."""
    found = (
        Open(
            each.name,
            each.status,
            each.reason,
            each.created_at,
            each.last_error,
            outlook(each, rules, checks, now).what,
        )
        for each in records
        if each.is_open
    )
    return tuple(sorted(found, key=lambda each: each.since))
