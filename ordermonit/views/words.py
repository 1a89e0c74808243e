"""Every sentence of the report and of the status page, whole, with named places to fill."""

REPORT = "Report of {app_name}"
SPAN = "From {since} to {until}."
WRITTEN = "Written {at}."
KNOWN_FROM = "The journal knows of it from {moment} on only: older entries are gone, or never were."
KNOWS_NOTHING = "The journal has no entry of it: all that follows is from the checkpoint."
PARTLY = "There may be more than this report knows: {trouble}."
ZONE = "Hours and days are those of the zone {zone}."

SEEN = "orders seen"
FALLEN = "fallen through"
SUMS = {
    "seen": SEEN,
    "fallen_through": FALLEN,
    "inserted": "inserted by us",
    "confirmed": "payments confirmed",
    "given_up": "given up",
    "cycles": "cycles",
    "failed_cycles": "failed cycles",
    "outages": "outages",
}

OPEN = "Open now"
NONE_OPEN = "No order is open."
MORE_OPEN = "{count} more are open. For all of them, type: ordermonit orders"
WAITS = "How long orders waited until they were in Abacos"
WAITS_NOTE = (
    "From the time that the Front has for the order until a cycle has seen that it is in Abacos."
)
NO_WAITS = "The journal has no order's wait."
WAITS_ALL = "all orders"
WAITS_FALLEN = "those that fell through"
MEDIAN = "median"
MOST = "95 %"
LONGEST = "longest"
BY_HOUR = "By hour"
BY_DAY = "By day"
BY_HOUR_OF_DAY = "By hour of the day"
EACH_HOUR = "Each hour of the span"
NO_HOURS = "No order was seen."
BY_REASON = "By what was in their way"
NO_REASONS = "No order fell through."
OUTAGES = "Outages"
NO_OUTAGES = "There was no outage."
MORE_OUTAGES = "{count} older ones are not shown."
NOT_OVER = "not over"
ERRORS = "The most frequent errors, without their numbers"
NO_ERRORS = "There was no error."

ORDER = "order"
ORDERS = "orders"
STATUS = "status"
REASON = "reason"
MEANING = "meaning"
WHICH = "which"
SINCE = "since"
UNTIL = "until"
LASTED = "lasted"
WHAT_NEXT = "what comes next"
HOUR = "hour"
TIMES = "times"
ERROR = "error"

REASONS = {
    "OK": "nothing",
    "NOT_FOUND": "nothing: missing in Abacos, and inserted at once",
    "REJECTED": "Abacos rejected it",
    "TIMEOUT": "its task hung",
    "DIED": "its task ended the process that ran it",
    "NOT_THERE": "its task said done, and Abacos had nothing of it",
    "UNKNOWN": "its task ended without an answer",
    "NOT_DUE": "the node did not take it yet",
    "INVALID_NUMBER": "its number can't be sent",
    "NUMBER_CHANGED": "its number was changed too late",
    "GONE": "it vanished from the Front",
    "CLOSED": "the Front closed it",
    "DISMISSED": "a person dismissed it",
}

NOT_AUTHORIZED = "its payment is not authorized yet"

STATUS_PAGE = "Status of {app_name}"
HEALTH = "health"
WELL = "Everything is well."
HEAD = "HEAD"
HEAD_ALONE = "The id up to which all orders were looked at."
HEAD_IS_NEWEST = "It is the newest order that the last cycle saw."
HEAD_IS_BEHIND = "The last cycle saw an order that is {count} ids ahead."
NO_CHECKPOINT = "The checkpoint can't be read. Type: ordermonit status"
PROBLEMS = "What is wrong"
WHAT = "what"
IS_PAUSED = "A person has paused it. For who, since when and why, type: ordermonit status"
STANDING = "Orders in the checkpoint"
KEPT = "Of SUCCESS it keeps the newest {count}."
LAST_CYCLES = "The last cycles"
ENDED = "ended"
CHECKED = "looked at"
FAILED = "failed"
HOW = "how it ended"
GOOD_END = "good"
BAD_END = "exit {exit}: {meaning}"
STALE = (
    "This page is old: no cycle has written it for too long. On the monitor's machine, type:"
    " ordermonit status"
)
RENEWED = "Each cycle writes this page anew: when it is later than {stale}, none runs."
