"""The official `openai` client against the real gateway.

    python tests/openai/test_sdk.py target/debug/semroute

`cargo test` runs it too. It starts two gateways: one that answers from the sandbox, as a newcomer's does, and one that asks
callers for a key and stands before a scripted provider, which fails in the ways that real ones do.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openai
from openai import OpenAI

ROOT = Path(__file__).resolve().parents[2]
START_MAX_S = 120
CALLER_KEY = "caller-key"
PROVIDER_KEY = "provider-key"
HEADERS = "tier query-type confidence target attempts reason generation receipt".split()

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
            "additionalProperties": False,
        },
    },
}


class TestSandbox(unittest.TestCase):
    """What a newcomer without any provider key gets."""

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway()
        cls.addClassCleanup(cls.gateway.stop)
        cls.client = cls.gateway.client("not-needed")

    def create(self, **more):
        asked = {"model": "auto", "messages": user("Write a limerick about a lighthouse"), **more}
        return self.client.chat.completions.create(**asked)

    def test_a_plain_answer(self):
        answer = self.create()
        self.assertEqual(answer.object, "chat.completion")
        self.assertIn("sandbox", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        used = answer.usage
        self.assertGreater(used.completion_tokens, 0)
        self.assertEqual(used.total_tokens, used.prompt_tokens + used.completion_tokens)

    def test_a_stream_without_usage(self):
        chunks = list(self.create(stream=True))
        self.assertIn("sandbox", text_of(chunks))
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")
        self.assertEqual([chunk for chunk in chunks if chunk.usage or not chunk.choices], [])

    def test_a_stream_with_usage(self):
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        self.assertIn("sandbox", text_of(chunks))
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.total_tokens, 0)
        self.assertEqual([chunk for chunk in chunks[:-1] if chunk.usage], [])

    def test_a_tool_call(self):
        choice = self.create(tools=[WEATHER], tool_choice="required").choices[0]
        self.assertEqual(choice.finish_reason, "tool_calls")
        called = choice.message.tool_calls[0].function
        self.assertEqual(called.name, "get_weather")
        json.loads(called.arguments)

    def test_a_tool_call_in_a_stream(self):
        chunks = list(self.create(tools=[WEATHER], tool_choice="required", stream=True))
        calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
        self.assertEqual((calls[0].index, calls[0].function.name), (0, "get_weather"))
        json.loads("".join(call.function.arguments or "" for call in calls))
        self.assertEqual(chunks[-1].choices[0].finish_reason, "tool_calls")

    def test_a_json_schema(self):
        json.loads(self.create(response_format=SCHEMA).choices[0].message.content)

    def test_a_conversation_with_a_picture_and_a_tool_result(self):
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        function = {"name": "get_weather", "arguments": "{}"}
        answer = self.create(
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "And here?"}, picture]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "rain"},
            ]
        )
        self.assertIn("And here?", answer.choices[0].message.content)

    def test_the_models(self):
        ids = {model.id for model in self.client.models.list()}
        tiers = {f"tier/{tier}" for tier in "safety creative bulk reasoning general".split()}
        self.assertLessEqual({"auto"} | tiers, ids)
        for known in ["auto", "tier/bulk"]:
            self.assertEqual(self.client.models.retrieve(known).id, known)
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("tier/nothing")

    def test_the_decision_stands_in_the_headers(self):
        raw = self.client.chat.completions.with_raw_response.create(
            model="auto", messages=user("Can I take ibuprofen with my blood thinner?")
        )
        said = {name: raw.headers.get(f"x-semroute-{name}") for name in HEADERS}
        self.assertNotIn(None, said.values(), said)
        decided = [said[name] for name in ["tier", "reason", "attempts"]]
        self.assertEqual(decided, ["safety", "matched", "1"])
        self.assertEqual(raw.headers["x-request-id"], said["receipt"])
        self.assertIn(said["target"], raw.parse().choices[0].message.content)

    def test_a_tier_by_name(self):
        for asked in [{"model": "tier/bulk"}, {"extra_headers": {"x-semroute-tier": "bulk"}}]:
            asked = {"model": "auto", "messages": user("Hi"), **asked}
            raw = self.client.chat.completions.with_raw_response.create(**asked)
            self.assertEqual(raw.headers["x-semroute-tier"], "bulk")

    def test_bad_requests_name_the_parameter(self):
        for wrong, param in [
            ({"messages": []}, "messages"),
            ({"messages": [{"content": "no role"}]}, "messages[0].role"),
            ({"stream": "yes"}, "stream"),
        ]:
            with self.subTest(wrong), self.assertRaises(openai.BadRequestError) as raised:
                self.create(**wrong)
            self.assertEqual(raised.exception.param, param)
            self.assertEqual(raised.exception.type, "invalid_request_error")

    def test_an_unknown_model(self):
        for model in ["gpt-nothing", "tier/nothing", "nobody/gpt"]:
            with self.subTest(model), self.assertRaises(openai.NotFoundError) as raised:
                self.create(model=model)
            error = raised.exception
            self.assertEqual((error.code, error.param), ("model_not_found", "model"))


class TestFaultyProviders(unittest.TestCase):
    """What callers notice of failing providers: nothing, or an error, but never half an answer that looks whole."""

    DOWN = ["refused", "failing", "limited", "silent"]

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.addClassCleanup(cls.provider.stop)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        rules = write_rules(Path(folder.name), cls.provider.url)
        cls.gateway = Gateway("--config", str(rules))
        cls.addClassCleanup(cls.gateway.stop)
        cls.client = cls.gateway.client()

    def create(self, model, **more):
        return self.client.chat.completions.create(model=model, messages=user("Hi"), **more)

    def test_a_wrong_or_missing_caller_key(self):
        with self.assertRaises(openai.AuthenticationError):
            self.gateway.client("wrong").models.list()
        for headers in [{"Authorization": "Bearer wrong"}, {"Authorization": openai.Omit()}]:
            with self.assertRaises(openai.AuthenticationError) as raised:
                self.create("auto", extra_headers=headers)
            self.assertEqual(raised.exception.type, "authentication_error")

    def test_a_provider_that_is_down_is_not_noticed(self):
        for tier in self.DOWN:
            with self.subTest(tier):
                raw = self.client.chat.completions.with_raw_response.create(
                    model=f"tier/{tier}", messages=user("Hi")
                )
                self.assertEqual(raw.parse().choices[0].message.content, "All is well.")
                self.assertEqual(raw.headers["x-semroute-target"], "good/m")
                self.assertEqual(raw.headers["x-semroute-attempts"], "2")

    def test_a_provider_that_is_down_is_not_noticed_in_a_stream(self):
        for tier in self.DOWN:
            with self.subTest(tier):
                self.assertEqual(text_of(self.create(f"tier/{tier}", stream=True)), "All is well.")

    def test_half_a_stream_raises(self):
        for provider in ["cut", "quiet", "broken"]:
            seen = []
            with self.subTest(provider):
                with self.assertRaises(openai.APIError) as raised:
                    for chunk in self.create(f"{provider}/m", stream=True):
                        seen.append(chunk)
                self.assertEqual(text_of(seen), "All is")
                self.assertEqual(raised.exception.code, "stream_interrupted")

    def test_the_callers_own_fault_comes_back(self):
        with self.assertRaises(openai.BadRequestError) as raised:
            self.create("tier/strict")
        self.assertEqual(raised.exception.param, "temperature")
        self.assertIn("above 2", raised.exception.message)

    def test_a_lone_provider_at_its_limit(self):
        with self.assertRaises(openai.RateLimitError) as raised:
            self.create("lone_limited/m")
        self.assertGreaterEqual(int(raised.exception.response.headers["retry-after"]), 1)

    def test_a_lone_provider_that_fails(self):
        with self.assertRaises(openai.InternalServerError) as raised:
            self.create("failing/m")
        self.assertNotIn(PROVIDER_KEY, raised.exception.response.text)

    def test_requests_arrive_as_they_were_written(self):
        sent = {"tools": [WEATHER], "response_format": SCHEMA, "seed": 7, "temperature": 0.25}
        extra = {"top_k": 3, "vendor": {"a": [1, None]}}
        self.create("good/m", **sent, extra_body=extra)
        expected = {"model": "m", "messages": user("Hi"), **sent, **extra}
        self.assertEqual(self.provider.last, expected)


class Gateway:
    """The real binary, on ports that the system chooses."""

    def __init__(self, *args):
        ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        command = [BINARY, "serve", *ports, *args]
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, **pipes)
        give_up = threading.Timer(START_MAX_S, self.process.kill)
        give_up.start()
        first = self.process.stdout.readline()
        give_up.cancel()
        found = re.search(r"http://\S+", first)
        if not found:
            raise RuntimeError(f"the gateway did not start: {first!r}")
        self.url = found.group()

    def client(self, api_key=CALLER_KEY):
        # Retries would hide what the gateway answers.
        return OpenAI(base_url=self.url, api_key=api_key, max_retries=0, timeout=60)

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=60)


class Provider:
    """An OpenAI-compatible server. The first part of a request's path says how it behaves."""

    def __init__(self):
        self.last = None
        provider = self

        class Call(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                provider.last = json.loads(self.rfile.read(int(self.headers["content-length"])))
                behave(self, self.path.split("/")[1], provider.last.get("stream", False))

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Call)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def behave(call, how, stream):
    if how == "silent":
        call.close_connection = True  # Hangs up without a word.
    elif how == "failing":
        reply(call, 500, {"error": {"message": f"{PROVIDER_KEY} is good, but we are not"}})
    elif how in ["limited", "lone_limited"]:
        error = {"message": "slow down", "code": "rate_limit_exceeded"}
        reply(call, 429, {"error": error}, {"Retry-After": "1"})
    elif how == "strict":
        error = {"message": "`temperature` is above 2", "type": "invalid_request_error"}
        reply(call, 400, {"error": {**error, "param": "temperature", "code": None}})
    elif not stream:
        choice = {"index": 0, "message": {"role": "assistant", "content": "All is well."}}
        usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
        choices = [{**choice, "finish_reason": "stop"}]
        reply(call, 200, {**completion("chat.completion", choices), "usage": usage})
    else:
        reply_in_pieces(call, how)


