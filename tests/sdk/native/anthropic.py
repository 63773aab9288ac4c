"""Anthropic's messages."""

import json
import re

from . import scenes, strict, wire
from .openai import cut_in_half
from .scenes import Asked
from .strict import either, fields, list_of, need, nullable, tagged, text, words

CACHE = {"cache_control": nullable(tagged({"ephemeral": fields(optional={"ttl": words("5m", "1h")})}))}
BASE64 = fields({"media_type": words("image/jpeg", "image/png", "image/gif", "image/webp"), "data": strict.base64_text})
IMAGE = fields({"source": tagged({"base64": BASE64, "url": fields({"url": text(1)})})}, CACHE)
PDF = fields({"media_type": words("application/pdf"), "data": strict.base64_text})
PLAIN_TEXT = fields({"media_type": words("text/plain"), "data": text(1)})
DOCUMENT = fields(
    {"source": tagged({"base64": PDF, "text": PLAIN_TEXT, "url": fields({"url": text(1)})})},
    {"title": nullable(text()), "context": nullable(text()), "citations": strict.an_object, **CACHE},
)
# An empty text is refused, and so is one of white space.
TEXT = fields({"text": text(1, pattern=r"(?s).*\S.*")}, {"citations": strict.anything, **CACHE})
ID = text(pattern=r"[a-zA-Z0-9_-]+")
TOOL_USE = fields({"id": ID, "name": text(1, 128, r"[a-zA-Z0-9_-]+"), "input": strict.an_object}, CACHE)
RESULT = fields(
    {"tool_use_id": ID},
    {
        "content": either(text(), list_of(tagged({"text": TEXT, "image": IMAGE, "document": DOCUMENT}))),
        "is_error": strict.boolean,
        **CACHE,
    },
)
THINKING = fields({"thinking": text(), "signature": text(1)})
REDACTED = fields({"data": text(1)})
USER = tagged({"text": TEXT, "image": IMAGE, "document": DOCUMENT, "tool_result": RESULT})
ASSISTANT = tagged({"text": TEXT, "tool_use": TOOL_USE, "thinking": THINKING, "redacted_thinking": REDACTED})
MESSAGE = tagged(
    {
        "user": fields({"content": either(text(1), list_of(USER, 1))}),
        "assistant": fields({"content": either(text(1), list_of(ASSISTANT))}),
    },
    by="role",
)
TOOL = fields(
    {"name": text(1, 128, r"[a-zA-Z0-9_-]+"), "input_schema": strict.object_schema},
    {"description": text(), "type": words("custom"), "strict": strict.boolean, **CACHE},
)
ALONE = {"disable_parallel_tool_use": strict.boolean}
CHOICE = tagged(
    {"auto": fields(optional=ALONE), "any": fields(optional=ALONE), "none": fields(), "tool": fields({"name": text(1)}, ALONE)}
)
REQUEST = fields(
    {"model": text(1), "max_tokens": strict.integer(1), "messages": list_of(MESSAGE, 1, 100_000)},
    {
        "cache_control": CACHE["cache_control"],
        "metadata": fields(optional={"user_id": nullable(text(most=256))}),
        "output_config": fields(
            optional={
                "effort": words("low", "medium", "high", "xhigh", "max"),
                "format": tagged({"json_schema": fields({"schema": strict.an_object})}),
            }
        ),
        "service_tier": words("auto", "standard_only"),
        "stop_sequences": list_of(text(1, pattern=r"(?s).*\S.*")),
        "stream": strict.boolean,
        "system": either(text(1), list_of(tagged({"text": TEXT}))),
        "temperature": strict.number(0, 1),
        "thinking": tagged(
            {
                "enabled": fields({"budget_tokens": strict.integer(1024)}, {"display": words("summarized", "omitted")}),
                "disabled": fields(),
                "adaptive": fields(optional={"display": words("summarized", "omitted")}),
            }
        ),
        "tool_choice": CHOICE,
        "tools": list_of(TOOL),
        "top_k": strict.integer(0),
        "top_p": strict.number(0, 1),
    },
)
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
SIGNATURE = "c2lnbmF0dXJl"


