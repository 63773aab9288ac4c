"""The real gateway before scripted providers, on ports that the system chooses."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from provider import KINDS, Provider, configured

ROOT = Path(__file__).resolve().parents[2]
START_MAX_S = 120
CALLER_KEY = "key-of-the-caller"
# What a provider may be told to fail with, whatever it is asked.
STATUSES = [400, 401, 402, 404, 413, 429, 500, 503, 529]
EXAMPLES = [
    *[{"text": f"write a poem about {theme}", "label": "poem"} for theme in "the sea,love,rain,a dog".split(",")],
    *[{"text": f"what is the {thing} of France", "label": "fact"} for thing in "capital,flag,area,anthem".split(",")],
]


class World:
    """A gateway and all providers. Leaving it ends both."""

    def __init__(self, binary):
        self.provider = Provider()
        self.folder = tempfile.TemporaryDirectory()
        self.process = None
        try:
            self.url, self.admin = self.start(binary, write_rules(Path(self.folder.name), self.provider.url))
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process:
            self.process.terminate()
            self.process.communicate(timeout=60)
        self.provider.stop()
        self.folder.cleanup()

    def start(self, binary, rules):
        command = [binary, "serve", "--config", str(rules), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        log = Path(self.folder.name, "log")
        with log.open("wb") as sink:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=sink, text=True)
        give_up = threading.Timer(START_MAX_S, self.process.kill)
        give_up.start()
        first = self.process.stdout.readline()
        give_up.cancel()
        found = re.search(r"http://\S+", first)
        if not found:
            sys.exit(f"the gateway did not start: {first}{log.read_text()[-4000:]}")
        return found.group().removesuffix("/v1"), None


def model_of(kind):
    return KINDS[kind].model


def target(name):
    return f"{name}/{model_of(name.partition('_')[0])}"


def failover(first, second):
    """The tier whose first target is always overloaded."""
    return f"{first}-to-{second}"


def write_rules(folder, address):
    """Every kind of provider, well and failing, and a tier for every pair. JSON is YAML."""
    names = [*KINDS, *(f"{kind}_{status}" for kind in KINDS for status in STATUSES)]
    calm = {"patience": "none", "hedge": False, "on_break": "error"}
    pairs = [(first, second) for first in KINDS for second in KINDS if first != second]
    tiers = {
        failover(first, second): {"targets": [target(f"{first}_503"), target(second)], **calm} for first, second in pairs
    }
    tiers["usual"] = {"targets": [target("openai")], **calm}
    rules = {
        "version": 1,
        "server": {"api_keys": [CALLER_KEY]},
        "embedder": {"model": "static"},
        # Every request is to meet the failure anew.
        "breaker": {"failures": 1000},
        "providers": {name: configured(name, address) for name in names},
        "tiers": tiers,
        "default_tier": "usual",
        "query_types": {"poem": {"tier": "usual"}, "fact": {"tier": "usual"}},
    }
    (folder / "examples").mkdir()
    (folder / "examples" / "all.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in EXAMPLES))
    path = folder / "rules.yaml"
    path.write_text(json.dumps(rules))
    return path
