"""One client library against the real gateway, before scripted providers.

    python tests/sdk/run.py target/debug/semroute tests/sdk/clients/openai_chat.py

The client is a script that tries everything with every target in `SEMROUTE_TARGETS` and says what went wrong. Whatever a provider finds
fault with is the gateway's fault, or the script's.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from harness import CALLER_KEY, World, target
from native import scenes
from surfaces import DESCRIPTION, PARAMETERS

FOLDER = Path(__file__).resolve().parent
# One of each wire format; the matrix has the others.
TARGETS = ["openai", "anthropic", "responses", "mistral", "deepseek"]
# Mistral's client marks every turn of the model with `prefix`, which OpenAI refuses.
OTHER_TARGETS = {"mistral_chat.py": ["mistral", "anthropic", "responses", "deepseek"]}
# Clients whose surface is not there yet: they may fail.
NOT_YET = []
CLIENT_MAX_S = 100


def main(binary, script):
    begun = time.monotonic()
    with World(os.path.abspath(binary)) as world:
        client = Path(script).resolve()
        done = subprocess.run(
            [interpreter(client), str(client)], env=environment(world, client.name), cwd=client.parent, timeout=CLIENT_MAX_S
        )
        faults = world.provider.faults
    for fault in faults:
        print(f"a provider's fault: {fault['provider']}: {fault['fault']}\n  {fault['body']}", file=sys.stderr)
    print(f"{client.name}: {time.monotonic() - begun:.1f} s", file=sys.stderr)
    is_good = done.returncode == 0 and not faults
    if client.name in NOT_YET:
        remark = "passes: take it out of" if is_good else "may fail: it stands in"
        print(f"{client.name} {remark} NOT_YET in tests/sdk/run.py", file=sys.stderr)
        return 0
    return 0 if is_good else 1


def interpreter(client):
    if client.suffix == ".py":
        return sys.executable
    # The version that the packages ask for, which they bring themselves.
    return str(FOLDER / "node_modules" / ".bin" / "node")


def environment(world, client):
    """What a client needs to know: where the gateway is, whom to ask, and what everybody says."""
    said = {name: value for name, value in vars(scenes).items() if isinstance(value, (str, list, dict)) and name.isupper()}
    said = {name: value for name, value in said.items() if name != "SCENES"}
    told = {
        "SEMROUTE_URL": world.url,
        "SEMROUTE_KEY": CALLER_KEY,
        "SEMROUTE_TARGETS": json.dumps({name: target(name) for name in OTHER_TARGETS.get(client, TARGETS)}),
        "SEMROUTE_FAILING": json.dumps({status: target(f"openai_{status}") for status in [400, 429, 503]}),
        "SEMROUTE_SAID": json.dumps({**said, "DESCRIPTION": DESCRIPTION, "PARAMETERS": PARAMETERS}),
        # Everything is on this machine, whatever proxy it uses for the rest.
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(FOLDER),
    }
    own = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
    return {**own, **told}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
