"""OpenAI's responses, as far as nothing is stored."""

import json

from . import scenes, strict, wire
from .openai import EFFORT, Chat, cut_in_half
from .scenes import Asked
from .strict import either, fields, list_of, need, nullable, tagged, text, words

INPUT_TEXT = fields({"text": text()})
IMAGE = fields({"image_url": text(1)}, {"detail": words("auto", "low", "high")})
FILE = fields(optional={"file_data": text(1), "file_id": text(1), "filename": text(1), "file_url": text(1)})
IN_PARTS = list_of(tagged({"input_text": INPUT_TEXT, "input_image": IMAGE, "input_file": FILE}), 1)
OUT_TEXT = fields({"text": text()}, {"annotations": list_of(strict.an_object), "logprobs": list_of(strict.anything)})
OUT_PARTS = list_of(tagged({"output_text": OUT_TEXT, "refusal": fields({"refusal": text()})}), 1)
STATUS = {"status": words("in_progress", "completed", "incomplete")}
MESSAGE = tagged(
    {
        "user": fields({"content": either(text(), IN_PARTS)}, {"type": words("message"), **STATUS}),
        "system": fields({"content": either(text(), IN_PARTS)}, {"type": words("message")}),
        "developer": fields({"content": either(text(), IN_PARTS)}, {"type": words("message")}),
        "assistant": fields(
            {"content": either(text(), OUT_PARTS)}, {"type": words("message"), "id": text(1), "phase": text(), **STATUS}
        ),
    },
    by="role",
)
CALL = fields({"call_id": text(1, 64), "name": text(1), "arguments": text()}, {"id": text(1), **STATUS})
OUTPUT = fields({"call_id": text(1, 64), "output": either(text(), IN_PARTS)}, {"id": text(1), **STATUS})
REASONING = fields(
    {"summary": list_of(tagged({"summary_text": fields({"text": text()})}))},
    {"id": text(1), "encrypted_content": nullable(text()), "content": list_of(strict.an_object), **STATUS},
)
ITEMS = {"function_call": CALL, "function_call_output": OUTPUT, "reasoning": REASONING}
NAMED = fields({"name": text(1)})
FORMAT = tagged(
    {
        "text": fields(),
        "json_object": fields(),
        "json_schema": fields(
            {"name": text(1, 64, r"[a-zA-Z0-9_-]+"), "schema": strict.an_object},
            {"description": text(), "strict": nullable(strict.boolean)},
        ),
    }
)
# `parameters` and `strict` must be there, though both may be null.
FUNCTION = fields(
    {"name": text(1, 64, r"[a-zA-Z0-9_-]+"), "parameters": nullable(strict.object_schema), "strict": nullable(strict.boolean)},
    {"description": nullable(text())},
)


def item(value, path):
    strict.an_object(value, path)
    kind = value.get("type", "message")
    if kind == "message":
        return MESSAGE(value, path)
    return tagged(ITEMS)(value, path)


REQUEST = fields(
    {"model": text(1), "input": either(text(1), list_of(item, 1))},
    {
        "include": list_of(text(1)),
        "instructions": nullable(text()),
        "max_output_tokens": strict.integer(16),
        "max_tool_calls": strict.integer(1),
        "metadata": strict.map_of(text(most=512)),
        "parallel_tool_calls": strict.boolean,
        "prompt_cache_key": text(),
        "reasoning": fields(optional={"effort": EFFORT, "summary": words("auto", "concise", "detailed")}),
        "safety_identifier": text(most=64),
        "service_tier": words("auto", "default", "flex", "priority"),
        "store": strict.boolean,
        "stream": strict.boolean,
        "stream_options": fields(optional={"include_obfuscation": strict.boolean}),
        "temperature": strict.number(0, 2),
        "text": fields(optional={"format": FORMAT, "verbosity": words("low", "medium", "high")}),
        "tool_choice": either(words("none", "auto", "required"), tagged({"function": NAMED})),
        "tools": list_of(tagged({"function": FUNCTION}), 1),
        "top_logprobs": strict.integer(0, 20),
        "top_p": strict.number(0, 1),
        "truncation": words("auto", "disabled"),
        "user": text(),
    },
)


