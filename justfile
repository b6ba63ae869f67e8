# What is done often. `just` alone lists it; each is one command that also works without `just`.

_:
    @just --list

# Serve on the embedded default
run:
    cargo run

# Install what is missing and run every check
test:
    scripts/test

# The checks that take seconds
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Format the code
fmt:
    cargo fmt --all

# The journeys through a browser; pictures of all pages go to target/screenshots
screenshots:
    cargo test --package vestibule --features browser --test browser

# What a page and a login cost, and what they cost over each kind of store
bench:
    cargo bench --workspace --all-features --bench pages --bench stores

# The documentation of the code
doc:
    cargo doc --workspace --no-deps --open

# What strangers send, made up a million times for each reader of it
fuzz:
    scripts/fuzz
