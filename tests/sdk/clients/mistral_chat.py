"""Mistral's own client, whose server can be any that answers at `/v1/chat/completions`."""

import importlib.metadata
import json

from mistralai.client import Mistral
from mistralai.client.errors import MistralError
from trying import CALLS, FAILING, FUNCTION, KEY, PICTURE_URL, SAID, URL, equal, raises, run

CLIENT = Mistral(api_key=KEY, server_url=URL, timeout_ms=30_000)
TOOL = {"type": "function", "function": FUNCTION}


def user(content):
    return [{"role": "user", "content": content}]


def ask(target, content, **more):
    messages = content if isinstance(content, list) else user(content)
    return CLIENT.chat.complete(model=target, messages=messages, **more)


def plain(target):
    answer = ask(target, "plain")
    equal((answer.choices[0].message.content, answer.choices[0].finish_reason), (SAID["PLAIN"], "stop"))
    equal(answer.usage.total_tokens, 18)


def pieces(target, scene, **more):
    return [event.data for event in CLIENT.chat.stream(model=target, messages=user(scene), **more)]


def stream(target):
    chunks = pieces(target, "plain")
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    equal((said, chunks[-1].choices[0].finish_reason), (SAID["PLAIN"], "stop"))


def tools(target):
    first = ask(target, "tools", tools=[TOOL]).choices[0]
    equal(first.finish_reason, "tool_calls")
    called = first.message.tool_calls
    equal([(call.function.name, json.loads(call.function.arguments)) for call in called], CALLS)
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": said} for call, said in zip(called, SAID["WEATHER"])
    ]
    turn = {"role": "assistant", "content": "", "tool_calls": called}
    last = ask(target, [*user("tools"), turn, *results], tools=[TOOL])
    equal(last.choices[0].message.content, SAID["RESULT"])


def schema(target):
    shape = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SAID["SCHEMA"]}}
    answer = ask(target, "schema", response_format=shape)
    equal(json.loads(answer.choices[0].message.content), {"answer": "42"})


def image(target):
    content = [{"type": "text", "text": "image"}, {"type": "image_url", "image_url": {"url": PICTURE_URL}}]
    equal(ask(target, user(content)).choices[0].message.content, SAID["SEEN"])


def broken(target):
    for scene in ["break", "midstream-error"]:
        # It raises for no error in a stream, but its callers know this reason for an end.
        seen = pieces(target, scene)
        equal([chunk.choices[0].finish_reason for chunk in seen][-1], "error")
        raises(MistralError, lambda: ask(target, scene))


def errors():
    for status, target in FAILING.items():
        equal(raises(MistralError, lambda: ask(target, "plain")).status_code, status)


run(f"mistralai {importlib.metadata.version('mistralai')}", [plain, stream, tools, schema, image, broken], [errors])
