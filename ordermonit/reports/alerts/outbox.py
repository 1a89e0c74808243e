"""Messages on their way: each stays until every channel has taken it, or refuses it for good, or
there is no room."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ordermonit.configuration.alerts import Alerts
from ordermonit.language import _, ngettext
from ordermonit.reports.alerts.memory import MOST_UNSENT, Memory, Message, Unsent
from ordermonit.times import iso

#: Longest text of one letter, in bytes: what ntfy and Telegram take, which Apprise does not know of
#: the first. What a channel takes less than that, Apprise knows.
LONGEST = 3_800

#: After so many refusals in a row what waits for a channel is dropped.
MOST_REFUSALS = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one letter: why it was not taken, None where it was; and whether the channel
    has refused it, so that it is of no use to try again with the same."""

    problem: str | None = None
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a channel did not want: the newest title, and its last words."""

    channel: str
    title: str
    problem: str


def channels(alerts: Alerts) -> dict[str, dict[str, str]]:
    """Each channel by a name that tells nothing of its URL, such as `channel 1 (slack)`; with the
    URL, or the mail address, that it is reached by."""
    found = {
        f"channel {at} ({url.partition('://')[0].lower()})": {"url": url}
        for at, url in enumerate(alerts.channels, 1)
    }
    if alerts.smtp is not None:
        found |= {f"mail to {each}": {"to": each} for each in sorted(alerts.subscribers)}
    return found


def with_message(memory: Memory, message: Message | None, channels: Iterable[str]) -> Memory:
    """The memory with a new message for all channels, and without channels that are gone."""
    unsent, there = [*memory.unsent], tuple(channels)
    if message is not None:
        unsent.append(Unsent(message, there))
    refusals = {name: count for name, count in memory.refusals.items() if name in there}
    return replace(memory, unsent=_kept(unsent, frozenset(there)), refusals=refusals)


def letters(unsent: Sequence[Unsent], now: datetime) -> Mapping[str, Message]:
    """One letter for each channel, with all that it has not taken yet."""
    waiting: dict[str, list[Message]] = {}
    for each in unsent:
        for channel in each.channels:
            waiting.setdefault(channel, []).append(each.message)
    return {channel: _letter(messages, now) for channel, messages in waiting.items()}


def _letter(messages: list[Message], now: datetime) -> Message:
    newest = messages[-1]
    parts = [
        each.body
        if each.at == now
        else "\n".join(
            (_("From {time}, not sent until now:", time=iso(each.at)), each.title, each.body)
        )
        for each in reversed(messages)
    ]
    return replace(newest, body=cut("\n\n".join(parts)))


def cut(text: str) -> str:
    """The text, at most `LONGEST` bytes of it."""
    data = text.encode("utf-8", "replace")
    if len(data) <= LONGEST:
        return text
    return f"{data[: LONGEST - len('…'.encode())].decode('utf-8', 'ignore')}…"


def delivered(
    memory: Memory, outcomes: Mapping[str, Outcome], channels: Iterable[str], now: datetime
) -> tuple[Memory, list[Dropped]]:
    """The memory after these outcomes, and what was dropped, which the other channels are told."""
    refusals, dropped = dict(memory.refusals), []
    done = {name for name, outcome in outcomes.items() if outcome.problem is None}
    for name, outcome in outcomes.items():
        if outcome.problem is None:
            refusals.pop(name, None)
        elif outcome.is_refused:
            refusals[name] = refusals.get(name, 0) + 1
            if refusals[name] >= MOST_REFUSALS:
                title = next(m.message.title for m in reversed(memory.unsent) if name in m.channels)
                dropped.append(Dropped(name, title, outcome.problem))
                del refusals[name]
    gone = done | {each.channel for each in dropped}
    unsent = [*_without(memory.unsent, gone)]
    others = tuple(name for name in channels if name not in {each.channel for each in dropped})
    unsent += [Unsent(_notice(each, now), others) for each in dropped if others]
    return replace(memory, unsent=tuple(unsent[-MOST_UNSENT:]), refusals=refusals), dropped


def _notice(dropped: Dropped, now: datetime) -> Message:
    whose, channel = dropped.title.partition(": ")[0], dropped.channel
    said = ngettext(
        "{channel} has refused an alert {number} time, so it was dropped there ({title}): {error}",
        "{channel} has refused an alert {number} times, so it was dropped there ({title}): {error}",
        MOST_REFUSALS,
        channel=channel,
        title=dropped.title,
        error=dropped.problem,
    )
    remedy = _("Correct that channel in alerts.yml, then type: ordermonit alert --test")
    news = _("{channel} refuses alerts", channel=channel)
    return Message(f"{whose}: {news}", f"{said}\n{remedy}", now)


def _kept(unsent: list[Unsent], channels: frozenset[str]) -> tuple[Unsent, ...]:
    gone = {name for each in unsent for name in each.channels} - channels
    return tuple(_without(unsent, gone))[-MOST_UNSENT:]


def _without(unsent: Iterable[Unsent], gone: Iterable[str]) -> Iterable[Unsent]:
    for each in unsent:
        left = tuple(name for name in each.channels if name not in gone)
        if left:
            yield replace(each, channels=left)
