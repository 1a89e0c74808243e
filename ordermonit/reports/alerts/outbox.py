"""Messages on their way: each stays until every channel has taken it, or there is no room."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ordermonit.reports.alerts.memory import MOST_UNSENT, Memory, Message, Unsent
from ordermonit.times import iso

#: Longest message to one channel, in characters: what was not sent for long is cut.
LONGEST = 8_000


def named(urls: Sequence[str]) -> dict[str, str]:
    """The channels by a name that tells nothing of their URLs, such as `channel 1 (mailto)`."""
    return {
        f"channel {at} ({url.partition('://')[0].lower()})": url for at, url in enumerate(urls, 1)
    }


def with_message(memory: Memory, message: Message | None, channels: Sequence[str]) -> Memory:
    """The memory with a new message for all channels, and without channels that are gone."""
    unsent = [*memory.unsent]
    if message is not None:
        unsent.append(Unsent(message, tuple(channels)))
    return replace(memory, unsent=_kept(unsent, frozenset(channels)))


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
        else f"From {iso(each.at)}, when this could not be sent:\n{each.title}\n{each.body}"
        for each in reversed(messages)
    ]
    body = "\n\n".join(parts)
    return replace(newest, body=body if len(body) <= LONGEST else f"{body[: LONGEST - 1]}…")


def taken(memory: Memory, by: frozenset[str]) -> Memory:
    """The memory after these channels took their letters."""
    left = [
        replace(each, channels=tuple(name for name in each.channels if name not in by))
        for each in memory.unsent
    ]
    return replace(memory, unsent=tuple(each for each in left if each.channels))


def _kept(unsent: list[Unsent], channels: frozenset[str]) -> tuple[Unsent, ...]:
    left = [
        replace(each, channels=tuple(name for name in each.channels if name in channels))
        for each in unsent
    ]
    return tuple(each for each in left if each.channels)[-MOST_UNSENT:]
