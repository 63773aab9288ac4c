"""Servers that speak OpenAI's chat completions with differences, each as its own documentation has it."""

import re

from . import scenes, strict, wire
from .openai import CHOICE, OWN, USUAL, Chat, retry_after, text_of
from .strict import Unknown, either, fields, list_of, need, tagged, text, words


def without(known, *names):
    return {name: shape for name, shape in known.items() if name not in names}


class Azure(Chat):
    """The deployment is in the path, and the first piece of a stream has no choices."""

    path = r"/openai/deployments/([^/]+)/chat/completions"
    key = staticmethod(wire.header_key("api-key"))

    def read(self, call):
        found = wire.match(self.path, call.path)
        version = call.query.get("api-version", "")
        need(re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", version), "api-version", "missing or unknown", status=404)
        call.body["model"] = found.group(1)
        call.path = "/v1/chat/completions"
        self.path = call.path
        return super().read(call)

    def stream(self, asked, said):
        answer = super().stream(asked, said)
        filters = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False, "severity": "safe"}}}]
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filters}
        answer.pieces.insert(0, wire.data(first))
        return answer

    def delta(self, said, finish=None):
        choices, more = super().delta(said, finish)
        return [{**choices[0], "content_filter_results": {}}], more


class Mistral(Chat):
    """Unknown fields are 422, ids of calls have nine characters, thoughts come in a list."""

    usual = {
        **without(USUAL, "seed", "stream_options"),
        "guardrails": strict.anything,
        "metadata": strict.an_object,
        "prediction": strict.an_object,
        "prompt_cache_key": text(),
        "prompt_mode": words("reasoning"),
        "random_seed": strict.integer(0),
        "safe_prompt": strict.boolean,
        "temperature": strict.number(0, 1.5),
        "tool_choice": either(words("any"), CHOICE),
    }
    system = ("system",)
    ids = r"[a-zA-Z0-9]{9}"
    asks_usage = False

    def rules(self, body):
        pass

    def prefill(self):
        return {"prefix": strict.boolean}

    def picture(self, value, path):
        super().picture({"url": value} if isinstance(value, str) else value, path)

    def last(self, message, path):
        is_good = message["role"] in ["user", "tool"] or message.get("prefix")
        need(is_good, path, "Expected last role User or Tool (or Assistant with prefix True) for serving")

    def call_id(self, at):
        return ["a1B2c3D4e", "f5G6h7I8j"][at]

    def content(self, said):
        if not said.thoughts:
            return said.text
        thinking = [{"type": "text", "text": "".join(said.thoughts)}]
        return [{"type": "thinking", "thinking": thinking}, {"type": "text", "text": said.text}]

    def chunks(self, said):
        yield self.delta({"role": "assistant", "content": ""})
        for thought in said.thoughts:
            parts = [{"type": "thinking", "thinking": [{"type": "text", "text": thought}]}]
            yield self.delta({"content": parts})
        for piece in said.texts:
            yield self.delta({"content": piece})
        choices, _ = self.delta({}, self.finish(said))
        # Calls come whole, together with the reason.
        if said.calls:
            calls = [{**call, "index": at} for at, call in enumerate(self.calls(said))]
            choices[0]["delta"] = {"content": "", "tool_calls": calls}
        yield choices, {"usage": self.usage()}

    def last_usage(self, head):
        return []

    def error(self, status, message=None, param=None, code=None):
        kind, _, usual = self.ERRORS[status]
        codes = {400: "3051", 401: "1000", 429: "1300", 500: "1000"}
        error = {"object": "error", "message": message or usual, "type": kind, "param": param}
        return wire.whole({**error, "code": codes.get(status, "3000")}, status, retry_after(status))

    def fault(self, fault):
        if isinstance(fault, Unknown):
            loc = ["body", *fault.path.split(".")]
            detail = {"type": "extra_forbidden", "loc": loc, "msg": fault.message, "input": None}
            return wire.whole({"detail": [detail]}, 422)
        return super().fault(fault)


class DeepSeek(Chat):
    """Waits with empty lines and comments, and counts the cache in fields of its own."""

    path = r"(/v1)?/chat/completions"
    usual = {
        **without(USUAL, "n", "seed", "parallel_tool_calls"),
        "logprobs": strict.boolean,
        "n": strict.integer(1, 1),
        "stop": either(text(1), list_of(text(1), 1, 16)),
        "thinking": tagged({"enabled": fields(), "disabled": fields()}),
        "top_logprobs": strict.integer(0, 20),
    }
    system = ("system",)
    thought = "reasoning_content"
    echoes = True
    comments = [b": keep-alive\n\n", b": keep-alive\n\n"]

    def prefill(self):
        return {"prefix": strict.boolean}

    def rules(self, body):
        shape = body.get("response_format", {}).get("type")
        need(shape != "json_schema", "response_format", "This response_format type is unavailable now")
        if shape == "json_object":
            said = " ".join(text_of(message.get("content") or "") for message in body["messages"])
            need("json" in said.lower(), "messages", "Prompt must contain the word 'json'")

    def usage(self):
        hit = scenes.CACHED
        return {
            "prompt_tokens": scenes.PROMPT,
            "completion_tokens": scenes.COMPLETION,
            "total_tokens": scenes.PROMPT + scenes.COMPLETION,
            "prompt_tokens_details": {"cached_tokens": hit},
            "prompt_cache_hit_tokens": hit,
            "prompt_cache_miss_tokens": scenes.PROMPT - hit,
            "completion_tokens_details": {"reasoning_tokens": scenes.THINKING},
        }

    def whole(self, asked, said):
        answer = super().whole(asked, said)
        if answer.status == 200 and not answer.cut:
            answer.pieces.insert(0, b"\n\n\n")
        return answer

    def fault(self, fault):
        status = 422 if isinstance(fault, Unknown) else fault.status or 400
        error = {"message": str(fault), "type": "invalid_request_error", "param": None, "code": "invalid_request_error"}
        return wire.whole({"error": error}, status)


