# Shortcuts. Everything they do, `cargo` and `cargo xtask` do without them.

# List the recipes.
default:
    @just --list

# Start everything in one process, with nothing else needed.
run *ARGS:
    cargo run -- {{ ARGS }}

# Run every test; `just test --only buf` runs one suite.
test *ARGS:
    cargo xtask test {{ ARGS }}

# What a change must pass: formatting, lints, tests.
ci:
    cargo xtask ci

# Check formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --features "$(cargo xtask features)" -- -D warnings

# Format the code.
format:
    cargo fmt --all

# Check the contracts: style, and nothing that breaks a client.
proto:
    cargo xtask test --only buf

# Start real Kafka, PostgreSQL and Redis; `up`, `down` or `status`.
infra COMMAND="up" *ARGS:
    cargo xtask infra {{ COMMAND }} {{ ARGS }}

# Write the keys that the services share to .env, unless it has some.
keys:
    @grep -qs '^PASETO_ACCESS_KEY=' .env || cargo run --quiet --bin trolleybus-gateway -- keys generate --format env >> .env

# Start the gateway on the real parts.
gateway *ARGS: (_service "gateway" "topics apply" ARGS)

# Start the user service on the real parts.
user *ARGS: (_service "user" "migrate" ARGS)

# Start the notification service on the real parts.
notification *ARGS: (_service "notification" "" ARGS)

_service SERVICE PREPARE ARGS: keys
    #!/usr/bin/env bash
    set -euo pipefail
    set -a
    source .env
    set +a
    exports="$(cargo xtask infra up)"
    eval "$exports"
    if [[ -n "{{ PREPARE }}" ]]; then
        cargo run --quiet --bin trolleybus-{{ SERVICE }} -- {{ PREPARE }}
    fi
    exec cargo run --quiet --bin trolleybus-{{ SERVICE }} -- serve {{ ARGS }}

# Measure over REST; `just bench bus` measures the bus, `just bench standalone` the single process.
bench WHAT="rest" *ARGS:
    cargo xtask bench {{ WHAT }} {{ ARGS }}

# Regenerate the documents that are generated.
docs *ARGS:
    cargo xtask docs {{ ARGS }}
