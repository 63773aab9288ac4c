"""Bedrock's Converse: signed requests, and streams of binary frames."""

import hashlib
import hmac
import json
import re
import struct
import zlib
from urllib.parse import quote, unquote

from . import scenes, strict, wire
from .openai import cut_in_half
from .scenes import Asked
from .strict import fields, list_of, need, one_kind, text, words

BYTES = fields({"bytes": strict.base64_text})
IMAGE = fields({"format": words("png", "jpeg", "gif", "webp"), "source": BYTES})
DOCUMENT = fields({"name": text(1), "source": one_kind(bytes=strict.base64_text, text=text(1))}, {"format": text(1)})
ID = text(1, 64, r"[a-zA-Z0-9_-]+")
TOOL_USE = fields({"toolUseId": ID, "name": text(1, 64, r"[a-zA-Z0-9_-]+"), "input": strict.an_object})
RESULT = fields(
    {"toolUseId": ID, "content": list_of(one_kind(text=text(), json=strict.an_object, image=IMAGE, document=DOCUMENT))},
    {"status": words("success", "error")},
)
REASONING = one_kind(
    reasoningText=fields({"text": text()}, {"signature": text(1)}), redactedContent=strict.base64_text
)
CACHE = fields({"type": words("default")}, {"ttl": words("5m", "1h")})
BLOCK = one_kind(
    text=text(1, pattern=r"(?s).*\S.*"),
    image=IMAGE,
    document=DOCUMENT,
    toolUse=TOOL_USE,
    toolResult=RESULT,
    reasoningContent=REASONING,
    cachePoint=CACHE,
)
MESSAGE = fields({"role": words("user", "assistant"), "content": list_of(BLOCK, 1)})
SPEC = fields(
    {"name": text(1, 64, r"[a-zA-Z0-9_-]+"), "inputSchema": fields({"json": strict.object_schema})},
    {"description": text(1), "strict": strict.boolean},
)
CHOICE = one_kind(auto=fields(), any=fields(), tool=fields({"name": text(1)}))
REQUEST = fields(
    {"messages": list_of(MESSAGE, 1)},
    {
        "additionalModelRequestFields": strict.an_object,
        "additionalModelResponseFieldPaths": list_of(text(1), 1, 10),
        "inferenceConfig": fields(
            optional={
                "maxTokens": strict.integer(1),
                "stopSequences": list_of(text(1), 1, 2500),
                "temperature": strict.number(0, 1),
                "topP": strict.number(0, 1),
            }
        ),
        "outputConfig": strict.an_object,
        "performanceConfig": fields({"latency": words("standard", "optimized")}),
        "requestMetadata": strict.map_of(text(most=256)),
        "serviceTier": strict.an_object,
        "system": list_of(one_kind(text=text(1), cachePoint=CACHE), 1),
        "toolConfig": fields({"tools": list_of(one_kind(toolSpec=SPEC, cachePoint=CACHE), 1)}, {"toolChoice": CHOICE}),
    },
)
EXCEPTIONS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    402: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    413: "ValidationException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
}
FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
REGION = "eu-central-1"


