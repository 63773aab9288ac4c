"""What all dialects need: an answer's frames and the headers that carry a key."""

import json
import re
from dataclasses import dataclass, field

from .strict import Fault


@dataclass
class Call:
    """A request as it came."""

    path: str
    query: dict
    headers: dict
    body: dict
    raw: bytes = b""


@dataclass
class Answer:
    """A response; `pieces` are sent one by one."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    pieces: list = field(default_factory=list)
    # The connection breaks behind the last piece.
    cut: bool = False


def whole(value, status=200, headers=None):
    headers = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status, headers, [json.dumps(value).encode()])


def stream(pieces, kind="text/event-stream", cut=False):
    return Answer(200, {"Content-Type": kind}, pieces, cut)


def data(value):
    value = value if isinstance(value, str) else json.dumps(value)
    return f"data: {value}\n\n".encode()


def event(name, value):
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()


def bearer(call, key):
    refuse_key(call.headers.get("authorization") == f"Bearer {key}")
    refuse_key("x-api-key" not in call.headers and "api-key" not in call.headers)


def header_key(name):
    def check(call, key):
        refuse_key(call.headers.get(name) == key)
        refuse_key("authorization" not in call.headers)

    return check


def refuse_key(holds):
    if not holds:
        raise Fault("", "Incorrect API key provided", status=401, code="invalid_api_key")


def match(pattern, path):
    found = re.fullmatch(pattern, path)
    if not found:
        raise Fault("", f"there is nothing at {path}", status=404)
    return found
