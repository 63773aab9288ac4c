"""OpenAI's chat completions, and the servers that speak them each in a way of its own."""

import json
import re

from . import scenes, strict, wire
from .scenes import Asked
from .strict import either, fields, list_of, map_of, need, nullable, tagged, text, words

NAME = text(pattern=r"[a-zA-Z0-9_-]{1,64}")
TEXT_PART = fields({"text": text()})
CALLED = fields({"name": NAME, "arguments": text()})
TOOL_CALLS = list_of(
    tagged({"function": fields({"id": text(1), "function": CALLED}, {"index": strict.integer(0)})}), least=1
)
FUNCTION = fields(
    {"name": NAME},
    {"description": text(), "parameters": strict.object_schema, "strict": nullable(strict.boolean)},
)
NAMED = fields({"function": fields({"name": NAME})})
CHOICE = either(words("none", "auto", "required"), tagged({"function": NAMED}))
FORMAT = tagged(
    {
        "text": fields(),
        "json_object": fields(),
        "json_schema": fields(
            {
                "json_schema": fields(
                    {"name": NAME, "schema": strict.an_object},
                    {"description": text(), "strict": nullable(strict.boolean)},
                )
            }
        ),
    }
)
EFFORT = words("none", "minimal", "low", "medium", "high", "xhigh", "max")
# Fields that nearly everybody knows.
USUAL = {
    "frequency_penalty": strict.number(-2, 2),
    "max_tokens": strict.integer(1),
    "n": strict.integer(1, 128),
    "parallel_tool_calls": strict.boolean,
    "presence_penalty": strict.number(-2, 2),
    "reasoning_effort": EFFORT,
    "response_format": FORMAT,
    "seed": strict.integer(),
    "stop": either(text(1), list_of(text(1), 1, 4)),
    "stream": strict.boolean,
    "stream_options": fields(
        optional={"include_usage": strict.boolean, "include_obfuscation": strict.boolean}
    ),
    "temperature": strict.number(0, 2),
    "tool_choice": CHOICE,
    "tools": list_of(tagged({"function": fields({"function": FUNCTION})}), 1, 128),
    "top_p": strict.number(0, 1),
}
OWN = {
    "logit_bias": map_of(strict.number(-100, 100)),
    "logprobs": strict.boolean,
    "max_completion_tokens": strict.integer(1),
    "metadata": map_of(text(most=512)),
    "modalities": list_of(words("text", "audio")),
    "prediction": strict.an_object,
    "prompt_cache_key": text(),
    "safety_identifier": text(most=64),
    "service_tier": words("auto", "default", "flex", "scale", "priority"),
    "store": strict.boolean,
    "top_logprobs": strict.integer(0, 20),
    "user": text(),
    "verbosity": words("low", "medium", "high"),
    "web_search_options": strict.an_object,
}


