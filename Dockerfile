# The serving image: the base requirements only (no torch, xgboost, wandb or jupyter).
#   docker build -t flight-delay .
#   docker run -p 9696:9696 -v "$PWD/.flight-delay:/home/app/.flight-delay:ro" flight-delay
# The volume is a home folder in which `make run` has left a champion and the tables that the live state starts from.
FROM python:3.11-slim

RUN useradd --create-home app
WORKDIR /home/app

COPY setup.py settings.ini constraints.txt README.md ./
COPY flight_delay flight_delay
RUN pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .

USER app
ENV FLIGHT_DELAY_HOME=/home/app/.flight-delay \
    FLIGHT_DELAY_HOST=0.0.0.0 \
    PYTHONUNBUFFERED=1
EXPOSE 9696
HEALTHCHECK --interval=30s --timeout=3s --start-period=30s \
    CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:9696/health', timeout=2)"
CMD ["flight-delay", "serve"]