class Responses:
    """The API itself."""

    key = staticmethod(wire.bearer)
    keeps_model = True

    def read(self, call):
        wire.match("/v1/responses", call.path)
        REQUEST(call.body, "")
        body = call.body
        # What nobody will ask for again is not to be kept by the provider.
        need(body.get("store") is False, "store", "a gateway without a memory stores nothing")
        need("tool_choice" not in body or "tools" in body, "tool_choice", "only with tools")
        return asked_of(body)

    def whole(self, asked, said):
        if said.ends == "error":
            return self.error(500)
        answer = response(asked, said, outputs(said))
        return cut_in_half(wire.whole(answer)) if said.ends == "cut" else wire.whole(answer)

    def stream(self, asked, said):
        begun = {**response(asked, said, []), "status": "in_progress", "usage": None, "incomplete_details": None}
        events = [("response.created", {"response": begun}), ("response.in_progress", {"response": begun})]
        for index, output in enumerate(outputs(said)):
            events += output_events(index, output, said)
        if said.ends != "well":
            events = events[:6]
        if said.ends == "error":
            error = {"code": "server_error", "message": "The server had an error"}
            failed = {**begun, "status": "failed", "error": error}
            events += [("error", {**error, "param": None}), ("response.failed", {"response": failed})]
        elif said.ends == "well":
            done = response(asked, said, outputs(said))
            events.append((f"response.{done['status']}", {"response": done}))
        pieces = [
            wire.event(name, {"type": name, "sequence_number": number, **value})
            for number, (name, value) in enumerate(events)
        ]
        return wire.stream(pieces, cut=said.ends == "cut")

    error, fault = Chat.error, Chat.fault
    ERRORS = Chat.ERRORS


def asked_of(body):
    items = body["input"]
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items
    calls, made = [], [each for each in items if each.get("type") == "function_call_output"]
    for each in items:
        if each.get("type") == "function_call":
            calls.append(each["call_id"])
    unknown = [each["call_id"] for each in made if each["call_id"] not in calls]
    need(not unknown, "input", f"No tool call found for function call output with call_id {unknown}")
    missing = set(calls) - {each["call_id"] for each in made}
    need(not missing, "input", f"No tool output found for function call {missing}")
    users = [parts(each["content"]) for each in items if each.get("role") == "user"]
    shape = body.get("text", {}).get("format", {})
    choice = body.get("tool_choice")
    return Asked(
        scene="".join(part.get("text", "") for part in users[-1]),
        model=body["model"],
        stream=body.get("stream", False),
        tools=[tool["name"] for tool in body.get("tools", [])],
        forced=choice["name"] if isinstance(choice, dict) else None,
        results=["".join(part.get("text", "") for part in parts(each["output"])) for each in made],
        pictures=[
            part["image_url"].partition(",")[2] for said in users for part in said if part["type"] == "input_image"
        ],
        schema=shape.get("schema"),
        json=shape.get("type") == "json_object",
        thinks=body.get("reasoning", {}).get("effort") not in [None, "none"],
    )


def parts(content):
    return [{"type": "input_text", "text": content}] if isinstance(content, str) else content


def response(asked, said, output):
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(said.finish)
    return {
        "id": "resp_77",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "metadata": {},
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": {
            "input_tokens": scenes.PROMPT,
            "input_tokens_details": {"cached_tokens": scenes.CACHED},
            "output_tokens": scenes.COMPLETION,
            "output_tokens_details": {"reasoning_tokens": scenes.THINKING},
            "total_tokens": scenes.PROMPT + scenes.COMPLETION,
        },
    }


def outputs(said):
    made = []
    if said.thoughts:
        summary = [{"type": "summary_text", "text": "".join(said.thoughts)}]
        made.append({"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "c2VhbA=="})
    if said.texts:
        content = [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}]
        made.append({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content})
    for at, (name, given) in enumerate(said.calls):
        ids = {"id": f"fc_{at}", "call_id": f"call_{at}Xy", "status": "completed"}
        made.append({"type": "function_call", **ids, "name": name, "arguments": json.dumps(given)})
    return made


def output_events(index, output, said):
    place = {"output_index": index, "item_id": output["id"]}
    at = {**place, "content_index": 0}
    if output["type"] == "message":
        yield added(index, {**output, "status": "in_progress", "content": []})
        empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield "response.content_part.added", {**at, "part": empty}
        for piece in said.texts:
            yield "response.output_text.delta", {**at, "delta": piece, "logprobs": []}
        yield "response.output_text.done", {**at, "text": said.text, "logprobs": []}
        yield "response.content_part.done", {**at, "part": output["content"][0]}
    elif output["type"] == "reasoning":
        yield added(index, {**output, "summary": []})
        at = {**place, "summary_index": 0}
        yield "response.reasoning_summary_part.added", {**at, "part": {"type": "summary_text", "text": ""}}
        for piece in said.thoughts:
            yield "response.reasoning_summary_text.delta", {**at, "delta": piece}
        yield "response.reasoning_summary_text.done", {**at, "text": "".join(said.thoughts)}
        yield "response.reasoning_summary_part.done", {**at, "part": output["summary"][0]}
    else:
        yield added(index, {**output, "status": "in_progress", "arguments": ""})
        for piece in [output["arguments"][:5], output["arguments"][5:]]:
            yield "response.function_call_arguments.delta", {**place, "delta": piece}
        arguments = {"arguments": output["arguments"], "name": output["name"]}
        yield "response.function_call_arguments.done", {**place, **arguments}
    yield "response.output_item.done", {"output_index": index, "item": output}


def added(index, output):
    return "response.output_item.added", {"output_index": index, "item": output}
