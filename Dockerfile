# One image for every role: `docker run campaigns worker`, `beat`, `db upgrade` ... It holds no secret and no setting
# but its home folder; the rest comes from the environment, see .env.example.
FROM python:3.13.9-slim-bookworm AS build
WORKDIR /source
# Every release is checked against its hash here; the next step installs from what was checked and from nowhere else.
COPY requirements.lock ./
RUN pip download --no-cache-dir --require-hashes --dest /checked --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY campaigns campaigns
COPY migrations migrations
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --no-index --find-links /checked .

FROM python:3.13.9-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/campaigns campaigns && chmod 700 /var/lib/campaigns
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 CAMPAIGNS_HOME=/var/lib/campaigns
USER campaigns
WORKDIR /var/lib/campaigns
ENTRYPOINT ["campaigns"]
CMD ["--help"]
