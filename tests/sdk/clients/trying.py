"""What the scripts of all Python clients share."""

import json
import os
import sys
import traceback

URL, KEY = os.environ["SEMROUTE_URL"], os.environ["SEMROUTE_KEY"]
TARGETS = json.loads(os.environ["SEMROUTE_TARGETS"])
FAILING = {int(status): target for status, target in json.loads(os.environ["SEMROUTE_FAILING"]).items()}
SAID = json.loads(os.environ["SEMROUTE_SAID"])
PICTURE_URL = f"data:image/png;base64,{SAID['PICTURE']}"
CALLS = [(SAID["TOOL"], {"place": place}) for place in SAID["PLACES"]]
FUNCTION = {"name": SAID["TOOL"], "description": SAID["DESCRIPTION"], "parameters": SAID["PARAMETERS"]}


def equal(value, expected):
    assert value == expected, f"{value!r} is not {expected!r}"


def raises(kinds, call):
    """The error that `call` raises, which has to be one of these."""
    try:
        said = call()
    except kinds as error:
        return error
    raise AssertionError(f"no error, but {said!r}")


def run(client, with_targets, alone):
    """Tries each of `with_targets` with every target, and each of `alone` once."""
    cells = [(check, (target,)) for check in with_targets for target in TARGETS.values()]
    cells += [(check, ()) for check in alone]
    failed = 0
    for check, arguments in cells:
        try:
            check(*arguments)
        except Exception:
            failed += 1
            print(f"{client}: {check.__name__}{arguments}:\n{traceback.format_exc(limit=-3)}", file=sys.stderr)
    print(f"{client}: {len(cells) - failed} of {len(cells)} passed", file=sys.stderr)
    sys.exit(1 if failed else 0)
