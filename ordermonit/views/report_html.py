"""The report as one HTML file without any outside reference."""

from xml.etree.ElementTree import Element

from ordermonit.language import _
from ordermonit.times import spoken
from ordermonit.views import words
from ordermonit.views.digest import Waits
from ordermonit.views.markup import Inside, filled, moment, number, page, table, tag
from ordermonit.views.plots import columns
from ordermonit.views.report import Report, local

#: As many rows of open orders and of outages are shown.
MOST_ROWS = 500


def html(report: Report) -> bytes:
    """The whole file."""
    title = _(words.REPORT, app_name=report.source.app_name)
    return page(
        title,
        tag("h1", title),
        *_head(report),
        _sums(report),
        *_section(_(words.OPEN), _open(report)),
        *_section(_(words.WAITS), _waits(report)),
        *_section(_(words.BY_DAY) if report.is_long else _(words.BY_HOUR), _by_time(report)),
        *_section(_(words.BY_HOUR_OF_DAY), _by_hour_of_day(report)),
        *_section(_(words.BY_REASON), _reasons(report)),
        *_section(_(words.OUTAGES), _outages(report)),
        *_section(_(words.ERRORS), _errors(report)),
    )


def _head(report: Report) -> list[Element]:
    source = report.source
    span = filled(_(words.SPAN), since=moment(source.since), until=moment(source.until))
    written = filled(_(words.WRITTEN), at=moment(source.at))
    found = [tag("p", *span, " ", *written, class_="soft")]
    found += [tag("p", each) for each in source.notes]
    if source.known_from is not None and source.begins_late:
        found.append(tag("p", *filled(_(words.KNOWN_FROM), moment=moment(source.known_from))))
    return found


def _section(heading: str, parts: list[Element]) -> list[Element]:
    return [tag("h2", heading), *parts]


def _sums(report: Report) -> Element:
    return tag(
        "dl",
        *(
            tag("div", tag("dt", _(words.SUMS[name])), tag("dd", f"{count:,}"))
            for name, count in report.sums.items()
        ),
        class_="facts",
    )


def _open(report: Report) -> list[Element]:
    if not report.open:
        return [tag("p", _(words.NONE_OPEN))]
    columns = [_(words.ORDER), _(words.STATUS), _(words.REASON), _(words.SINCE), _(words.WHAT_NEXT)]
    rows: list[list[Inside]] = [
        [
            each.name,
            each.status,
            tag("td", each.why, class_="error"),
            moment(each.since),
            each.next,
        ]
        for each in report.open[:MOST_ROWS]
    ]
    more = (tag("p", each) for each in report.more_open(MOST_ROWS))
    return [table(_(words.OPEN), columns, rows), *more]


def _waits(report: Report) -> list[Element]:
    digest = report.digest
    rows: list[list[Inside]] = [
        [name, number(waits.count), *(number(each, spoken(each)) for each in _spans(waits))]
        for name, waits in (
            (_(words.WAITS_ALL), digest.waits),
            (_(words.WAITS_FALLEN), digest.waits_of_fallen),
        )
        if waits is not None
    ]
    if not rows:
        return [tag("p", _(words.NO_WAITS))]
    columns = [_(words.WHICH), _(words.ORDERS), _(words.MEDIAN), _(words.MOST), _(words.LONGEST)]
    return [table(_(words.WAITS_NOTE), columns, rows, sorts=False)]


def _spans(waits: Waits) -> tuple[float, float, float]:
    return waits.median, waits.most, waits.longest


def _by_time(report: Report) -> list[Element]:
    if not report.hours:
        return [tag("p", _(words.NO_HOURS))]
    plots = columns(report.course)
    zone = _(words.ZONE, zone=f"{report.source.at.astimezone():%Z}")
    heads = [_(words.HOUR), _(words.SEEN), _(words.FALLEN)]
    rows: list[list[Inside]] = [
        [moment(at), number(hour.seen), number(hour.fallen)] for at, hour in report.hours
    ]
    each = tag(
        "details", tag("summary", _(words.EACH_HOUR)), table(_(words.EACH_HOUR), heads, rows)
    )
    return [*plots, tag("p", zone, class_="soft"), each]


def _by_hour_of_day(report: Report) -> list[Element]:
    if not report.hours:
        return [tag("p", _(words.NO_HOURS))]
    return columns({f"{at}:00": hour for at, hour in enumerate(report.hours_of_day)})


def _reasons(report: Report) -> list[Element]:
    if not report.digest.reasons:
        return [tag("p", _(words.NO_REASONS))]
    rows: list[list[Inside]] = [
        [reason, _(words.REASONS[reason]), number(count)] for reason, count in report.digest.reasons
    ]
    return [table(_(words.BY_REASON), [_(words.REASON), _(words.MEANING), _(words.ORDERS)], rows)]


def _outages(report: Report) -> list[Element]:
    outages = report.digest.outages
    if not outages:
        return [tag("p", _(words.NO_OUTAGES))]
    rows: list[list[Inside]] = []
    for each in reversed(outages):
        lasted = report.lasted(each.begun, each.ended)
        rows.append(
            [
                moment(local(each.begun)),
                _(words.NOT_OVER) if each.ended is None else moment(local(each.ended)),
                number(lasted, spoken(lasted)),
                tag("td", each.error, class_="error"),
            ]
        )
    found = [
        table(
            _(words.OUTAGES),
            [_(words.SINCE), _(words.UNTIL), _(words.LASTED), _(words.ERROR)],
            rows,
        ),
    ]
    more = report.digest.outage_count - len(outages)
    if more:
        found.append(tag("p", _(words.MORE_OUTAGES, count=more)))
    return found


def _errors(report: Report) -> list[Element]:
    if not report.digest.errors:
        return [tag("p", _(words.NO_ERRORS))]
    rows: list[list[Inside]] = [
        [number(times), tag("td", error, class_="error")] for error, times in report.digest.errors
    ]
    return [table(_(words.ERRORS), [_(words.TIMES), _(words.ERROR)], rows)]
