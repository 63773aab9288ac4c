"""The official `openai` package: chat completions, completions and responses."""

import json

import openai
from trying import CALLS, FAILING, FUNCTION, KEY, PICTURE_URL, SAID, TARGETS, URL, equal, raises, run

# Retries would hide what the gateway answers.
CLIENT = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
TOOL = {"type": "function", "function": FUNCTION}
FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SAID["SCHEMA"]}}


def user(text):
    return [{"role": "user", "content": text}]


def ask(target, messages, **more):
    messages = user(messages) if isinstance(messages, str) else messages
    return CLIENT.chat.completions.create(model=target, messages=messages, **more)


def plain(target):
    answer = ask(target, "plain")
    equal((answer.choices[0].message.content, answer.choices[0].finish_reason), (SAID["PLAIN"], "stop"))
    equal((answer.usage.prompt_tokens, answer.usage.completion_tokens), (11, 7))
    equal(answer.model, target.partition("/")[2])


def stream(target):
    chunks = list(ask(target, "plain", stream=True, stream_options={"include_usage": True}))
    equal("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), SAID["PLAIN"])
    equal(chunks[-1].usage.total_tokens, 18)


def tools(target):
    first = ask(target, "tools", tools=[TOOL]).choices[0]
    go_on(target, first)


def streamed_tools(target):
    """The library's own accumulation of pieces."""
    with CLIENT.chat.completions.stream(model=target, messages=user("tools"), tools=[TOOL]) as pieces:
        first = pieces.get_final_completion().choices[0]
    go_on(target, first)


def go_on(target, first):
    equal(first.finish_reason, "tool_calls")
    called = first.message.tool_calls
    equal([(call.function.name, json.loads(call.function.arguments)) for call in called], CALLS)
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": said} for call, said in zip(called, SAID["WEATHER"])
    ]
    turn = first.message.model_dump(exclude_none=True)
    # What the library's parsing adds is no part of a message.
    turn.pop("parsed", None)
    for call in turn["tool_calls"]:
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    last = ask(target, [*user("tools"), turn, *results], tools=[TOOL])
    equal(last.choices[0].message.content, SAID["RESULT"])


def schema(target):
    answer = ask(target, "schema", response_format=FORMAT)
    equal(json.loads(answer.choices[0].message.content), {"answer": "42"})


def image(target):
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    answer = ask(target, user([{"type": "text", "text": "image"}, picture]))
    equal(answer.choices[0].message.content, SAID["SEEN"])


def broken(target):
    """Half a stream raises, and so does half an answer."""
    for scene in ["break", "midstream-error"]:
        seen = []
        raises(openai.APIError, lambda: seen.extend(ask(target, scene, stream=True)))
        assert SAID["HALF"].startswith("".join(chunk.choices[0].delta.content or "" for chunk in seen)), seen
        assert not any(chunk.choices[0].finish_reason for chunk in seen[:-1]), seen
        raises(openai.InternalServerError, lambda: ask(target, scene))


def responses(target):
    equal(CLIENT.responses.create(model=target, input="plain", store=False).output_text, SAID["PLAIN"])
    with CLIENT.responses.stream(model=target, input="plain", store=False) as events:
        said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        final = events.get_final_response()
    equal((said, final.output_text, final.status), (SAID["PLAIN"], SAID["PLAIN"], "completed"))


def responses_with_tools(target):
    tool = {"type": "function", **FUNCTION, "strict": False}
    asked = {"model": target, "tools": [tool], "store": False}
    first = CLIENT.responses.create(input=user("tools"), **asked)
    called = [item for item in first.output if item.type == "function_call"]
    equal([(call.name, json.loads(call.arguments)) for call in called], CALLS)
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": said}
        for call, said in zip(called, SAID["WEATHER"])
    ]
    turn = [item.model_dump(exclude_none=True) for item in first.output]
    equal(CLIENT.responses.create(input=[*user("tools"), *turn, *results], **asked).output_text, SAID["RESULT"])


def completions(target):
    answer = CLIENT.completions.create(model=target, prompt="plain")
    equal((answer.choices[0].text, answer.choices[0].finish_reason), (SAID["PLAIN"], "stop"))
    chunks = CLIENT.completions.create(model=target, prompt="plain", stream=True)
    equal("".join(chunk.choices[0].text for chunk in chunks), SAID["PLAIN"])


def errors():
    kinds = {400: openai.BadRequestError, 429: openai.RateLimitError, 503: openai.InternalServerError}
    for status, kind in kinds.items():
        error = raises(kind, lambda: ask(FAILING[status], "plain"))
        equal(error.status_code, status)
        assert error.message and error.response.headers["x-request-id"], error
    raises(openai.NotFoundError, lambda: ask("nobody/nothing", "plain"))
    stranger = CLIENT.with_options(api_key="wrong")
    target = TARGETS["openai"]
    raises(openai.AuthenticationError, lambda: stranger.responses.create(model=target, input="plain"))


run(
    f"openai {openai.__version__}",
    [plain, stream, tools, streamed_tools, schema, image, broken, responses, responses_with_tools, completions],
    [errors],
)