def reply(call, status, body, headers=None):
    text = json.dumps(body).encode()
    call.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        call.send_header(name, value)
    call.send_header("Content-Length", str(len(text)))
    call.end_headers()
    call.wfile.write(text)


def reply_in_pieces(call, how):
    call.send_response(200)
    call.send_header("Content-Type", "text/event-stream")
    call.send_header("Transfer-Encoding", "chunked")
    call.end_headers()
    pieces = [delta({"role": "assistant"}), delta({"content": "All"}), delta({"content": " is"})]
    if how == "good":
        pieces += [delta({"content": " well."}), delta({}, "stop"), "[DONE]"]
    if how == "broken":
        pieces += ['{"error": {"message": "we ran out of memory", "type": "server_error"}}']
    for piece in pieces:
        event = f"data: {piece}\n\n".encode()
        call.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
    if how == "cut":
        call.close_connection = True  # In the middle of a chunked body.
    else:
        call.wfile.write(b"0\r\n\r\n")


def completion(kind, choices):
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "m", "choices": choices}


def delta(said, finish=None):
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return json.dumps(completion("chat.completion.chunk", [choice]))


def write_rules(folder, provider):
    """Rules with a tier for every kind of failure. JSON is YAML; the examples are shipped ones, whose vectors are known."""
    names = "good failing limited lone_limited strict silent cut quiet broken".split()
    providers = {
        name: {"base_url": f"{provider}/{name}/v1", "api_key": PROVIDER_KEY} for name in names
    }
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    providers["refused"] = {"base_url": f"http://127.0.0.1:{port}/v1"}
    failing = [*TestFaultyProviders.DOWN, "strict"]
    rules = {
        "version": 1,
        "server": {"api_keys": [CALLER_KEY]},
        "breaker": {"failures": 1000},  # Every request is to meet the failure anew.
        "providers": providers,
        "tiers": {name: {"targets": [f"{name}/m", "good/m"], "patience": "none", "on_break": "error"} for name in failing},
        "default_tier": "refused",
        "query_types": {"chitchat": {"tier": "refused"}},
    }
    examples = folder / "examples"
    examples.mkdir()
    shipped = ROOT / "rules" / "examples" / "chitchat.jsonl"
    (examples / shipped.name).write_bytes(shipped.read_bytes())
    path = folder / "rules.yaml"
    path.write_text(json.dumps(rules))
    return path


def user(text):
    return [{"role": "user", "content": text}]


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


if __name__ == "__main__":
    BINARY = str(Path(sys.argv.pop(1)).resolve())
    print(f"openai {openai.__version__}", file=sys.stderr)
    unittest.main()
