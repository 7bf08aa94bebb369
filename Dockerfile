# vmprof, to run libraries that TVM exported: docs/start/install.md says what it has to be started with.
ARG PYTHON=3.12

# What a developer has: .devcontainer stops here.
FROM python:${PYTHON}-slim-bookworm AS develop
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc git libc6-dev make \
 && rm -rf /var/lib/apt/lists/*

FROM develop AS build
COPY . /source
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:${PYTHON}-slim-bookworm
# The compiler links the models that vmprof compiles; whoever has a library can do without.
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --root-user-action ignore /wheels/*.whl
WORKDIR /work
ENTRYPOINT ["vmprof"]
CMD ["--help"]
