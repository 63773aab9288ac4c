"""Shapes of JSON. A shape is a function of a value and its path that raises `Fault` where the value does not fit."""

import base64
import binascii
import re


class Fault(Exception):
    """What a provider refuses, by the path of the field that is wrong."""

    def __init__(self, path, message, status=None, code=None):
        super().__init__(f"{path}: {message}" if path else message)
        self.path, self.message, self.status, self.code = path, message, status, code


class Unknown(Fault):
    """A field that the provider does not know."""


def need(holds, path, message, **more):
    if not holds:
        raise Fault(path, message, **more)


def fields(required=None, optional=None):
    """An object with these fields and no others. An optional field may be null only where its shape says so."""
    required, optional = required or {}, optional or {}
    known = {**required, **optional}

    def check(value, path):
        need(isinstance(value, dict), path, f"an object is expected, not {kind_of(value)}")
        for name in required:
            need(name in value, join(path, name), "Field required")
        for name, inner in value.items():
            if name not in known:
                raise Unknown(join(path, name), "Extra inputs are not permitted")
            known[name](inner, join(path, name))

    return check


def list_of(shape, least=0, most=None):
    def check(value, path):
        need(isinstance(value, list), path, f"an array is expected, not {kind_of(value)}")
        need(len(value) >= least, path, f"at least {least} items are expected")
        need(most is None or len(value) <= most, path, f"at most {most} items are allowed")
        for at, inner in enumerate(value):
            shape(inner, f"{path}[{at}]")

    return check


def map_of(shape):
    def check(value, path):
        need(isinstance(value, dict), path, f"an object is expected, not {kind_of(value)}")
        for name, inner in value.items():
            shape(inner, join(path, name))

    return check


def tagged(shapes, by="type"):
    """An object whose shape depends on one of its fields."""

    def check(value, path):
        need(isinstance(value, dict), path, f"an object is expected, not {kind_of(value)}")
        tag = value.get(by)
        need(tag in shapes, join(path, by), f"{tag!r} is none of {sorted(map(str, shapes))}")
        rest = {name: inner for name, inner in value.items() if name != by}
        shapes[tag](rest, path)

    return check


def either(*shapes):
    def check(value, path):
        faults = []
        for shape in shapes:
            try:
                return shape(value, path)
            except Fault as fault:
                faults.append(fault)
        # The deepest complaint is about the shape that was meant.
        raise max(faults, key=lambda fault: len(fault.path))

    return check


def one_kind(**shapes):
    """An object with exactly one of these fields; a name that begins with `also_` may stand beside any of them."""
    beside = {name.removeprefix("also_"): shape for name, shape in shapes.items() if name.startswith("also_")}
    kinds = {name: shape for name, shape in shapes.items() if not name.startswith("also_")}

    def check(value, path):
        fields(optional={**kinds, **beside})(value, path)
        found = sorted(set(value) & set(kinds))
        need(len(found) == 1, path, f"exactly one of {sorted(kinds)} is expected, not {found}")

    return check


def text(least=0, most=None, pattern=None):
    def check(value, path):
        need(isinstance(value, str), path, f"a string is expected, not {kind_of(value)}")
        need(len(value) >= least, path, f"at least {least} characters are expected")
        need(most is None or len(value) <= most, path, f"at most {most} characters are allowed")
        need(not pattern or re.fullmatch(pattern, value), path, f"{value!r} does not match {pattern}")

    return check


def number(least=None, most=None):
    def check(value, path):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        need(is_number, path, f"a number is expected, not {kind_of(value)}")
        need(least is None or value >= least, path, f"at least {least} is expected, not {value}")
        need(most is None or value <= most, path, f"at most {most} is allowed, not {value}")

    return check


def integer(least=None, most=None):
    def check(value, path):
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        need(is_integer, path, f"an integer is expected, not {kind_of(value)}")
        number(least, most)(value, path)

    return check


def boolean(value, path):
    need(isinstance(value, bool), path, f"a boolean is expected, not {kind_of(value)}")


def anything(value, path):
    """Whatever it is."""


def an_object(value, path):
    need(isinstance(value, dict), path, f"an object is expected, not {kind_of(value)}")


def words(*allowed):
    def check(value, path):
        need(value in allowed, path, f"{value!r} is none of {list(allowed)}")

    return check


def nullable(shape):
    def check(value, path):
        if value is not None:
            shape(value, path)

    return check


def base64_text(value, path):
    text(least=1)(value, path)
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise Fault(path, f"not base64: {error}") from None


def object_schema(value, path):
    """A JSON schema of an object."""
    an_object(value, path)
    need(value.get("type") == "object", join(path, "type"), "'object' is expected")


def join(path, name):
    return f"{path}.{name}" if path else name


def kind_of(value):
    return "null" if value is None else type(value).__name__