class Chat:
    """OpenAI itself; others are told by what they change."""

    path = r"/v1/chat/completions"
    key = staticmethod(wire.bearer)
    usual = {**USUAL, **OWN}
    system = ("system", "developer")
    links = True
    ids = r".+"
    thought = None  # the field in which it shows its thoughts, on turns of its own that come back too
    echoes = False
    marks = False  # whether calls may carry what another vendor's model marked them with
    comments = []
    extra = {}
    asks_usage = True
    keeps_model = True
    thinks_by = ("reasoning_effort",)

    def read(self, call):
        wire.match(self.path, call.path)
        shape = fields({"model": text(1), "messages": self.messages}, self.fields(call.body.get("model", "")))
        shape(call.body, "")
        body = call.body
        need("stream_options" not in body or body.get("stream"), "stream_options", "only with stream")
        need("tool_choice" not in body or "tools" in body, "tool_choice", "only with tools")
        self.rules(body)
        return self.asked(body)

    def fields(self, model):
        return self.usual

    def rules(self, body):
        """What models of OpenAI that think refuse."""
        if not re.match(r"gpt-5|o\d", body["model"]):
            return
        for name in ["max_tokens", "stop", "presence_penalty", "frequency_penalty", "logit_bias", "top_p"]:
            need(name not in body, name, "Unsupported parameter", code="unsupported_parameter")
        sampled = body.get("temperature", 1) == 1
        need(sampled, "temperature", "Only the default (1) is supported", code="unsupported_value")

    def messages(self, value, path):
        strict.list_of(strict.an_object, 1)(value, path)
        open_calls = []
        for at, message in enumerate(value):
            here = f"{path}[{at}]"
            role = message.get("role")
            self.message(message, here)
            if role == "tool":
                known = message["tool_call_id"] in open_calls
                need(known, here, "a message of role 'tool' must follow the call that it answers")
                open_calls.remove(message["tool_call_id"])
                continue
            need(not open_calls, here, f"tool calls without an answer: {open_calls}")
            open_calls = [call["id"] for call in message.get("tool_calls") or []]
        need(not open_calls, path, f"tool calls without an answer: {open_calls}")
        self.last(value[-1], path)

    def last(self, message, path):
        """What a conversation may end with."""

    def message(self, message, path):
        texts = either(text(), list_of(tagged({"text": TEXT_PART}), 1))
        parts = {"text": TEXT_PART, "image_url": fields({"image_url": self.picture})}
        said = {"tool_calls": list_of(self.tool_call, 1), "content": nullable(texts), "refusal": nullable(text())}
        if self.echoes:
            said[self.thought] = text()
        shapes = {role: fields({"content": texts}, {"name": text(1)}) for role in self.system}
        shapes |= {
            "user": fields({"content": either(text(), list_of(tagged(parts), 1))}, {"name": text(1)}),
            "assistant": fields(optional={**said, "name": text(1), **self.prefill()}),
            "tool": fields({"content": texts, "tool_call_id": text(1, pattern=self.ids)}),
        }
        tagged(shapes, by="role")(message, path)
        if message["role"] == "assistant":
            has_said = message.get("content") is not None or message.get("tool_calls") or message.get("refusal")
            need(has_said, path, "content is required unless there are tool_calls")

    def prefill(self):
        return {}

    def tool_call(self, value, path):
        more = {"index": strict.integer(0), **({"extra_content": strict.an_object} if self.marks else {})}
        shape = fields({"id": text(1, pattern=self.ids), "function": CALLED}, more)
        tagged({"function": shape})(value, path)

    def picture(self, value, path):
        shape = fields({"url": text(1)}, {"detail": words("auto", "low", "high")})
        shape(value, path)
        url = value["url"]
        if url.startswith("data:"):
            found = re.fullmatch(r"data:image/(png|jpeg|gif|webp);base64,(.+)", url)
            need(found, f"{path}.url", "not a picture inside a data URL")
            strict.base64_text(found.group(2), f"{path}.url")
        else:
            need(self.links, f"{path}.url", "invalid image input")

    def asked(self, body):
        messages, shape = body["messages"], body.get("response_format", {})
        users = [message for message in messages if message["role"] == "user"]
        forced = body.get("tool_choice")
        return Asked(
            scene=text_of(users[-1]["content"]),
            model=body["model"],
            stream=body.get("stream", False),
            tools=[tool["function"]["name"] for tool in body.get("tools", [])],
            forced=forced["function"]["name"] if isinstance(forced, dict) else None,
            results=[text_of(message["content"]) for message in messages if message["role"] == "tool"],
            pictures=[
                part["image_url"]["url"].partition(",")[2]
                for message in users
                for part in parts_of(message["content"])
                if part["type"] == "image_url"
            ],
            schema=shape.get("json_schema", {}).get("schema"),
            json=shape.get("type") == "json_object",
            usage=body.get("stream_options", {}).get("include_usage", False) or not self.asks_usage,
            thinks=any(body.get(name) not in [None, "none", False] for name in self.thinks_by),
            everything=" ".join(text_of(message.get("content") or "") for message in messages),
        )

    # -- Answers ---------------------------------------------------------------------------------------------------------

    def head(self, asked, kind):
        return {"id": "chatcmpl-77", "object": kind, "created": 1_790_000_000, "model": asked.model, **self.extra}

    def call_id(self, at):
        return ["call_a1B2c3D4", "call_e5F6g7H8"][at]

    def calls(self, said):
        return [
            {
                "id": self.call_id(at),
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for at, (name, given) in enumerate(said.calls)
        ]

    def whole(self, asked, said):
        if said.ends == "error":
            return self.error(500, "The server had an error while processing your request")
        message = {"role": "assistant", "content": self.content(said), "refusal": None}
        if said.calls:
            message["tool_calls"] = self.calls(said)
        if said.thoughts and self.thought:
            message[self.thought] = "".join(said.thoughts)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish(said)}
        answer = {**self.head(asked, "chat.completion"), "choices": [choice], "usage": self.usage()}
        return cut_in_half(wire.whole(answer)) if said.ends == "cut" else wire.whole(answer)

    def content(self, said):
        return said.text or None

    def finish(self, said):
        return said.finish

    def usage(self):
        return {
            "prompt_tokens": scenes.PROMPT,
            "completion_tokens": scenes.COMPLETION,
            "total_tokens": scenes.PROMPT + scenes.COMPLETION,
            "prompt_tokens_details": {"cached_tokens": scenes.CACHED, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": scenes.THINKING, "audio_tokens": 0},
        }

    def stream(self, asked, said):
        head = self.head(asked, "chat.completion.chunk")
        chunks = [{**head, "choices": choices, **more} for choices, more in self.chunks(said)]
        pieces = [*self.comments, *(wire.data(chunk) for chunk in chunks)]
        if said.ends == "cut":
            return wire.stream(pieces[: len(self.comments) + 3], cut=True)
        if said.ends == "error":
            return wire.stream(pieces[: len(self.comments) + 3] + [self.broken(head)])
        if asked.usage:
            pieces += self.last_usage(head)
        return wire.stream([*pieces, wire.data("[DONE]")])

    def last_usage(self, head):
        return [wire.data({**head, "choices": [], "usage": self.usage()})]

    def chunks(self, said):
        yield self.delta({"role": "assistant", "content": ""})
        for thought in said.thoughts if self.thought else []:
            yield self.delta({self.thought: thought})
        for piece in said.texts:
            yield self.delta({"content": piece})
        for at, call in enumerate(self.calls(said)):
            yield from self.call_chunks(at, call)
        yield self.delta({}, self.finish(said))

    def call_chunks(self, at, call):
        arguments = call["function"]["arguments"]
        opened = {**call, "index": at, "function": {**call["function"], "arguments": ""}}
        yield self.delta({"tool_calls": [opened]})
        for piece in [arguments[:5], arguments[5:]]:
            yield self.delta({"tool_calls": [{"index": at, "function": {"arguments": piece}}]})

    def delta(self, said, finish=None):
        return [{"index": 0, "delta": said, "logprobs": None, "finish_reason": finish}], {}

    # -- Errors ----------------------------------------------------------------------------------------------------------

    ERRORS = {
        400: ("invalid_request_error", None, "The request is wrong."),
        401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
        402: ("billing_error", None, "There is nothing to pay with."),
        404: ("invalid_request_error", "model_not_found", "The model does not exist."),
        413: ("invalid_request_error", None, "Request too large."),
        429: ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
        500: ("server_error", None, "The server had an error."),
        503: ("server_error", None, "The engine is currently overloaded, please try again later."),
        529: ("server_error", None, "Overloaded."),
    }

    def error(self, status, message=None, param=None, code=None):
        kind, usual_code, usual = self.ERRORS[status]
        error = {"message": message or usual, "type": kind, "param": param, "code": code or usual_code}
        return wire.whole({"error": error}, status, retry_after(status))

    def fault(self, fault):
        if isinstance(fault, strict.Unknown):
            return self.error(400, f"Unrecognized request argument supplied: {fault.path}", fault.path)
        return self.error(fault.status or 400, str(fault), fault.path or None, fault.code)

    def broken(self, head):
        error = {"message": "The server had an error", "type": "server_error", "param": None, "code": None}
        return wire.data({"error": error})


def retry_after(status):
    return {"Retry-After": "7"} if status == 429 else {}


def text_of(content):
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def parts_of(content):
    return [] if isinstance(content, str) else content


def cut_in_half(answer):
    """Announces all of the body and sends half of it."""
    body = b"".join(answer.pieces)
    headers = {**answer.headers, "Content-Length": str(len(body))}
    return wire.Answer(answer.status, headers, [body[: len(body) // 2]], cut=True)
