"""Structured logs: one ``log`` object, fields instead of sentences, nothing secret, nothing that a client can forge.

Events go through the standard library's logger ``mailwren``, so that a program that embeds the server decides itself
what happens to them. The server and the command line call :func:`configure_logs` once.

    from mailwren.base.logs import log
    session_log = log.bind(session=7, address="192.0.2.1")
    session_log.info("logged in", user="alice")
"""

import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from mailwren.base import limits

LogForm = Literal["auto", "json", "text"]
"""``json``: one object a line. ``text``: for people. ``auto``: text on a terminal, JSON elsewhere."""

HIDDEN: Final = "[hidden]"
"""What stands in the place of a secret."""

_SECRET: Final = re.compile(
    r"passw|passphrase|token|secret|authorization|credential|private_?key|initial_response|api_?key|cookie|session_key",
    re.IGNORECASE,
)
_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, line ends, what changes the writing direction, and half surrogates."""
_NESTING: Final = 4
_ITEMS: Final = 100
_NOT_VALUES: Final = frozenset({"exc_info", "stack_info"})
"""Fields that tell the renderer to add something, not to be rendered themselves."""


def configure_logs(level: str = "info", form: LogForm = "auto", stream: TextIO | None = None) -> None:
    """Write the logs of this program and of its libraries to a stream; a second call replaces the first.

    Args:
        level: debug, info, warning, error or critical.
        form: see :data:`LogForm`.
        stream: standard error by default.

    Raises:
        ValueError: there is no such level.
    """
    target = sys.stderr if stream is None else stream
    as_json = form == "json" or (form == "auto" and not target.isatty())
    _LOGGER.setLevel(level.upper())
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_JSON if as_json else (_text_renderer(colors=target.isatty()),)),
            ],
            foreign_pre_chain=_COMMON,
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
    root.addHandler(handler)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace the values of fields whose names say that they are secret, at any depth."""
    return {
        key: value if key in _NOT_VALUES or key.startswith("_") else _clean(key, value, _NESTING)
        for key, value in event.items()
    }


def escape_unprintable(text: str) -> str:
    """Text that a client chose, fit for a line of log: nothing that moves a cursor, and not endless."""
    if len(text) > limits.LOG_VALUE:
        text = f"{text[: limits.LOG_VALUE]}… ({len(text)} characters)"
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _clean(key: object, value: Any, depth: int) -> Any:
    """A field's value without secrets and control characters; plain numbers stay what they are."""
    if isinstance(key, str) and _SECRET.search(key):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return escape_unprintable(value)
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {
            escape_unprintable(str(inner)): _clean(inner, item, depth - 1)
            for inner, item in list(value.items())[:_ITEMS]
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(None, item, depth - 1) for item in list(value)[:_ITEMS]]
    if isinstance(value, bytes | bytearray):
        return escape_unprintable(bytes(value[: limits.LOG_VALUE + 1]).decode("utf-8", "backslashreplace"))
    return escape_unprintable(str(value))


def _order(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """When, how bad and what come first on the line."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return first | dict(event)


def _format_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The traceback as one field; it may quote a client, so its lines are cleaned as well."""
    event = structlog.processors.format_exc_info(_logger, _method, event)
    if "exception" in event:
        event["exception"] = _indent(event["exception"])
    return event


def _indent(text: str) -> str:
    """A traceback whose lines cannot be mistaken for log lines of their own, cut at the front if endless."""
    lines = text.split("\n")[-_ITEMS:]
    return "\n".join("    " + escape_unprintable(line) for line in lines)


def _text_renderer(*, colors: bool) -> Processor:
    """Lines for people: time, level, event, key=value."""

    def write_traceback(stream: TextIO, exc_info: ExcInfo) -> None:
        stream.write("\n" + _indent("".join(traceback.format_exception(*exc_info)).rstrip("\n")))

    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=write_traceback)


_COMMON: Final[tuple[Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    hide_secrets,
)
_JSON: Final[tuple[Processor, ...]] = (_format_exception, _order, structlog.processors.JSONRenderer())
_LOGGER: Final = logging.getLogger("mailwren")

log: Final[structlog.stdlib.BoundLogger] = structlog.wrap_logger(
    _LOGGER,
    processors=[structlog.stdlib.filter_by_level, *_COMMON, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
    context_class=dict,
    cache_logger_on_first_use=True,
)
"""The log of the whole project; ``log.bind(field=value)`` gives one that adds fields to every event."""
