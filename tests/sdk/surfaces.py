"""What callers speak: how each surface asks for a scene, and what it says, held to the rules of its client libraries."""

import json
from dataclasses import dataclass, field

from native.scenes import PICTURE, SCHEMA, TOOL, WEATHER

DESCRIPTION = "The weather of a place."
PARAMETERS = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
SYSTEM = "Be brief."


@dataclass
class Heard:
    """An answer, in no dialect."""

    text: str = ""
    thoughts: str = ""
    refusal: str = ""
    calls: list = field(default_factory=list)
    finish: str | None = None
    usage: tuple | None = None  # prompt, cached, completion, reasoning
    model: str = ""
    error: dict | None = None
    # The turn as the caller's next request repeats it.
    turn: object = None


class Wrong(AssertionError):
    """What no client library would put up with."""


def must(holds, what):
    if not holds:
        raise Wrong(what)


def events_of(body):
    """The events of a stream as `(name, data)`."""
    text = body.decode()
    must(text.endswith("\n\n") or not text, f"the stream ends inside an event: {text[-200:]!r}")
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if not lines:
            continue
        names = [line[7:] for line in lines if line.startswith("event: ")]
        data = [line[6:] for line in lines if line.startswith("data: ")]
        must(len(data) == 1 and len(names) + len(data) == len(lines), f"not an event: {block!r}")
        yield (names or [None])[0], data[0]


