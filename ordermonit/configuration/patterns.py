"""The default patterns of the node's answers: Ruby's words for what went wrong there.

Each is searched in `Class::Name: message`, once for the exception's class and once for each of its
ancestors. `down` is tried before `ambiguous`: Net::OpenTimeout is a Timeout::Error as well.
"""

import re
from functools import cache

#: The order, or the payment, is there already: that is success.
ALREADY_DONE = ("(?i)already exist", "(?i)j[aá] existe", "(?i)j[aá] foi inserido")

#: The payment is not authorized yet: that is no failure.
NOT_DUE = ("(?i)isn't authorized",)

#: Abacos, its network or the node's database does not work. Each is an error of connecting, or an
#: answer that no service in order gives; the exceptions of Savon 1 stand beside those of Savon 2.
#: HTTPI's bare Error is not here: it is an ancestor of its TimeoutError too.
DOWN = (
    "^Errno::(ECONNREFUSED|ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT): ",
    "^Errno::(EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL): ",
    # The node itself has no room, no files or no memory left.
    "^(Errno::(ENOSPC|EDQUOT|EMFILE|ENFILE|ENOMEM)|NoMemoryError): ",
    # Other clients' words for a service that can't be reached, or answers with a 5xx.
    "^Faraday::(ConnectionFailed|SSLError|ServerError): ",
    "^RestClient::(ServerBrokeConnection|InternalServerError|BadGateway|ServiceUnavailable"
    "|GatewayTimeout|Exceptions::OpenTimeout): ",
    "^Excon::Errors?::(Socket|SocketError|Certificate|InternalServerError|BadGateway"
    "|ServiceUnavailable|GatewayTimeout): ",
    "^HTTPClient::(ConnectTimeoutError|KeepAliveDisconnected): ",
    r"^HTTPClient::BadResponseError: .*\b5[0-9][0-9]\b",
    "^Curl::Err::(ConnectionFailedError|HostResolutionError|GotNothingError|SSL\\w*Error): ",
    "^(Redis::(BaseConnectionError|CannotConnectError|ConnectionError|TimeoutError)"
    "|RedisClient::(CannotConnectError|ConnectionError)): ",
    "^(SocketError|EOFError|Net::OpenTimeout|OpenSSL::SSL::SSLError): ",
    r"^HTTPI::(?!Error:|TimeoutError:)\w*Error: ",
    "^Wasabi::Resolver::HTTPError: ",
    "^Savon::(HTTPError|InvalidResponseError|HTTP::Error|SOAP::InvalidResponseError): ",
    # What the database says about one row's data is that order's problem. Old Rails has the
    # database's error in its own message, and old Ruby knows no causes.
    "(?s)^(ActiveRecord::StatementInvalid: )?Mysql2::Error: (?!.*(Duplicate entry|Data too long"
    "|Data truncated|Incorrect .* value|cannot be null|have a default value|foreign key"
    "|Out of range))",
    "^PG::(ConnectionBad|UnableToSend|AdminShutdown|CrashShutdown|CannotConnectNow): ",
    "^PG::(TooManyConnections|ReadOnlySqlTransaction|DiskFull|OutOfMemory): ",
    "^Trilogy::(BaseConnectionError|ConnectionError|ConnectionClosed|TimeoutError): ",
    "^ActiveRecord::ReadOnlyError: ",
    "^ActiveRecord::(ConnectionNotEstablished|ConnectionTimeoutError|NoDatabaseError): ",
)

#: The node's code or schema is not what its tasks need: a deployment is half done, or went wrong.
BROKEN = (
    "^NameError: uninitialized constant ",
    "^LoadError: ",
    r"(?s)^(ActiveRecord::StatementInvalid: )?(Mysql2::Error|Trilogy::\w*Error): "
    "(.*)(Unknown column|Table '.*' doesn't exist)",
    "^PG::(UndefinedColumn|UndefinedTable): ",
)

#: The service is ill, or it chokes on this one order: a second question has to tell.
AMBIGUOUS = (
    "^Savon::(SOAPFault|SOAP::Fault): ",
    "^(Net::ReadTimeout|Net::WriteTimeout|Timeout::Error): ",
    "^HTTPI::(TimeoutError|Error): ",
    "^(Faraday::TimeoutError|RestClient::Exceptions::(ReadTimeout|Timeout)): ",
    "^(Excon::Errors?::Timeout|HTTPClient::(Receive|Send)TimeoutError|Curl::Err::TimeoutError): ",
)


@cache
def compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """The patterns, ready for `search`."""
    return tuple(re.compile(pattern) for pattern in patterns)
