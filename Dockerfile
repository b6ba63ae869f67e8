# The two base images can be others; scripts/test-compose makes its own where no registry is near.
ARG BUILDER_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

# The workspace without its code: what the dependencies are built from, so that they are built again only when they change.
FROM ${BUILDER_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -name '*.rs' -delete \
    && find . -mindepth 5 -name '*.rs' -delete \
    && find . -path '*/src/*' -name '*.rs' ! -name lib.rs ! -name main.rs -delete \
    && find . -name '*.rs' -exec truncate --size 0 {} + \
    && for file in $(find . -name main.rs); do echo 'fn main() {}' >"${file}"; done

FROM ${BUILDER_IMAGE} AS build
ARG PROFILE=release
WORKDIR /src
COPY --from=manifests /src .
RUN cargo build --locked --package vestibule --profile "${PROFILE}"
COPY . .
# To cargo, files that are older than what it has built have not changed. It calls the folder of the profile "dev" debug.
RUN find crates migrations -name '*.rs' -exec touch {} + \
    && cargo build --locked --package vestibule --profile "${PROFILE}" \
    && install -D "target/$(test "${PROFILE}" = dev && echo debug || echo "${PROFILE}")/vestibule" /out/vestibule \
    && mkdir /out/data

FROM ${RUNTIME_IMAGE}
# The roots for TLS to a database and to Redis.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/vestibule /usr/local/bin/vestibule
# The embedded database and the secret key, unless they are told to be elsewhere: the one place that is written to.
COPY --from=build --chown=10001:10001 /out/data /data
VOLUME /data
# The default database is data/vestibule.db, the config file config/vestibule.toml, both from here.
WORKDIR /
ENV VESTIBULE_SERVER__ADDRESS=0.0.0.0
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["vestibule", "health"]
ENTRYPOINT ["vestibule"]
