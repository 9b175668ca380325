# The commands of everyday work. `just` alone lists them.
default:
    @just --list

# format, lint, test: what CI does, without the engine
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test

# the main job
demo:
    cargo run --release -- demo

# every figure of benches/README.md
bench:
    cargo build --release
    cargo run --release -p mayfly-benches

# rebuild the engine artifacts (needs the Wasm tools, see guest-sdk/README.md)
engine:
    cargo run --release --manifest-path guest-sdk/engine/build/Cargo.toml

# write the Cap'n Proto code from the schema (needs `capnp`)
schemas:
    schemas/generate
