"""Scripted providers, each as strict as the API that it stands for.

    python tests/sdk/provider.py

serves all of them on one port and prints the address. The first part of a path names the provider: `/anthropic/v1/messages`.
Behind an underscore stands how it fails, whatever it is asked: `/anthropic_503/v1/messages` is always overloaded.
`GET /seen` says what came, `GET /faults` what was refused that no scene asked for; `DELETE` of either forgets.
"""

import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from native import scenes
from native.anthropic import Messages
from native.bedrock import REGION, Bedrock
from native.cohere import Cohere
from native.compatible import Azure, DeepSeek, LlamaCpp, Mistral, Ollama, OpenRouter, Qwen, Vllm
from native.google import Gemini, Vertex
from native.openai import Chat
from native.responses import Responses
from native.strict import Fault
from native.wire import Call


@dataclass
class Kind:
    """A provider of which there may be several."""

    speaks: type
    dialect: str
    base: str
    model: str
    more: dict = field(default_factory=dict)


AWS = {"aws": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "{key}"}, "region": REGION}
VERTEX = "/v1/projects/proj/locations/europe-west4/publishers/google"
KINDS = {
    "openai": Kind(Chat, "openai", "/v1", "gpt-4o"),
    "thinker": Kind(Chat, "openai", "/v1", "gpt-5-mini"),
    "responses": Kind(Responses, "responses", "/v1", "gpt-5.4"),
    "azure": Kind(Azure, "azure", "", "gpt-4o-ours"),
    "anthropic": Kind(Messages, "anthropic", "", "claude-opus-4-7"),
    "sonnet": Kind(Messages, "anthropic", "", "claude-sonnet-4-5"),
    "gemini": Kind(Gemini, "gemini", "/v1beta", "gemini-3-pro"),
    "flash": Kind(Gemini, "gemini", "/v1beta", "gemini-2.5-flash"),
    "vertex": Kind(Vertex, "vertex", VERTEX, "gemini-3-pro"),
    "cohere": Kind(Cohere, "cohere", "", "command-a-03-2025"),
    "mistral": Kind(Mistral, "mistral", "/v1", "mistral-large-latest"),
    "deepseek": Kind(DeepSeek, "deepseek", "", "deepseek-chat"),
    "qwen": Kind(Qwen, "qwen", "/compatible-mode/v1", "qwen-max"),
    "bedrock": Kind(Bedrock, "bedrock", "", "eu.anthropic.claude-sonnet-4-5-v1:0", AWS),
    "openrouter": Kind(OpenRouter, "openrouter", "/api/v1", "somebody/some-model"),
    "ollama": Kind(Ollama, "ollama", "/v1", "llama3.2:3b"),
    "vllm": Kind(Vllm, "vllm", "/v1", "Qwen/Qwen3-8B"),
    "llamacpp": Kind(LlamaCpp, "llamacpp", "/v1", "some.gguf"),
}


def key_of(name):
    """Every provider has a key of its own, so that none is sent to another."""
    return f"key-of-{name.replace('_', '-')}"


def configured(name, address):
    """The provider as a gateway is told of it."""
    kind = KINDS[name.partition("_")[0]]
    key = key_of(name)
    credential = {"api_key": key}
    if kind.more:
        aws = {part: text.format(key=key) for part, text in kind.more["aws"].items()}
        credential = {"aws": aws, "region": kind.more["region"]}
    return {"dialect": kind.dialect, "base_url": f"{address}/{name}{kind.base}", **credential}


class Provider:
    """All of them, on a port that the system chooses."""

    def __init__(self):
        self.seen, self.faults, self.lock = [], [], threading.Lock()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["content-length"] or 0))
                send(self, provider.answer(self.path, self.headers, raw))

            def do_GET(self):
                known = {"/seen": provider.seen, "/faults": provider.faults}
                text = json.dumps(known.get(self.path, [])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_DELETE(self):
                provider.forget()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def forget(self):
        with self.lock:
            self.seen.clear()
            self.faults.clear()

    def answer(self, target, headers, raw):
        url = urlsplit(target)
        name, _, rest = url.path[1:].partition("/")
        kind, _, fails = name.partition("_")
        speaker = KINDS[kind].speaks()
        # What is sent twice is one list (RFC 9110 section 5.3).
        sent = {name.lower(): ", ".join(headers.get_all(name)) for name in headers}
        call = Call(f"/{rest}", dict(parse_qsl(url.query)), sent, {}, raw)
        call.signed_path = url.path
        try:
            said = self.heard(speaker, call, name, fails)
            return said
        except scenes.Failure as failure:
            return speaker.error(failure.status)
        except Fault as fault:
            with self.lock:
                self.faults.append({"provider": name, "path": target, "fault": str(fault), "body": raw.decode()[:4000]})
            return speaker.fault(fault)

    def heard(self, speaker, call, name, fails):
        speaker.key(call, key_of(name))
        call.body = json.loads(call.raw)
        seen = {"provider": name, "path": call.path, "body": json.loads(call.raw)}
        with self.lock:
            self.seen.append(seen)
        asked = speaker.read(call)
        seen["scene"] = asked.scene
        if fails:
            raise scenes.Failure(int(fails))
        said = scenes.play(asked)
        return speaker.stream(asked, said) if asked.stream else speaker.whole(asked, said)


def send(handler, answer):
    handler.send_response(answer.status)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    is_chunked = answer.headers.get("Content-Type") not in [None, "application/json"]
    if is_chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    elif "Content-Length" not in answer.headers:
        handler.send_header("Content-Length", str(sum(map(len, answer.pieces))))
    handler.end_headers()
    for piece in answer.pieces:
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if is_chunked else piece)
    if answer.cut:
        handler.close_connection = True  # In the middle of a body whose end was announced.
    elif is_chunked:
        handler.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    print(Provider().url, flush=True)
    sys.stdin.read()
