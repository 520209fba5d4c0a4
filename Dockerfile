# The demo on a CPU, in a container:
#
#   docker build --tag fairforget .
#   docker run --rm --volume "$PWD/runs:/app/runs" fairforget
#
# The results are then in runs/demo.
FROM debian:trixie-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates gcc libc6-dev make python3-dev python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY . .

# Where pip also looks for torch: its build for CPUs is a tenth of the size of that for CUDA.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1 make .venv/.ready

CMD ["make", "demo"]
