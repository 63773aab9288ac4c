"""Cohere's second version."""

import json

from . import scenes, strict, wire
from .openai import TOOL_CALLS, cut_in_half, parts_of, text_of
from .scenes import Asked
from .strict import Unknown, either, fields, list_of, need, tagged, text, words

TEXT = fields({"text": text(1)})
IMAGE = fields({"image_url": fields({"url": text(1)}, {"detail": words("auto", "low", "high")})})
DOCUMENT = fields({"document": fields({"data": either(text(1), strict.an_object)}, {"id": text(1)})})
THINKING = fields({"thinking": text(1)})
SAID = either(text(1), list_of(tagged({"text": TEXT}), 1))
MESSAGE = tagged(
    {
        "system": fields({"content": SAID}),
        "user": fields({"content": either(text(1), list_of(tagged({"text": TEXT, "image_url": IMAGE}), 1))}),
        "assistant": fields(
            optional={
                "citations": list_of(strict.an_object),
                "content": either(text(1), list_of(tagged({"text": TEXT, "thinking": THINKING}), 1)),
                "tool_calls": TOOL_CALLS,
                "tool_plan": text(1),
            }
        ),
        "tool": fields(
            {"tool_call_id": text(1), "content": either(text(), list_of(tagged({"text": TEXT, "document": DOCUMENT}), 1))}
        ),
    },
    by="role",
)
TOOL = tagged({"function": fields({"function": fields({"name": text(1), "parameters": strict.object_schema}, {"description": text()})})})
REQUEST = fields(
    {"model": text(1), "messages": list_of(MESSAGE, 1)},
    {
        "documents": list_of(strict.anything),
        "frequency_penalty": strict.number(0, 1),
        "k": strict.integer(0, 500),
        "logprobs": strict.boolean,
        "max_tokens": strict.integer(1),
        "p": strict.number(0.01, 0.99),
        "presence_penalty": strict.number(0, 1),
        "priority": strict.integer(0, 999),
        "response_format": tagged({"text": fields(), "json_object": fields(optional={"json_schema": strict.object_schema})}),
        "safety_mode": words("CONTEXTUAL", "STRICT", "OFF"),
        "seed": strict.integer(0),
        "stop_sequences": list_of(text(1), 1, 5),
        "stream": strict.boolean,
        "strict_tools": strict.boolean,
        "temperature": strict.number(0, 1),
        "thinking": tagged({"enabled": fields(optional={"token_budget": strict.integer(1)}), "disabled": fields()}),
        "tool_choice": words("REQUIRED", "NONE"),
        "tools": list_of(TOOL, 1),
    },
)
FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "COMPLETE"}


class Cohere:
    """The API itself. Its answers do not name the model."""

    key = staticmethod(wire.bearer)
    keeps_model = False

    def read(self, call):
        wire.match("/v2/chat", call.path)
        REQUEST(call.body, "")
        history(call.body)
        return asked_of(call.body)

    def whole(self, asked, said):
        if said.ends == "error":
            return self.error(500)
        content = [{"type": "thinking", "thinking": "".join(said.thoughts)}] if said.thoughts else []
        content += [{"type": "text", "text": said.text}] if said.texts else []
        message = {"role": "assistant"}
        if content:
            message["content"] = content
        if said.calls:
            message |= {"tool_plan": "I will look.", "tool_calls": calls(said)}
        answer = {"id": "c-77", "finish_reason": FINISH[said.finish], "message": message, "usage": usage()}
        return cut_in_half(wire.whole(answer)) if said.ends == "cut" else wire.whole(answer)

    def stream(self, asked, said):
        pieces = [typed("message-start", id="c-77", delta={"message": {"role": "assistant", "content": []}})]
        for index, (kind, words_said) in enumerate([("thinking", said.thoughts), ("text", said.texts)]):
            if words_said:
                pieces.append(typed("content-start", index=index, delta=content({"type": kind, kind: ""})))
                pieces += [typed("content-delta", index=index, delta=content({kind: piece})) for piece in words_said]
                pieces.append(typed("content-end", index=index))
        if said.calls:
            pieces.append(typed("tool-plan-delta", delta={"message": {"tool_plan": "I will look."}}))
        for at, call in enumerate(calls(said)):
            pieces += call_events(at, call)
        if said.ends == "cut":
            return wire.stream(pieces[:4], cut=True)
        if said.ends == "error":
            failed = {"finish_reason": "ERROR", "error": "The model broke down", "usage": usage()}
            return wire.stream(pieces[:4] + [typed("message-end", id="c-77", delta=failed)])
        pieces.append(typed("message-end", id="c-77", delta={"finish_reason": FINISH[said.finish], "usage": usage()}))
        return wire.stream([*pieces, wire.data("[DONE]")])

    def error(self, status, message=None):
        headers = {"retry-after": "7"} if status == 429 else {}
        return wire.whole({"id": "e-1", "message": message or "it is so"}, status, headers)

    def fault(self, fault):
        if isinstance(fault, Unknown):
            return self.error(422, f"unknown field: parameter '{fault.path}' is not a valid field")
        return self.error(fault.status or 400, f"invalid request: {fault}")


