"""Everything that callers speak against everything that providers speak.

    python tests/sdk/matrix.py target/debug/semroute [surface [provider]]

A cell is a surface, a provider and a scene, whole or streamed. Each is asked of the real gateway; what the caller hears must be
what the provider said, and the provider must have found no fault with what it was asked.
"""

import http.client
import json
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import surfaces
from harness import CALLER_KEY, World, failover, model_of, target
from native import scenes
from provider import KINDS
from surfaces import SURFACES, Wrong

# What is not there yet, as (surface, provider, scene); `*` is any. Its cells may fail; a row whose cells all pass is reported.
NOT_YET = [
    # It goes out as its caller wrote it, and that model refuses a budget for thinking at its own interface too.
    ("messages", "anthropic", "reasoning"),
    ("messages", "anthropic", "thoughts"),
]

SCENES = ["plain", "tools", "schema", "image", "reasoning", "refusal", "length", "break", "midstream-error"]
SAYS = {
    "plain": (scenes.PLAIN, "stop"),
    "schema": (scenes.JSON_ANSWER, "stop"),
    "image": (scenes.SEEN, "stop"),
    "reasoning": (scenes.PLAIN, "stop"),
    "refusal": (scenes.REFUSED, "content_filter"),
    "length": (scenes.HALF, "length"),
}
CALLS = [(scenes.TOOL, {"place": place}) for place in scenes.PLACES]
# Who has no word for it.
NO_REFUSALS = {"cohere", "ollama"}
NO_CACHE_COUNTS = {"ollama"}
NO_THOUGHT_COUNTS = {"anthropic", "sonnet", "bedrock", "cohere", "ollama"}
NO_THOUGHTS = {"openai", "thinker", "azure"}
# What a caller hears of a provider's error, by its status; the operator's troubles are not the caller's.
ERRORS = {400: 400, 401: 502, 402: 502, 404: 502, 413: 413, 429: 429, 500: 502, 503: 503, 529: 503}
WORKERS = 4