class Qwen(Chat):
    """Thinks by a switch, and must read the word JSON before it writes any."""

    path = r"/compatible-mode/v1/chat/completions"
    usual = {
        **without(USUAL, "frequency_penalty", "reasoning_effort"),
        "enable_search": strict.boolean,
        "enable_thinking": strict.boolean,
        "logprobs": strict.boolean,
        "n": strict.integer(1, 4),
        "repetition_penalty": strict.number(0),
        "temperature": strict.number(0, 1.999),
        "thinking_budget": strict.integer(1),
        "tool_choice": either(words("auto", "none"), tagged({"function": fields({"function": strict.an_object})})),
        "top_k": strict.integer(0),
        "top_logprobs": strict.integer(0, 5),
        "top_p": strict.number(0.0001, 1),
    }
    system = ("system",)
    thought = "reasoning_content"
    thinks_by = ("enable_thinking",)
    extra = {"system_fingerprint": None}

    def rules(self, body):
        shape = body.get("response_format", {}).get("type")
        if shape in ["json_object", "json_schema"]:
            said = " ".join(text_of(message.get("content") or "") for message in body["messages"])
            need("json" in said.lower(), "messages", "'messages' must contain the word 'json' in some form")
        need(shape != "json_schema", "response_format", "'json_schema' is not supported by this model")


class OpenRouter(Chat):
    """Everything that OpenAI takes and more; its numbers are codes, and comments say that it waits."""

    path = r"/api/v1/chat/completions"
    usual = {
        **USUAL,
        **OWN,
        "models": list_of(text(1)),
        "plugins": strict.anything,
        "provider": strict.an_object,
        "reasoning": strict.an_object,
        "repetition_penalty": strict.number(0, 2),
        "route": words("fallback"),
        "top_k": strict.integer(0),
        "transforms": list_of(text()),
        "usage": strict.an_object,
    }
    thought = "reasoning"
    echoes = True
    marks = True
    comments = [b": OPENROUTER PROCESSING\n\n"]
    extra = {"provider": "Somebody"}
    thinks_by = ("reasoning_effort", "reasoning")

    def rules(self, body):
        pass

    def error(self, status, message=None, param=None, code=None):
        error = {"code": status, "message": message or self.ERRORS[status][2]}
        return wire.whole({"error": error, "user_id": "user_1"}, status, retry_after(status))

    def whole(self, asked, said):
        if said.ends == "error":
            # An aggregator's own status is 200, whatever befell the one behind it.
            raw = {"raw": '{"error": "overloaded"}', "provider_name": "Somebody"}
            return wire.whole({"error": {"code": 502, "message": "Provider returned error", "metadata": raw}})
        return super().whole(asked, said)

    def broken(self, head):
        choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
        error = {"code": 502, "message": "Provider disconnected"}
        return wire.data({**head, "choices": [choice], "error": error})


class Ollama(Chat):
    """Calls no tool by order, sees no links, and needs no key."""

    usual = without(USUAL, "tool_choice", "parallel_tool_calls", "n")
    system = ("system",)
    links = False
    thought = "reasoning"
    extra = {"system_fingerprint": "fp_ollama"}

    def key(self, call, key):
        """Ignored."""

    def rules(self, body):
        pass

    def usage(self):
        total = scenes.PROMPT + scenes.COMPLETION
        return {"prompt_tokens": scenes.PROMPT, "completion_tokens": scenes.COMPLETION, "total_tokens": total}

    def call_chunks(self, at, call):
        yield self.delta({"role": "assistant", "content": "", "tool_calls": [{**call, "index": at}]})

    def finish(self, said):
        return "stop" if said.finish == "content_filter" else said.finish


class Vllm(Chat):
    """Takes sampling parameters of its own, and shows thoughts as `reasoning`."""

    usual = {
        **USUAL,
        **OWN,
        "chat_template_kwargs": strict.an_object,
        "min_p": strict.number(0, 1),
        "priority": strict.integer(),
        "repetition_penalty": strict.number(0),
        "structured_outputs": strict.an_object,
        "top_k": strict.integer(-1),
    }
    system = ("system", "developer")
    thought = "reasoning"

    def rules(self, body):
        pass

    def delta(self, said, finish=None):
        choices, more = super().delta(said, finish)
        return [{**choices[0], "stop_reason": None, "token_ids": None}], more


class LlamaCpp(Chat):
    """Its codes are numbers, and every answer comes with timings."""

    usual = {
        **USUAL,
        **OWN,
        "cache_prompt": strict.boolean,
        "chat_template_kwargs": strict.an_object,
        "grammar": text(),
        "min_p": strict.number(0, 1),
        "n": strict.integer(1, 1),
        "top_k": strict.integer(0),
    }
    system = ("system", "developer")
    thought = "reasoning_content"

    def rules(self, body):
        pass

    def error(self, status, message=None, param=None, code=None):
        kinds = {401: "authentication_error", 404: "not_found_error", 503: "unavailable_error"}
        error = {"code": status, "message": message or self.ERRORS[status][2], "type": kinds.get(status, "server_error")}
        return wire.whole({"error": error}, status, retry_after(status))

    def chunks(self, said):
        *before, (choices, more) = super().chunks(said)
        yield from before
        yield choices, {**more, "timings": {"prompt_n": 7, "predicted_n": 7, "predicted_ms": 1.5}}

    def broken(self, head):
        return wire.data({"error": {"code": 500, "message": "The slot is gone", "type": "server_error"}})
