"""Google's generateContent, for developers and on Vertex."""

from . import scenes, strict, wire
from .openai import cut_in_half
from .scenes import Asked
from .strict import Fault, Unknown, fields, list_of, need, one_kind, text, words

BLOB = fields({"mimeType": text(pattern=r"(image|audio|video|application|text)/[\w.+-]+"), "data": strict.base64_text})
CALL = fields({"name": text(1), "args": strict.an_object}, {"id": text(1)})
RETURNED = fields({"name": text(1), "response": strict.an_object}, {"id": text(1)})
PART = one_kind(
    text=text(),
    inlineData=BLOB,
    fileData=fields({"fileUri": text(1)}, {"mimeType": text(1)}),
    functionCall=CALL,
    functionResponse=RETURNED,
    also_thought=strict.boolean,
    also_thoughtSignature=text(1),
)
CONTENT = fields({"parts": list_of(PART, 1), "role": words("user", "model")})
SYSTEM = fields({"parts": list_of(fields({"text": text(1)}), 1)}, {"role": words("user", "system")})


def openapi(value, path):
    """The part of a schema that `parameters` and `responseSchema` know."""
    known = "type format title description nullable enum items maxItems minItems properties required minProperties"
    known += " maxProperties minLength maxLength pattern example anyOf propertyOrdering default minimum maximum"
    strict.an_object(value, path)
    for name, inner in value.items():
        if name not in known.split():
            raise Unknown(f"{path}.{name}", "Cannot find field")
        if name == "properties":
            for key, each in inner.items():
                openapi(each, f"{path}.properties.{key}")
        elif name == "items":
            openapi(inner, f"{path}.items")


FUNCTION = fields(
    {"name": text(1, 64, r"[a-zA-Z_][a-zA-Z0-9_.:-]*")},
    {"description": text(), "parameters": openapi, "parametersJsonSchema": strict.object_schema},
)
THINKING = fields(
    optional={
        "includeThoughts": strict.boolean,
        "thinkingBudget": strict.integer(-1),
        "thinkingLevel": words("MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high"),
    }
)
GENERATION = fields(
    optional={
        "candidateCount": strict.integer(1, 8),
        "frequencyPenalty": strict.number(-2, 2),
        "logprobs": strict.integer(0, 20),
        "maxOutputTokens": strict.integer(1),
        "presencePenalty": strict.number(-2, 2),
        "responseJsonSchema": strict.an_object,
        "responseLogprobs": strict.boolean,
        "responseMimeType": words("text/plain", "application/json"),
        "responseSchema": openapi,
        "seed": strict.integer(-(2**31), 2**31 - 1),
        "stopSequences": list_of(text(1), 1, 5),
        "temperature": strict.number(0, 2),
        "thinkingConfig": THINKING,
        "topK": strict.number(1),
        "topP": strict.number(0, 1),
    }
)
CALLING = fields(
    {"functionCallingConfig": fields({"mode": words("AUTO", "ANY", "NONE", "VALIDATED")}, {"allowedFunctionNames": list_of(text(1), 1)})}
)
BODY = {
    "cachedContent": text(1),
    "generationConfig": GENERATION,
    "safetySettings": list_of(fields({"category": text(1), "threshold": text(1)})),
    "systemInstruction": SYSTEM,
    "toolConfig": CALLING,
    "tools": list_of(fields({"functionDeclarations": list_of(FUNCTION, 1)}), 1),
}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}
FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
SEAL = "c2VhbA=="


class Gemini:
    """For developers."""

    key = staticmethod(wire.header_key("x-goog-api-key"))
    path = r"/v1beta/models/([^/:]+):(generateContent|streamGenerateContent)"
    more = {}
    keeps_model = True

    def read(self, call):
        model, verb = wire.match(self.path, call.path).groups()
        is_stream = verb == "streamGenerateContent"
        need(not is_stream or call.query.get("alt") == "sse", "alt", "this server streams events only")
        need("key" not in call.query, "key", "a key in a URL ends up in logs")
        fields({"contents": list_of(CONTENT, 1)}, {**BODY, **self.more})(call.body, "")
        history(call.body["contents"], model)
        rules(call.body, model)
        return asked_of(call.body, model, is_stream)

    def whole(self, asked, said):
        if said.ends == "error":
            return self.error(500)
        answer = self.piece(asked, parts(said), said)
        return cut_in_half(wire.whole(answer)) if said.ends == "cut" else wire.whole(answer)

    def piece(self, asked, said_parts, said=None):
        candidate = {"content": {"role": "model", "parts": said_parts}, "index": 0}
        if said:
            candidate["finishReason"] = FINISH[said.finish]
        answer = {"candidates": [candidate], "modelVersion": asked.model, "responseId": "resp-77"}
        return {**answer, "usageMetadata": usage(is_last=bool(said))}

    def stream(self, asked, said):
        each = parts(said)
        pieces = [wire.data(self.piece(asked, [part])) for part in each[:-1]]
        if said.ends == "cut":
            return wire.stream(pieces, cut=True)
        if said.ends == "error":
            error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
            return wire.stream([*pieces, wire.data(error)])
        # There is no sentinel: the last piece has the reason, and the connection ends.
        return wire.stream([*pieces, wire.data(self.piece(asked, each[-1:], said))])

    def error(self, status, message=None, details=None):
        details = details or []
        if status == 429:
            details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
        error = {"code": status, "message": message or "It is so.", "status": STATUSES.get(status, "INVALID_ARGUMENT")}
        return wire.whole({"error": {**error, "details": details}}, status)

    def fault(self, fault):
        if fault.status == 401:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            return self.error(400, "API key not valid. Please pass a valid API key.", [reason])
        message = str(fault)
        if isinstance(fault, Unknown):
            message = f"Invalid JSON payload received. Unknown name \"{fault.path}\": Cannot find field."
        return self.error(fault.status or 400, message)