class Messages:
    """The API itself."""

    key = staticmethod(wire.header_key("x-api-key"))
    keeps_model = True

    def read(self, call):
        wire.match("/v1/messages", call.path)
        version = call.headers.get("anthropic-version", "")
        need(re.fullmatch(r"20\d\d-\d\d-\d\d", version), "anthropic-version", f"one version is required, not {version!r}")
        REQUEST(call.body, "")
        body = call.body
        history(body)
        model_rules(body)
        return asked_of(body)

    def whole(self, asked, said):
        if said.ends == "error":
            return self.error(500)
        blocks = []
        if said.thoughts:
            blocks.append({"type": "thinking", "thinking": "".join(said.thoughts), "signature": SIGNATURE})
        if said.texts:
            blocks.append({"type": "text", "text": said.text})
        blocks += tool_uses(said)
        answer = {**head(asked), "content": blocks, "stop_reason": FINISH[said.finish], "usage": usage()}
        return cut_in_half(wire.whole(answer)) if said.ends == "cut" else wire.whole(answer)

    def stream(self, asked, said):
        opening = {"message": {**head(asked), "content": [], "stop_reason": None, "usage": usage(completion=1)}}
        pieces = [named("message_start", opening), named("ping", {})]
        blocks = [*thinking_events(said), *text_events(said), *tool_events(said)]
        index = -1
        for name, event in blocks:
            index += name == "content_block_start"
            pieces.append(named(name, {"index": index, **event}))
        if said.ends == "cut":
            return wire.stream(pieces[:5], cut=True)
        if said.ends == "error":
            error = {"type": "overloaded_error", "message": "Overloaded"}
            return wire.stream(pieces[:5] + [named("error", {"error": error})])
        delta = {"stop_reason": FINISH[said.finish], "stop_sequence": None}
        pieces.append(named("message_delta", {"delta": delta, "usage": {"output_tokens": scenes.COMPLETION}}))
        return wire.stream([*pieces, named("message_stop", {})])

    def error(self, status, message=None):
        error = {"type": KINDS.get(status, "invalid_request_error"), "message": message or "It is so."}
        headers = {"request-id": "req_1", **({"retry-after": "7"} if status == 429 else {})}
        return wire.whole({"type": "error", "error": error, "request_id": "req_1"}, status, headers)

    def fault(self, fault):
        return self.error(fault.status or 400, str(fault))


def history(body):
    """Who may follow whom, and every call with its result in the turn behind it."""
    messages = body["messages"]
    need(messages[0]["role"] == "user", "messages", "first message must use the \"user\" role")
    has_calls, open_calls = False, []
    for at, message in enumerate(messages):
        path = f"messages[{at}]"
        blocks = message["content"] if isinstance(message["content"], list) else []
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if message["role"] == "user":
            places = [place for place, block in enumerate(blocks) if block["type"] == "tool_result"]
            need(places == list(range(len(places))), path, "tool_result blocks must come first")
            need(sorted(results) == sorted(open_calls), path, f"results {results} for the calls {open_calls}")
        else:
            need(not open_calls, path, f"`tool_use` ids without `tool_result` blocks: {open_calls}")
        open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        has_calls |= bool(open_calls)
    need(not open_calls, "messages", f"`tool_use` ids without `tool_result` blocks: {open_calls}")
    need(not has_calls or body.get("tools"), "tools", "Requests which include `tool_use` must define tools")
    need("tool_choice" not in body or body.get("tools"), "tool_choice", "may only be specified while providing tools")