class Caller:
    """A connection to the gateway for each thread."""

    def __init__(self, world):
        self.host = world.url.removeprefix("http://")
        self.local = threading.local()

    def post(self, path, body):
        """The status and the body; of a streamed answer, all of it."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.host, timeout=60)
        headers = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}
        try:
            self.local.connection.request("POST", path, json.dumps(body), headers)
            response = self.local.connection.getresponse()
            answer = response.status, response.read(), response.headers
            if response.status == 404:
                # The gateway has not read the body of what it does not know, and hangs up.
                self.local.connection.close()
            return answer
        except (OSError, http.client.HTTPException):
            # The next request is not to suffer from it.
            self.local.connection.close()
            raise


class Matrix:
    def __init__(self, world):
        self.world, self.caller = world, Caller(world)

    def ask(self, surface, body):
        status, raw, headers = self.caller.post(surface.path, body)
        if status != 200:
            raise Wrong(f"status {status}: {raw.decode()[:600]}")
        if body["stream"]:
            must_be(headers["content-type"].partition(";")[0], "text/event-stream", "content type")
            return surface.stream(raw)
        return surface.whole(json.loads(raw))

    def scene(self, surface, kind, scene, stream):
        surface = SURFACES[surface]()
        body = surface.body(scene, target(kind), stream)
        if scene in ["break", "midstream-error"]:
            return self.failing(surface, body, stream)
        heard = self.ask(surface, body)
        if scene == "tools":
            self.called(surface, kind, heard)
            heard = self.ask(surface, surface.go_on(body, heard))
            return self.said(surface, kind, heard, (scenes.RESULT, "stop"))
        return self.said(surface, kind, heard, SAYS[scene])

    def called(self, surface, kind, heard):
        must_be([call[1:] for call in heard.calls], CALLS, "calls")
        must_be(heard.finish, "tool_calls", "finish")
        ids = [call[0] for call in heard.calls]
        if not all(ids) or len(set(ids)) != len(ids):
            raise Wrong(f"calls without names of their own: {ids}")
        self.counted(surface, kind, heard)

    def said(self, surface, kind, heard, expected):
        text, finish = expected
        if kind in NO_REFUSALS and finish == "content_filter":
            finish = "stop"
        must_be(heard.text or heard.refusal, text, "text")
        must_be(heard.finish, finish, "finish")
        must_be(heard.calls, [], "calls")
        self.counted(surface, kind, heard)

    def counted(self, surface, kind, heard):
        cached = 0 if kind in NO_CACHE_COUNTS else scenes.CACHED
        thoughts = 0 if kind in NO_THOUGHT_COUNTS or isinstance(surface, surfaces.Messages) else scenes.THINKING
        must_be(heard.usage, (scenes.PROMPT, cached, scenes.COMPLETION, thoughts), "usage")
        must_be(heard.model, model_of(kind), "model")

    def failing(self, surface, body, stream):
        """Half an answer must never look whole."""
        if not stream:
            status, raw, _ = self.caller.post(surface.path, body)
            must_be(status in [500, 502, 503, 504], True, f"a failure's status, not {status}")
            surface.error(json.loads(raw))
            return
        status, raw, _ = self.caller.post(surface.path, body)
        must_be(status, 200, f"status of a stream that breaks off later: {raw.decode()[:300]}")
        heard = surface.stream(raw)
        must_be(bool(heard.error), True, f"an error in the stream, not {heard}")
        must_be(heard.text in ["All", scenes.HALF], True, f"half of it, not {heard.text!r}")

    def thoughts(self, surface, kind, stream):
        """What a model thought reaches the caller, apart from what it says."""
        surface = SURFACES[surface]()
        heard = self.ask(surface, surface.body("reasoning", target(kind), stream))
        must_be(heard.thoughts, scenes.THOUGHT, "thoughts")
        must_be(heard.text, scenes.PLAIN, "text")

    def failover(self, surface, first, second, stream):
        surface = SURFACES[surface]()
        heard = self.ask(surface, surface.body("plain", f"tier/{failover(first, second)}", stream))
        self.said(surface, second, heard, SAYS["plain"])

    def handover(self, surface, first, second, stream):
        """The calls of one provider, answered to another."""
        surface = SURFACES[surface]()
        body = surface.body("tools", target(first), stream)
        heard = self.ask(surface, body)
        body = {**surface.go_on(body, heard), "model": target(second)}
        self.said(surface, second, self.ask(surface, body), (scenes.RESULT, "stop"))

    def error(self, surface, kind, status):
        surface = SURFACES[surface]()
        came, raw, _ = self.caller.post(surface.path, surface.body("plain", target(f"{kind}_{status}"), False))
        must_be(came, ERRORS[status], f"status for {status}: {raw.decode()[:300]}")
        surface.error(json.loads(raw))


def must_be(value, expected, what):
    if value != expected:
        raise Wrong(f"{what}: {value!r} is not {expected!r}")


def cells(only_surface, only_kind):
    """Every cell as its coordinates and the arguments of the method that tries it."""
    for surface, speaks in SURFACES.items():
        if only_surface not in [None, surface]:
            continue
        for at, kind in enumerate(KINDS):
            if only_kind not in [None, kind]:
                continue
            for scene in getattr(speaks, "scenes", SCENES):
                for stream in [False, True]:
                    yield (surface, kind, scene), ("scene", surface, kind, scene, stream)
            has_tools = not hasattr(speaks, "scenes")
            for stream in [False, True]:
                if has_tools and kind not in NO_THOUGHTS:
                    yield (surface, kind, "thoughts"), ("thoughts", surface, kind, stream)
            for status in ERRORS if surface == "chat" else [400 + at % 2 * 29]:
                yield (surface, kind, f"error {status}"), ("error", surface, kind, status)
            others = [other for other in KINDS if other != kind]
            for number, other in enumerate(others):
                # Whole and streamed in turn: both for every provider, one for every pair.
                yield (surface, kind, "failover"), ("failover", surface, other, kind, (at + number) % 2 == 0)
                if has_tools and (surface == "chat" or number % 4 == at % 4):
                    yield (surface, kind, "handover"), ("handover", surface, other, kind, (at + number) % 2 == 1)


def rows_of(tried):
    """The rows of NOT_YET that a cell belongs to; a cell of two providers waits for both."""
    (surface, kind, scene), arguments, _ = tried
    names = {kind, *(name for name in arguments if scene == "handover" and name in KINDS)}
    cells = [(surface, name, scene) for name in names]
    return [row for row in NOT_YET if any(all(map(fits, row, cell)) for cell in cells)]


def fits(listed, have):
    return listed in ["*", have]


def is_waiting(provider):
    return any(kind == provider.partition("_")[0] for _, kind, _ in NOT_YET)


def main(binary, only_surface=None, only_kind=None):
    begun = time.monotonic()
    with World(os.path.abspath(binary)) as world:
        started = time.monotonic() - begun
        matrix = Matrix(world)

        def attempt(cell):
            place, (how, *arguments) = cell
            try:
                getattr(matrix, how)(*arguments)
                return place, arguments, None
            except Exception as error:
                return place, arguments, f"{type(error).__name__}: {error}"

        with ThreadPoolExecutor(WORKERS) as pool:
            tried = list(pool.map(attempt, cells(only_surface, only_kind)))
        faults = world.provider.faults
    unexpected = [each for each in faults if not is_waiting(each["provider"])]
    failed = [each for each in tried if each[2]]
    waiting = [each for each in failed if rows_of(each)]
    wrong = [each for each in failed if not rows_of(each)]
    needed = {row for each in waiting for row in rows_of(each)}
    covered = {row for each in tried for row in rows_of(each)}
    report(wrong, unexpected)
    for row in sorted(covered - needed):
        print(f"everything of {row} is there: take it out of NOT_YET in tests/sdk/matrix.py", file=sys.stderr)
    passed = len(tried) - len(wrong) - len(waiting)
    took = time.monotonic() - begun
    print(
        f"{passed} of {len(tried)} cells passed, {len(waiting)} are not there yet, {len(wrong)} failed; "
        f"{len(unexpected)} faults found by providers; {took:.1f} s, {started:.1f} of them to start",
        file=sys.stderr,
    )
    return 1 if wrong or unexpected or not tried else 0


def report(wrong, faults):
    """Each kind of failure once, with how often it came."""
    for (place, count), example in grouped(wrong):
        print(f"{' / '.join(place)} ({count}): {example}", file=sys.stderr)
    for fault, count in Counter(f"{each['provider']}: {each['fault']}" for each in faults).items():
        print(f"a provider's fault ({count}): {fault}", file=sys.stderr)


def grouped(wrong):
    counts = Counter(place for place, _, _ in wrong)
    examples = {place: f"{arguments[-2:]} {why}" for place, arguments, why in reversed(wrong)}
    return [((place, count), examples[place]) for place, count in counts.items()]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
