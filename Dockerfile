# Two images. Serving, explanations included, with the base requirements only (no torch, xgboost, wandb or jupyter):
#   docker build -t flight-delay-serve .
#   flight-delay keys create me --role predict
#   docker run --user "$(id -u)" -p 9696:9696 -v "$PWD/.flight-delay:/home/app/.flight-delay" flight-delay-serve
# The volume is a home folder in which `make run` has left a champion and the tables that the live state starts from; the server
# writes its state and its store there, and nowhere else. A container listens at every address, so it asks for keys and does not
# start without one; only their owner may read them, hence --user.
# And the scheduled jobs, as `flight-delay schedule export --to kubernetes` runs them:
#   docker build --target jobs -t flight-delay .
FROM python:3.11-slim AS base

RUN useradd --create-home app
WORKDIR /home/app
COPY setup.py settings.ini constraints.txt README.md ./
COPY flight_delay flight_delay
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .
ENV FLIGHT_DELAY_HOME=/home/app/.flight-delay \
    PYTHONUNBUFFERED=1

FROM base AS jobs
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[train]'
COPY scheduled scheduled
RUN mkdir reports && chown app reports
USER app
ENV OMP_WAIT_POLICY=PASSIVE
CMD ["flight-delay", "schedule", "run"]

FROM base AS serve
USER app
ENV FLIGHT_DELAY_HOST=0.0.0.0
EXPOSE 9696
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s \
    CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:9696/health', timeout=2)"
CMD ["flight-delay", "serve"]
