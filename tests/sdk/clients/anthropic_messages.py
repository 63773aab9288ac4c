"""The official `anthropic` package."""

import json

import anthropic
from trying import CALLS, FAILING, KEY, SAID, TARGETS, URL, equal, raises, run

# Its users give the address without a version.
CLIENT = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)
TOOL = {"name": SAID["TOOL"], "description": SAID["DESCRIPTION"], "input_schema": SAID["PARAMETERS"]}


def user(content):
    return [{"role": "user", "content": content}]


def ask(target, content, **more):
    messages = content if isinstance(content, list) else user(content)
    return CLIENT.messages.create(model=target, max_tokens=4096, messages=messages, **more)


def said(message):
    return "".join(block.text for block in message.content if block.type == "text")


def plain(target):
    answer = ask(target, "plain", system="Be brief.")
    equal((said(answer), answer.stop_reason, answer.role), (SAID["PLAIN"], "end_turn", "assistant"))
    equal(answer.usage.input_tokens + (answer.usage.cache_read_input_tokens or 0), 11)
    equal((answer.usage.output_tokens, answer.model), (7, target.partition("/")[2]))


def stream(target):
    with CLIENT.messages.stream(model=target, max_tokens=4096, messages=user("plain")) as pieces:
        text = "".join(pieces.text_stream)
        final = pieces.get_final_message()
    equal((text, said(final), final.stop_reason), (SAID["PLAIN"], SAID["PLAIN"], "end_turn"))
    equal(final.usage.output_tokens, 7)


def tools(target):
    go_on(target, ask(target, "tools", tools=[TOOL]))


def streamed_tools(target):
    asked = {"model": target, "max_tokens": 4096, "messages": user("tools"), "tools": [TOOL]}
    with CLIENT.messages.stream(**asked) as pieces:
        first = pieces.get_final_message()
    go_on(target, first)


def go_on(target, first):
    equal(first.stop_reason, "tool_use")
    called = [block for block in first.content if block.type == "tool_use"]
    equal([(call.name, call.input) for call in called], CALLS)
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in zip(called, SAID["WEATHER"])
    ]
    turn = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input} for call in called]
    messages = [*user("tools"), {"role": "assistant", "content": turn}, *user(results)]
    equal(said(ask(target, messages, tools=[TOOL])), SAID["RESULT"])


def schema(target):
    shape = {"format": {"type": "json_schema", "schema": SAID["SCHEMA"]}}
    equal(json.loads(said(ask(target, "schema", output_config=shape))), {"answer": "42"})


def image(target):
    source = {"type": "base64", "media_type": "image/png", "data": SAID["PICTURE"]}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "image"}]
    equal(said(ask(target, user(content))), SAID["SEEN"])


def broken(target):
    for scene in ["break", "midstream-error"]:
        seen = []
        raises(anthropic.APIError, lambda: seen.extend(ask(target, scene, stream=True)))
        assert not any(event.type == "message_stop" for event in seen), seen
        raises(anthropic.InternalServerError, lambda: ask(target, scene))


def counted(target):
    counted = CLIENT.messages.count_tokens(model=target, messages=user("How many tokens is this?"))
    assert 2 <= counted.input_tokens <= 40, counted


def errors():
    kinds = {400: anthropic.BadRequestError, 429: anthropic.RateLimitError, 503: anthropic.InternalServerError}
    for status, kind in kinds.items():
        error = raises(kind, lambda: ask(FAILING[status], "plain"))
        equal((error.status_code, error.body["type"]), (status, "error"))
    raises(anthropic.NotFoundError, lambda: ask("nobody/nothing", "plain"))
    stranger = CLIENT.with_options(api_key="wrong")
    target = TARGETS["anthropic"]
    raises(
        anthropic.AuthenticationError,
        lambda: stranger.messages.create(model=target, max_tokens=9, messages=user("plain")),
    )


def bearer():
    """Agents send their token the other way."""
    client = anthropic.Anthropic(base_url=URL, auth_token=KEY, max_retries=0, timeout=30)
    answer = client.messages.create(model=TARGETS["openai"], max_tokens=100, messages=user("plain"))
    equal(said(answer), SAID["PLAIN"])


run(
    f"anthropic {anthropic.__version__}",
    [plain, stream, tools, streamed_tools, schema, image, broken, counted],
    [errors, bearer],
)