class Bedrock:
    """Converse with models of Anthropic. Its answers do not name the model."""

    keeps_model = False

    def key(self, call, key):
        if call.headers.get("authorization") != f"Bearer {key}":
            signed(call, key)

    def read(self, call):
        model, verb = wire.match(r"/model/([^/]+)/(converse|converse-stream)", call.path).groups()
        need(":" not in model, "modelId", "a colon in a path is percent-encoded")
        REQUEST(call.body, "")
        history(call.body)
        return asked_of(call.body, unquote(model), verb == "converse-stream")

    def whole(self, asked, said):
        if said.ends == "error":
            return self.error(500)
        answer = {
            "output": {"message": {"role": "assistant", "content": blocks(said)}},
            "stopReason": FINISH[said.finish],
            "usage": usage(),
            "metrics": {"latencyMs": 12},
        }
        return cut_in_half(wire.whole(answer)) if said.ends == "cut" else wire.whole(answer)

    def stream(self, asked, said):
        pieces = [frame("messageStart", {"role": "assistant"})]
        for index, block in enumerate(deltas(said)):
            start, inner = block
            if start:
                pieces.append(frame("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            pieces += [frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in inner]
            pieces.append(frame("contentBlockStop", {"contentBlockIndex": index}))
        kind = "application/vnd.amazon.eventstream"
        if said.ends == "cut":
            return wire.stream(pieces[:3], kind, cut=True)
        if said.ends == "error":
            failed = frame("modelStreamErrorException", {"message": "The model broke down"}, is_event=False)
            return wire.stream([*pieces[:3], failed], kind)
        pieces.append(frame("messageStop", {"stopReason": FINISH[said.finish]}))
        pieces.append(frame("metadata", {"usage": usage(), "metrics": {"latencyMs": 12}}))
        return wire.stream(pieces, kind)

    def error(self, status, message=None):
        kind = EXCEPTIONS.get(status, "ValidationException")
        return wire.whole({"message": message or "It is so."}, status, {"x-amzn-ErrorType": kind})

    def fault(self, fault):
        if fault.status == 401:
            return self.error(403, "The security token included in the request is invalid.")
        return self.error(fault.status or 400, str(fault))


def signed(call, secret):
    """Computes the signature again (Signature Version 4): of a forged or changed request it would be another one."""
    given = call.headers.get("authorization", "")
    form = r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/bedrock/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
    found = re.fullmatch(form, given)
    moment = call.headers.get("x-amz-date", "")
    wire.refuse_key(bool(found) and bool(re.fullmatch(r"\d{8}T\d{6}Z", moment)))
    _, day, region, names, signature = found.groups()
    wire.refuse_key(moment.startswith(day) and region == REGION)
    wire.refuse_key({"host", "x-amz-date"} <= set(names.split(";")))
    path = "/".join(quote(segment, safe="-._~") for segment in call.signed_path.split("/"))
    headers = "".join(f"{name}:{call.headers[name].strip()}\n" for name in names.split(";"))
    body = hashlib.sha256(call.raw).hexdigest()
    canonical = "\n".join(["POST", path, "", headers, names, body])
    scope = f"{day}/{region}/bedrock/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in [day, region, "bedrock", "aws4_request"]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    wire.refuse_key(hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() == signature)


def history(body):
    """Turns alternate strictly, and each call has its result in the turn behind it."""
    messages, open_calls, has_calls = body["messages"], [], False
    need(messages[0]["role"] == "user", "messages", "A conversation must start with a user message.")
    for at, message in enumerate(messages):
        path = f"messages[{at}]"
        if at:
            alternates = message["role"] != messages[at - 1]["role"]
            need(alternates, path, "roles must alternate between \"user\" and \"assistant\"")
        results = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        need(sorted(results) == sorted(open_calls), path, f"toolResult {results} for toolUse {open_calls}")
        open_calls = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        has_calls |= bool(open_calls)
    need(not open_calls, "messages", f"toolUse without toolResult: {open_calls}")
    need(not has_calls or "toolConfig" in body, "toolConfig", "must be defined when using toolUse and toolResult")
    need(messages[-1]["role"] == "user", "messages", "a prefilled answer is not supported by this model")


def asked_of(body, model, is_stream):
    users = [block for message in body["messages"] if message["role"] == "user" for block in message["content"]]
    config = body.get("toolConfig", {})
    more = body.get("additionalModelRequestFields", {})
    thinks = more.get("thinking", {}).get("type") in ["enabled", "adaptive"] or "reasoning_config" in more
    if "reasoning_config" in more or thinks:
        forced = set(config.get("toolChoice", {})) & {"any", "tool"}
        need(not forced, "toolConfig", "Thinking may not be enabled when tool_choice forces tool use")
    return Asked(
        scene=[block["text"] for block in users if "text" in block][-1],
        model=model,
        stream=is_stream,
        tools=[tool["toolSpec"]["name"] for tool in config.get("tools", []) if "toolSpec" in tool],
        forced=config.get("toolChoice", {}).get("tool", {}).get("name"),
        results=[result(block["toolResult"]["content"]) for block in users if "toolResult" in block],
        pictures=[block["image"]["source"]["bytes"] for block in users if "image" in block],
        schema=schema_of(body),
        thinks=thinks,
    )


def schema_of(body):
    """`outputConfig.textFormat.structure.jsonSchema.schema` is a schema as a string."""
    shape = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema", {})
    written = shape.get("schema")
    return json.loads(written) if isinstance(written, str) else written


def result(content):
    said = [part.get("text") or json.dumps(part.get("json")) for part in content]
    return "".join(said)


def blocks(said):
    made = []
    if said.thoughts:
        thought = {"text": "".join(said.thoughts), "signature": "c2lnbmF0dXJl"}
        made.append({"reasoningContent": {"reasoningText": thought}})
    made += [{"text": said.text}] if said.texts else []
    return made + [{"toolUse": use} for use in tool_uses(said)]


def tool_uses(said):
    return [
        {"toolUseId": f"tooluse_{at}AbCd", "name": name, "input": given} for at, (name, given) in enumerate(said.calls)
    ]


def deltas(said):
    """How each block begins, which only calls say, and what is added to it."""
    if said.thoughts:
        seal = {"reasoningContent": {"signature": "c2lnbmF0dXJl"}}
        yield None, [*({"reasoningContent": {"text": piece}} for piece in said.thoughts), seal]
    if said.texts:
        yield None, [{"text": piece} for piece in said.texts]
    for use in tool_uses(said):
        arguments = json.dumps(use.pop("input"))
        yield {"toolUse": use}, [{"toolUse": {"input": piece}} for piece in [arguments[:5], arguments[5:]]]


def usage():
    """What is read from the cache is not among the input's tokens."""
    return {
        "inputTokens": scenes.PROMPT - scenes.CACHED,
        "outputTokens": scenes.COMPLETION,
        "totalTokens": scenes.PROMPT + scenes.COMPLETION,
        "cacheReadInputTokens": scenes.CACHED,
        "cacheWriteInputTokens": 0,
    }


def frame(name, payload, is_event=True):
    """A message of `application/vnd.amazon.eventstream`: lengths, headers and payload, each part with its checksum."""
    message = {":message-type": "event" if is_event else "exception", ":content-type": "application/json"}
    message[":event-type" if is_event else ":exception-type"] = name
    headers = b"".join(header(key, value) for key, value in message.items())
    # Padding is random letters in the original; here only some.
    body = json.dumps({**payload, "p": "abcdef"} if is_event else payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    message = prelude + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def header(name, value):
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