class Chat:
    """OpenAI's chat completions."""

    path = "/v1/chat/completions"
    finishes = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}

    def body(self, scene, model, stream):
        body = {"model": model, "messages": [system("system"), user(scene)], "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        if scene == "plain":
            body |= {"max_tokens": 100, "temperature": 0.5, "stop": ["###"], "user": "u-1"}
        elif scene == "tools":
            function = {"name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}
            body |= {"tools": [{"type": "function", "function": function}], "tool_choice": "auto"}
        elif scene == "schema":
            shape = {"name": "answer", "strict": True, "schema": SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        elif scene == "image":
            picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
            body["messages"][1]["content"] = [{"type": "text", "text": scene}, picture]
        elif scene == "reasoning":
            body["reasoning_effort"] = "high"
        return body

    def go_on(self, body, heard):
        """The request after the results of the calls."""
        results = [
            {"role": "tool", "tool_call_id": call[0], "content": said} for call, said in zip(heard.calls, WEATHER)
        ]
        return {**body, "messages": [*body["messages"], heard.turn, *results]}

    def whole(self, answer):
        must(answer["object"] == "chat.completion" and answer["id"], f"no name: {answer}")
        must(isinstance(answer["created"], int) and len(answer["choices"]) == 1, f"not one choice: {answer}")
        choice = answer["choices"][0]
        message = choice["message"]
        must(choice["index"] == 0 and message["role"] == "assistant", f"who speaks? {choice}")
        must(message.get("content") is None or isinstance(message["content"], str), f"no text: {message}")
        calls = message.get("tool_calls") or []
        must(all(call["type"] == "function" for call in calls), f"not a function: {calls}")
        return Heard(
            text=message.get("content") or "",
            thoughts=message.get("reasoning_content") or message.get("reasoning") or "",
            refusal=message.get("refusal") or "",
            calls=[(call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls],
            finish=self.finishes[choice["finish_reason"]],
            usage=self.usage(answer["usage"]),
            model=answer["model"],
            turn=message,
        )

    def usage(self, usage):
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        must(usage["total_tokens"] == prompt + completion, f"not the sum: {usage}")
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        thoughts = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
        return prompt, cached, completion, thoughts

    def stream(self, body):
        heard, names, calls, roles, is_done = Heard(), set(), {}, 0, False
        for name, data in events_of(body):
            must(name is None and not is_done and not heard.error, f"unexpected: {name} {data}")
            if data == "[DONE]":
                is_done = True
                continue
            chunk = json.loads(data)
            if "error" in chunk and chunk["error"]:
                heard.error = chunk["error"]
                continue
            filters = not chunk["choices"] and "prompt_filter_results" in chunk
            must(chunk["object"] == "chat.completion.chunk" or filters, f"not a chunk: {chunk}")
            names |= set() if filters else {(chunk["id"], chunk["created"], chunk["model"])}
            if chunk.get("usage"):
                heard.usage = self.usage(chunk["usage"])
            for choice in chunk["choices"]:
                must(heard.finish is None, f"after the end: {chunk}")
                roles += "role" in choice["delta"]
                must(roles, f"the first piece names no role: {chunk}")
                self.delta(heard, calls, choice["delta"])
                if choice["finish_reason"]:
                    heard.finish = self.finishes[choice["finish_reason"]]
        must(len(names) == 1 or heard.error, f"not one name: {names}")
        must(is_done == (heard.error is None), "a stream ends with [DONE] or an error")
        must(sorted(calls) == list(range(len(calls))), f"indexes with gaps: {calls}")
        heard.model = next(iter(names))[2] if names else ""
        heard.calls = [(call["id"], call["name"], json.loads(call["arguments"])) for call in calls.values()]
        heard.turn = {"role": "assistant", "content": heard.text or None, "tool_calls": self.tool_calls(calls)}
        return heard

    def delta(self, heard, calls, delta):
        must(delta.get("content") is None or isinstance(delta["content"], str), f"no text: {delta}")
        heard.text += delta.get("content") or ""
        heard.refusal += delta.get("refusal") or ""
        heard.thoughts += delta.get("reasoning_content") or delta.get("reasoning") or ""
        for call in delta.get("tool_calls") or []:
            known = calls.get(call["index"])
            if known is None:
                must(call["id"] and call["type"] == "function", f"a call begins without a name: {call}")
                known = calls[call["index"]] = {"id": call["id"], "name": call["function"]["name"], "arguments": ""}
                known["more"] = {key: call[key] for key in ["extra_content"] if key in call}
            else:
                must("id" not in call and "name" not in call["function"], f"named twice: {call}")
            known["arguments"] += call["function"].get("arguments") or ""

    def tool_calls(self, calls):
        return [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
                **call["more"],
            }
            for call in calls.values()
        ]

    def error(self, answer):
        must({"message", "type", "param", "code"} <= set(answer["error"]), f"not an error: {answer}")
        return answer["error"]


class Completions:
    """OpenAI's older completions: text in, text out."""

    path = "/v1/completions"
    finishes = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
    scenes = ["plain", "length", "break", "midstream-error"]

    def body(self, scene, model, stream):
        body = {"model": model, "prompt": scene, "stream": stream}
        if stream:
            body["stream_options"] = {"include_usage": True}
        if scene == "plain":
            body |= {"max_tokens": 100, "temperature": 0.5, "stop": ["###"], "user": "u-1"}
        return body

    def whole(self, answer):
        must(answer["object"] == "text_completion" and answer["id"], f"no name: {answer}")
        choice = answer["choices"][0]
        finish = self.finishes[choice["finish_reason"]]
        return Heard(text=choice["text"], finish=finish, usage=Chat().usage(answer["usage"]), model=answer["model"])

    def stream(self, body):
        heard, names, is_done = Heard(), set(), False
        for name, data in events_of(body):
            must(name is None and not is_done and not heard.error, f"unexpected: {name} {data}")
            if data == "[DONE]":
                is_done = True
                continue
            chunk = json.loads(data)
            if chunk.get("error"):
                heard.error = chunk["error"]
                continue
            must(chunk["object"] == "text_completion", f"not a chunk: {chunk}")
            names.add((chunk["id"], chunk["created"], chunk["model"]))
            if chunk.get("usage"):
                heard.usage = Chat().usage(chunk["usage"])
            for choice in chunk["choices"]:
                must(heard.finish is None, f"after the end: {chunk}")
                heard.text += choice["text"]
                if choice["finish_reason"]:
                    heard.finish = self.finishes[choice["finish_reason"]]
        must(len(names) == 1 or heard.error, f"not one name: {names}")
        must(is_done == (heard.error is None), "a stream ends with [DONE] or an error")
        heard.model = next(iter(names))[2] if names else ""
        return heard

    error = Chat.error


class Messages:
    """Anthropic's messages."""

    path = "/v1/messages"
    finishes = {
        "end_turn": "stop",
        "max_tokens": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
        "stop_sequence": "stop",
    }

    def body(self, scene, model, stream):
        body = {"model": model, "max_tokens": 4096, "system": SYSTEM, "messages": [user(scene)], "stream": stream}
        if scene == "plain":
            body |= {"temperature": 0.5, "stop_sequences": ["###"], "metadata": {"user_id": "u-1"}}
        elif scene == "tools":
            tool = {"name": TOOL, "description": DESCRIPTION, "input_schema": PARAMETERS}
            body |= {"tools": [tool], "tool_choice": {"type": "auto"}}
        elif scene == "schema":
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        elif scene == "image":
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
            picture = {"type": "image", "source": source}
            body["messages"][0]["content"] = [picture, {"type": "text", "text": scene}]
        elif scene == "reasoning":
            body["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        return body

    def go_on(self, body, heard):
        results = [
            {"type": "tool_result", "tool_use_id": call[0], "content": said} for call, said in zip(heard.calls, WEATHER)
        ]
        return {**body, "messages": [*body["messages"], heard.turn, {"role": "user", "content": results}]}

    def whole(self, answer):
        must(answer["type"] == "message" and answer["role"] == "assistant", f"no message: {answer}")
        must(answer["id"] and "stop_sequence" in answer, f"no name: {answer}")
        heard = Heard(finish=self.finishes[answer["stop_reason"]], model=answer["model"])
        heard.usage = self.usage(answer["usage"])
        self.blocks(heard, answer["content"])
        return heard

    def blocks(self, heard, blocks):
        for block in blocks:
            if block["type"] == "text":
                heard.text += block["text"]
            elif block["type"] == "thinking":
                must("signature" in block, f"a thought without a signature: {block}")
                heard.thoughts += block["thinking"]
            elif block["type"] == "tool_use":
                heard.calls.append((block["id"], block["name"], block["input"]))
        # A thought without a seal cannot be handed back.
        back = [block for block in blocks if block["type"] != "thinking" or block["signature"]]
        heard.turn = {"role": "assistant", "content": back}

    def usage(self, usage):
        cached = usage.get("cache_read_input_tokens") or 0
        prompt = usage["input_tokens"] + cached + (usage.get("cache_creation_input_tokens") or 0)
        return prompt, cached, usage["output_tokens"], 0

    def stream(self, body):
        heard, message, blocks, is_open, is_done = Heard(), None, [], False, False
        for name, data in events_of(body):
            must(not is_done and not heard.error, f"after the end: {data}")
            event = json.loads(data)
            must(name == event["type"], f"{name} is not {event['type']}")
            must(name in ["message_start", "ping", "error"] or message, f"before the start: {data}")
            if name == "error":
                heard.error = event["error"]
            elif name == "message_start":
                message = event["message"]
                must(message["content"] == [] and message["stop_reason"] is None, f"a late start: {message}")
            elif name == "content_block_start":
                must(not is_open and event["index"] == len(blocks), f"a block in a block: {data}")
                is_open = True
                blocks.append({**event["content_block"], "json": ""})
            elif name == "content_block_delta":
                must(is_open and event["index"] == len(blocks) - 1, f"a piece of no block: {data}")
                self.delta(blocks[-1], event["delta"])
            elif name == "content_block_stop":
                must(is_open and event["index"] == len(blocks) - 1, f"an end of no block: {data}")
                is_open = False
            elif name == "message_delta":
                must(not is_open and heard.finish is None, f"an end inside a block: {data}")
                heard.finish = self.finishes[event["delta"]["stop_reason"]]
                heard.usage = self.usage({**message["usage"], **event["usage"]})
            elif name == "message_stop":
                is_done = True
            else:
                must(name == "ping", f"nobody knows {name}")
        must(is_done == (heard.error is None), "a stream ends with message_stop or an error")
        must(blocks or heard.error, "an answer has at least one block")
        heard.model = message["model"] if message else ""
        for block in blocks:
            written = block.pop("json")
            if block["type"] == "tool_use":
                block["input"] = json.loads(written or "{}")
        self.blocks(heard, blocks)
        return heard

    def delta(self, block, delta):
        fields = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
        if delta["type"] == "input_json_delta":
            must(block["type"] == "tool_use", f"JSON in {block}")
            block["json"] += delta["partial_json"]
        else:
            name = fields[delta["type"]]
            must(name in block, f"{name} in {block}")
            block[name] += delta[name]

    def error(self, answer):
        must(answer["type"] == "error" and {"type", "message"} <= set(answer["error"]), f"not an error: {answer}")
        return answer["error"]


class Responses:
    """OpenAI's responses."""

    path = "/v1/responses"

    def body(self, scene, model, stream):
        body = {"model": model, "instructions": SYSTEM, "input": scene, "stream": stream, "store": False}
        if scene == "plain":
            body |= {"max_output_tokens": 100, "temperature": 0.5}
        elif scene == "tools":
            tool = {"type": "function", "name": TOOL, "description": DESCRIPTION, "parameters": PARAMETERS}
            body |= {"tools": [{**tool, "strict": False}], "tool_choice": "auto"}
            body["input"] = [user(scene)]
        elif scene == "schema":
            body["text"] = {"format": {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA}}
        elif scene == "image":
            picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"}
            body["input"] = [{"role": "user", "content": [{"type": "input_text", "text": scene}, picture]}]
        elif scene == "reasoning":
            body["reasoning"] = {"effort": "high", "summary": "auto"}
        return body

    def go_on(self, body, heard):
        results = [
            {"type": "function_call_output", "call_id": call[0], "output": said}
            for call, said in zip(heard.calls, WEATHER)
        ]
        return {**body, "input": [*body["input"], *heard.turn, *results]}

    def whole(self, answer):
        must(answer["object"] == "response" and answer["id"].startswith("resp_"), f"no response: {answer}")
        must(answer["error"] is None and isinstance(answer["created_at"], (int, float)), f"an error: {answer}")
        heard = Heard(model=answer["model"])
        for item in answer["output"]:
            must(item["id"], f"an item without a name: {item}")
            if item["type"] == "message":
                must(item["role"] == "assistant" and item["status"], f"who speaks? {item}")
                for part in item["content"]:
                    if part["type"] == "output_text":
                        must(part["annotations"] == [], f"annotations: {part}")
                        heard.text += part["text"]
                    else:
                        heard.refusal += part["refusal"]
            elif item["type"] == "reasoning":
                heard.thoughts += "".join(part["text"] for part in item["summary"] or item.get("content") or [])
            else:
                heard.calls.append((item["call_id"], item["name"], json.loads(item["arguments"])))
        heard.turn = answer["output"]
        heard.finish = self.finish(answer, heard)
        heard.usage = self.usage(answer["usage"])
        return heard

    def finish(self, answer, heard):
        if answer["status"] == "incomplete":
            reason = answer["incomplete_details"]["reason"]
            return {"max_output_tokens": "length", "content_filter": "content_filter"}[reason]
        must(answer["status"] == "completed", f"no end: {answer}")
        return "tool_calls" if heard.calls else "stop"

    def usage(self, usage):
        prompt, completion = usage["input_tokens"], usage["output_tokens"]
        must(usage["total_tokens"] == prompt + completion, f"not the sum: {usage}")
        cached, thoughts = usage["input_tokens_details"], usage["output_tokens_details"]
        return prompt, cached["cached_tokens"], completion, thoughts["reasoning_tokens"]

    def stream(self, body):
        said, arguments, items, last, error, begun = "", {}, {}, None, None, None
        for number, (name, data) in enumerate(events_of(body)):
            event = json.loads(data)
            must(event["type"] == name and event["sequence_number"] == number, f"out of order: {number} {data}")
            must(last is None, f"after the end: {data}")
            if name == "response.created":
                begun = event["response"]
            elif name == "response.output_item.added":
                must(event["output_index"] == len(items), f"an index with a gap: {data}")
                items[event["output_index"]] = None
            elif name == "response.output_text.delta":
                said += event["delta"]
            elif name == "response.function_call_arguments.delta":
                arguments[event["output_index"]] = arguments.get(event["output_index"], "") + event["delta"]
            elif name == "response.output_item.done":
                items[event["output_index"]] = event["item"]
            elif name == "error":
                error = {"message": event["message"], "code": event["code"]}
            elif name in ["response.completed", "response.incomplete", "response.failed"]:
                last = event["response"]
        must(begun, "a stream begins with response.created")
        if error or (last and last["status"] == "failed"):
            return Heard(text=said, error=error or last["error"], model=begun["model"])
        must(last, "a stream ends with a whole response")
        must(list(items.values()) == last["output"], f"the items are not the response's: {items} {last['output']}")
        heard = self.whole(last)
        must(heard.text == said, f"{said!r} is not {heard.text!r}")
        for index, written in arguments.items():
            must(items[index]["arguments"] == written, f"{written!r} is not {items[index]}")
        return heard

    error = Chat.error


def system(role):
    return {"role": role, "content": SYSTEM}


def user(text):
    return {"role": "user", "content": text}


SURFACES = {"chat": Chat, "messages": Messages, "responses": Responses, "completions": Completions}
