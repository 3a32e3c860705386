# Two stages: a build as ./dev makes it, with link-time optimisation, and a base with nothing but
# the program, its libraries and the certificate authorities' list.
#   docker build -t weir:0.2.0 .
# Without a registry: deploy/container/prove.sh makes a base and builds on it.
ARG BASE=docker.io/library/debian:12.12-slim

FROM ${BASE} AS build
WORKDIR /src
COPY cmake/packages.txt cmake/packages.txt
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates \
      $(awk '!/^#/ && $2 == "build" { print $1 }' cmake/packages.txt) >/dev/null
COPY . .
# How many compilers run at a time; empty: as many as there are CPUs.
ARG JOBS=
RUN cmake --preset release -DWEIR_TESTS=OFF -DWEIR_BENCH=OFF -DWEIR_WERROR=ON \
      -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON \
      -DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags,-rpath,/usr/local/lib/weir >/dev/null \
 && CMAKE_BUILD_PARALLEL_LEVEL=${JOBS} cmake --build --preset release --target weir_exe \
 && deploy/container/collect.sh build/release/weir /image \
 && mkdir /state

FROM ${BASE}
# The program with the libraries that the base lacks, found through its run path (the old kind of tag:
# those libraries need one another).
COPY --from=build /image/ /
# For server.state_dir: a volume that is mounted there for the first time gets its owner from here.
COPY --from=build --chown=65532:65532 /state/ /var/lib/weir/
ARG VERSION=0.2.0
# The commit it was built from.
ARG REVISION=
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="HTTP API gateway" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Where OpenSSL finds the authorities; the base has none of its own.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
EXPOSE 8080 8443 9901
# No shell is needed for any of these.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["/usr/local/bin/weir", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/weir"]
CMD ["run"]
