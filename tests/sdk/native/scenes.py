"""What a scripted provider says: the last text of the user names the scene."""

import json
from dataclasses import dataclass, field

from .strict import Fault, need

# The smallest PNG, one transparent pixel.
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="
)
TOOL = "get_weather"
PLACES = ["Oslo", "Rome"]
WEATHER = ["3 C", "15 C"]
SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
# What the answers say, for those who check them.
PLAIN = "All is well."
HALF = "All is"
RESULT = "Oslo 3 C, Rome 15 C."
JSON_ANSWER = '{"answer": "42"}'
SEEN = "One transparent pixel."
THOUGHT = "Let me think. Done."
REFUSED = "I cannot help with that."
# Tokens of every answer; cached ones are among the prompt's, thoughts among the completion's.
PROMPT, CACHED, COMPLETION, THINKING = 11, 4, 7, 2


@dataclass
class Asked:
    """A request, in no dialect."""

    scene: str
    model: str = ""
    stream: bool = False
    tools: list = field(default_factory=list)
    forced: str | None = None
    results: list = field(default_factory=list)
    pictures: list = field(default_factory=list)
    schema: dict | None = None
    json: bool = False
    usage: bool = True
    thinks: bool = False
    everything: str = ""


@dataclass
class Said:
    """An answer, in no dialect."""

    texts: list = field(default_factory=list)
    thoughts: list = field(default_factory=list)
    calls: list = field(default_factory=list)
    finish: str = "stop"
    ends: str = "well"  # or `cut`, or `error`

    @property
    def text(self):
        return "".join(self.texts)


class Failure(Exception):
    """An error that the scene asks for."""

    def __init__(self, status):
        super().__init__(f"error {status}")
        self.status = status


def play(asked):
    """The answer to a request.

    Raises `Failure` where the scene is one, and `Fault` where what the scene needs did not arrive."""
    name, _, more = asked.scene.strip().partition(" ")
    if name == "error":
        raise Failure(int(more))
    if name not in SCENES:
        raise Fault("messages", f"no scene is called {asked.scene!r}")
    return SCENES[name](asked)


def plain(asked):
    return Said(["All", " is", " well."])


def tools(asked):
    if not asked.results:
        need(TOOL in asked.tools, "tools", f"{TOOL} is not among the tools {asked.tools}")
        return Said(calls=[(TOOL, {"place": place}) for place in PLACES], finish="tool_calls")
    need(asked.results == WEATHER, "messages", f"the results are {asked.results}, not {WEATHER}")
    return Said(["Oslo 3 C,", " Rome 15 C."])


def schema(asked):
    """The schema arrives in a field, as a tool that must be called, or in words beside an order to write JSON."""
    if asked.forced:
        return Said(calls=[(asked.forced, json.loads(JSON_ANSWER))], finish="tool_calls")
    if asked.schema is None:
        is_told = '"answer"' in asked.everything and '"required"' in asked.everything
        need(asked.json and is_told, "response_format", "neither a schema nor its words arrived")
    else:
        is_same = asked.schema.get("properties") == SCHEMA["properties"]
        need(is_same, "response_format", f"another schema arrived: {asked.schema}")
    return Said(['{"answer"', ': "42"}'])


def image(asked):
    need(len(asked.pictures) == 1, "messages", f"{len(asked.pictures)} pictures arrived, not one")
    need(asked.pictures[0] == PICTURE, "messages", "the picture's bytes are not those that were sent")
    return Said(["One transparent", " pixel."])


def reasoning(asked):
    need(asked.thinks, "reasoning", "nothing asks the model to think")
    return Said(["All", " is", " well."], thoughts=["Let me think.", " Done."])


def refusal(asked):
    return Said(["I cannot", " help with that."], finish="content_filter")


def length(asked):
    return Said(["All", " is"], finish="length")


def cut(asked):
    return Said(["All", " is", " well."], ends="cut")


def midstream_error(asked):
    return Said(["All", " is", " well."], ends="error")


SCENES = {
    "plain": plain,
    "tools": tools,
    "schema": schema,
    "image": image,
    "reasoning": reasoning,
    "refusal": refusal,
    "length": length,
    "break": cut,
    "midstream-error": midstream_error,
}
