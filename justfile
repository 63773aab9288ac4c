# `just --list` shows what can be done here.

# What continuous integration checks.
check:
    .ci/check

# The tests. Those against client libraries and scikit-learn need `just venv` once.
test *args:
    cargo test {{ args }}

# A virtual environment with client libraries and scikit-learn, and those of Node, for the tests.
venv:
    python3 -m venv .venv
    .venv/bin/python -m pip install -r tests/openai/requirements.txt -r tests/sdk/requirements.txt -r tests/sklearn/requirements.txt
    npm ci --prefix tests/sdk

fmt:
    cargo fmt

# The gateway, such as `just run --sandbox-down anthropic`.
run *args:
    cargo run --release -- serve {{ args }}

# The search and the vote by size, the whole decision beside the model's bare forward pass, and requests while providers fail.
bench:
    cargo bench
    cargo run --release -- bench decide
    cargo run --release -- bench failover
