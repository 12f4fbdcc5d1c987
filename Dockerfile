# Two images. Serving, explanations included, with the base requirements only (no torch, xgboost, wandb or jupyter):
#   docker build -t flight-delay-serve .
#   flight-delay keys create me --role predict
#   docker run --read-only --tmpfs /tmp --user "$(id -u)" -p 9696:9696 \
#       -v "$PWD/.flight-delay:/home/app/.flight-delay" flight-delay-serve
# The volume is a home folder in which `make run` has left a champion and the tables that the live state starts from; the server
# writes its state and its store there, what its workers count together in /tmp, and nothing anywhere else. A container listens at
# every address, so it asks for keys and does not start without one; only their owner may read them, hence --user.
# And the scheduled jobs, as `flight-delay schedule export --to kubernetes` runs them:
#   docker build --target jobs -t flight-delay .
# `tests/dev/test_container.py` runs every RUN line of the serving image, and what it starts, without Docker.
FROM python:3.11-slim AS install
RUN python -m venv --without-pip /opt/flight-delay
WORKDIR /src
COPY setup.py settings.ini constraints.txt README.md ./
COPY flight_delay flight_delay
RUN pip --python /opt/flight-delay install --no-cache-dir --no-compile --disable-pip-version-check -c constraints.txt .

FROM install AS install-jobs
RUN pip --python /opt/flight-delay install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[train]'

# What runs without them goes: symbols, and the libraries' own tests. What lies in `*.libs` keeps its symbols: auditwheel has moved
# its segments, and strip leaves them where they cannot be loaded. Bytecode is made here, as nobody can write it later, and is not
# held against the times of the sources, which a copy may change. The import at last is a check.
FROM install AS build
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN find /opt/flight-delay -name '*.so*' -type f -not -path '*.libs/*' -exec strip --strip-unneeded {} +
RUN find /opt/flight-delay -name tests -type d -prune -exec rm -r {} +
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/flight-delay/lib
RUN /opt/flight-delay/bin/python -c 'import flight_delay.serving.app' && du -sm /opt/flight-delay

FROM python:3.11-slim AS base
RUN useradd --uid 1000 --create-home app
WORKDIR /home/app
ENV FLIGHT_DELAY_HOME=/home/app/.flight-delay \
    PATH=/opt/flight-delay/bin:$PATH \
    PYTHONUNBUFFERED=1

FROM base AS jobs
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=install-jobs /opt/flight-delay /opt/flight-delay
COPY settings.ini ./
COPY scheduled scheduled
RUN mkdir reports && chown 1000 reports
USER 1000
ENV OMP_WAIT_POLICY=PASSIVE
CMD ["flight-delay", "schedule", "run"]

FROM base AS serve
COPY --from=build /opt/flight-delay /opt/flight-delay
USER 1000
ENV FLIGHT_DELAY_HOST=0.0.0.0 \
    FLIGHT_DELAY_PORT=9696
EXPOSE 9696
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s \
    CMD python -c "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', $FLIGHT_DELAY_PORT, timeout=2); \
c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"
CMD ["flight-delay", "serve"]
