"""LangChain's `ChatOpenAI`, as people have it in their programs."""

import importlib.metadata

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from trying import CALLS, FAILING, KEY, PICTURE_URL, SAID, URL, equal, raises, run


@tool(SAID["TOOL"])
def weather(place: str) -> str:
    """The weather of a place."""
    return place


def model(target, **more):
    return ChatOpenAI(model=target, base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30, **more)


def plain(target):
    answer = model(target).invoke("plain")
    equal((answer.content, answer.response_metadata["finish_reason"]), (SAID["PLAIN"], "stop"))
    equal(answer.usage_metadata["total_tokens"], 18)


def stream(target):
    whole = None
    for chunk in model(target, stream_usage=True).stream("plain"):
        whole = chunk if whole is None else whole + chunk
    equal((whole.content, whole.usage_metadata["total_tokens"]), (SAID["PLAIN"], 18))


def tools(target):
    for is_streamed in [False, True]:
        bound = model(target, streaming=is_streamed).bind_tools([weather])
        first = bound.invoke("tools")
        equal([(call["name"], call["args"]) for call in first.tool_calls], CALLS)
        results = [ToolMessage(said, tool_call_id=call["id"]) for call, said in zip(first.tool_calls, SAID["WEATHER"])]
        equal(bound.invoke([HumanMessage("tools"), first, *results]).content, SAID["RESULT"])


def schema(target):
    shape = {"title": "answer", **SAID["SCHEMA"]}
    equal(model(target).with_structured_output(shape, method="json_schema").invoke("schema"), {"answer": "42"})


def image(target):
    picture = {"type": "image_url", "image_url": {"url": PICTURE_URL}}
    answer = model(target).invoke([HumanMessage([{"type": "text", "text": "image"}, picture])])
    equal(answer.content, SAID["SEEN"])


def broken(target):
    for scene in ["break", "midstream-error"]:
        raises(openai.APIError, lambda: list(model(target).stream(scene)))
        raises(openai.InternalServerError, lambda: model(target).invoke(scene))


def errors():
    kinds = {400: openai.BadRequestError, 429: openai.RateLimitError, 503: openai.InternalServerError}
    for status, kind in kinds.items():
        equal(raises(kind, lambda: model(FAILING[status]).invoke("plain")).status_code, status)


run(
    f"langchain-openai {importlib.metadata.version('langchain-openai')}",
    [plain, stream, tools, schema, image, broken],
    [errors],
)