class Vertex(Gemini):
    """On Vertex: a token in place of the key, and the project in the path."""

    key = staticmethod(wire.bearer)
    path = r"/v1/projects/proj/locations/europe-west4/publishers/google/models/([^/:]+):(generateContent|streamGenerateContent)"
    more = {"labels": strict.map_of(text(most=63))}

    def error(self, status, message=None, details=None):
        answer = super().error(status, message, details)
        # The older gateway in front of it wraps what it says in a list.
        answer.pieces = [b"[" + answer.pieces[0] + b"]"]
        return answer


def history(contents, model):
    """Turns alternate; a turn of calls follows the user's, and its answers follow it, as many and in the same order."""
    need(contents[0]["role"] == "user", "contents", "the first turn must be the user's")
    calls = []
    for at, content in enumerate(contents):
        path = f"contents[{at}]"
        if at:
            need(content["role"] != contents[at - 1]["role"], path, "turns of the user and the model must alternate")
        answers = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        need(answers == calls, path, f"function responses {answers} must equal the function calls {calls}")
        made = [part for part in content["parts"] if "functionCall" in part]
        need(not made or content["role"] == "model", path, "only the model calls functions")
        if made and model.startswith("gemini-3"):
            need("thoughtSignature" in made[0], path, "Function call is missing a thought_signature")
        calls = [part["functionCall"]["name"] for part in made]
    need(not calls, "contents", "a function call turn needs its responses")
    need(contents[-1]["role"] == "user", "contents", "the last turn must be the user's")


def rules(body, model):
    generation = body.get("generationConfig", {})
    thinking = generation.get("thinkingConfig", {})
    for name in ["responseSchema", "responseJsonSchema"]:
        is_json = generation.get("responseMimeType") == "application/json"
        need(name not in generation or is_json, name, "only with responseMimeType application/json")
    need(len({"thinkingBudget", "thinkingLevel"} & set(thinking)) < 2, "thinkingConfig", "a budget or a level, not both")
    if model.startswith("gemini-2"):
        need("thinkingLevel" not in thinking, "thinkingConfig", "Thinking level is not supported for this model.")
    need("toolConfig" not in body or "tools" in body, "toolConfig", "Function calling config is set without function_declarations.")
    for tool in body.get("tools", []):
        for function in tool["functionDeclarations"]:
            both = {"parameters", "parametersJsonSchema"} <= set(function)
            need(not both, "tools", "parameters and parametersJsonSchema are mutually exclusive")
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = calling.get("allowedFunctionNames")
    need(not names or calling["mode"] in ["ANY", "VALIDATED"], "toolConfig", "Allowed function names only with mode ANY")


def asked_of(body, model, is_stream):
    user_parts = [part for content in body["contents"] if content["role"] == "user" for part in content["parts"]]
    generation = body.get("generationConfig", {})
    thinking = generation.get("thinkingConfig", {})
    names = body.get("toolConfig", {}).get("functionCallingConfig", {}).get("allowedFunctionNames", [])
    texts = [part["text"] for part in body.get("systemInstruction", {}).get("parts", [])]
    level = thinking.get("thinkingLevel", "").upper()
    return Asked(
        scene=[part["text"] for part in user_parts if "text" in part][-1],
        model=model,
        stream=is_stream,
        tools=[function["name"] for tool in body.get("tools", []) for function in tool["functionDeclarations"]],
        forced=names[0] if len(names) == 1 else None,
        results=[result_text(part["functionResponse"]["response"]) for part in user_parts if "functionResponse" in part],
        pictures=[part["inlineData"]["data"] for part in user_parts if "inlineData" in part],
        schema=generation.get("responseJsonSchema") or generation.get("responseSchema"),
        json=generation.get("responseMimeType") == "application/json",
        thinks=level in ["LOW", "MEDIUM", "HIGH"] or thinking.get("thinkingBudget", 0) != 0,
        everything=" ".join(texts + [part.get("text", "") for part in user_parts]),
    )


def result_text(response):
    values = list(response.values())
    if len(values) != 1 or not isinstance(values[0], str):
        raise Fault("functionResponse.response", f"one text is expected, not {response}")
    return values[0]


def parts(said):
    made = [{"text": piece, "thought": True} for piece in said.thoughts]
    made += [{"text": piece} for piece in said.texts]
    for at, (name, given) in enumerate(said.calls):
        call = {"functionCall": {"name": name, "args": given}}
        # Only the first of parallel calls is sealed.
        made.append(call if at else {**call, "thoughtSignature": SEAL})
    return made


def usage(is_last=True):
    """Thoughts are not among the candidates' tokens."""
    counts = {"promptTokenCount": scenes.PROMPT, "cachedContentTokenCount": scenes.CACHED}
    if is_last:
        counts |= {
            "candidatesTokenCount": scenes.COMPLETION - scenes.THINKING,
            "thoughtsTokenCount": scenes.THINKING,
            "totalTokenCount": scenes.PROMPT + scenes.COMPLETION,
        }
    return counts