def model_rules(body):
    is_new = bool(re.search(r"opus-4-[78]|opus-5", body["model"]))
    can_hold = not re.search(r"claude-3|opus-4-0|sonnet-4-0|sonnet-4-2", body["model"])
    for name in ["temperature", "top_p", "top_k"]:
        need(not (is_new and name in body), name, "is not supported by this model")
    need(not ("temperature" in body and "top_p" in body), "top_p", "`temperature` and `top_p` cannot both be specified")
    need(not (is_new and body["messages"][-1]["role"] == "assistant"), "messages", "prefill is not supported")
    thinking, config = body.get("thinking", {}), body.get("output_config", {})
    need("format" not in config or can_hold, "output_config", "is not supported by this model")
    kind = thinking.get("type")
    need(not (is_new and kind == "enabled"), "thinking.type", "\"enabled\" is not supported; use adaptive")
    need(is_new or kind != "adaptive", "thinking.type", "adaptive thinking is not supported on this model")
    need(is_new or "effort" not in config, "output_config.effort", "is not supported by this model")
    if kind == "enabled":
        need(thinking["budget_tokens"] < body["max_tokens"], "max_tokens", "must be greater than `thinking.budget_tokens`")
    if kind in ["enabled", "adaptive"]:
        forced = body.get("tool_choice", {}).get("type") in ["any", "tool"]
        need(not forced, "thinking", "Thinking may not be enabled when tool_choice forces tool use")
        need(body.get("temperature", 1) == 1, "temperature", "may only be set to 1 when thinking is enabled")


def asked_of(body):
    blocks = [(message["role"], block) for message in body["messages"] for block in blocks_of(message["content"])]
    users = [block for role, block in blocks if role == "user"]
    choice = body.get("tool_choice", {})
    config = body.get("output_config", {})
    kind = body.get("thinking", {}).get("type")
    return Asked(
        scene=[block["text"] for block in users if block["type"] == "text"][-1],
        model=body["model"],
        stream=body.get("stream", False),
        tools=[tool["name"] for tool in body.get("tools", [])],
        forced=choice.get("name"),
        results=[said_in(block.get("content", "")) for block in users if block["type"] == "tool_result"],
        pictures=[block["source"].get("data") for block in users if block["type"] == "image"],
        schema=config.get("format", {}).get("schema"),
        thinks=kind in ["enabled", "adaptive"],
    )


def blocks_of(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def said_in(content):
    return "".join(block.get("text", "") for block in blocks_of(content))


def head(asked):
    return {"id": "msg_77", "type": "message", "role": "assistant", "model": asked.model, "stop_sequence": None}


def usage(completion=scenes.COMPLETION):
    """What is read from the cache is not among the input's tokens."""
    return {
        "input_tokens": scenes.PROMPT - scenes.CACHED,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": scenes.CACHED,
        "output_tokens": completion,
        "service_tier": "standard",
    }


def tool_uses(said):
    return [
        {"type": "tool_use", "id": f"toolu_0{at}AbC", "name": name, "input": given}
        for at, (name, given) in enumerate(said.calls)
    ]


def named(name, value):
    return wire.event(name, {"type": name, **value})


def text_events(said):
    if not said.texts:
        return
    yield "content_block_start", {"content_block": {"type": "text", "text": ""}}
    for piece in said.texts:
        yield "content_block_delta", {"delta": {"type": "text_delta", "text": piece}}
    yield "content_block_stop", {}


def thinking_events(said):
    if not said.thoughts:
        return
    yield "content_block_start", {"content_block": {"type": "thinking", "thinking": "", "signature": ""}}
    for piece in said.thoughts:
        yield "content_block_delta", {"delta": {"type": "thinking_delta", "thinking": piece}}
    yield "content_block_delta", {"delta": {"type": "signature_delta", "signature": SIGNATURE}}
    yield "content_block_stop", {}


def tool_events(said):
    for block in tool_uses(said):
        yield "content_block_start", {"content_block": {**block, "input": {}}}
        arguments = json.dumps(block["input"])
        for piece in ["", arguments[:5], arguments[5:]]:
            yield "content_block_delta", {"delta": {"type": "input_json_delta", "partial_json": piece}}
        yield "content_block_stop", {}