def history(body):
    open_calls = []
    for at, message in enumerate(body["messages"]):
        path = f"messages[{at}]"
        if message["role"] == "tool":
            need(message["tool_call_id"] in open_calls, path, "tool call id not found in previous tool calls")
            open_calls.remove(message["tool_call_id"])
            continue
        need(not open_calls, path, f"tool calls without results: {open_calls}")
        open_calls = [call["id"] for call in message.get("tool_calls", [])]
        has_said = message["role"] != "assistant" or message.get("content") or message.get("tool_calls")
        need(has_said, path, "must have content or tool_calls")
    need(not open_calls, "messages", f"tool calls without results: {open_calls}")
    need("tool_choice" not in body or "tools" in body, "tool_choice", "tools must be present")
    is_json = body.get("response_format", {}).get("type") == "json_object"
    need(not (is_json and "tools" in body), "response_format", "not supported in combination with tools")


def asked_of(body):
    messages, shape = body["messages"], body.get("response_format", {})
    users = [message["content"] for message in messages if message["role"] == "user"]
    return Asked(
        scene=text_of(users[-1]),
        model=body["model"],
        stream=body.get("stream", False),
        tools=[tool["function"]["name"] for tool in body.get("tools", [])],
        results=[result(message["content"]) for message in messages if message["role"] == "tool"],
        pictures=[
            part["image_url"]["url"].partition(",")[2]
            for said in users
            for part in parts_of(said)
            if part["type"] == "image_url"
        ],
        schema=shape.get("json_schema"),
        json=shape.get("type") == "json_object",
        thinks=body.get("thinking", {}).get("type") == "enabled",
    )


def result(said):
    """A result as a text, or as documents of which each is a text or JSON."""
    if isinstance(said, str):
        return said
    found = [part.get("text") or part["document"]["data"] for part in said]
    return "".join(each if isinstance(each, str) else str(next(iter(each.values()))) for each in found)


def calls(said):
    return [
        {"id": f"{name}_{at}k2", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for at, (name, given) in enumerate(said.calls)
    ]


def call_events(at, call):
    arguments = call["function"]["arguments"]
    opened = {**call, "function": {**call["function"], "arguments": ""}}
    yield typed("tool-call-start", index=at, delta={"message": {"tool_calls": opened}})
    for piece in [arguments[:5], arguments[5:]]:
        delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
        yield typed("tool-call-delta", index=at, delta=delta)
    yield typed("tool-call-end", index=at)


def typed(kind, **more):
    return wire.event(kind, {"type": kind, **more})


def content(inner):
    return {"message": {"content": inner}}


def usage():
    tokens = {"input_tokens": scenes.PROMPT, "output_tokens": scenes.COMPLETION}
    # What is billed is not what was read.
    return {"billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": tokens, "cached_tokens": scenes.CACHED}
