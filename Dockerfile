FROM node:22-slim@sha256:c3de60bf2f9dd0ac6370e6117950ff62d6e339527e7472301c9c78a017978392 AS front-end
WORKDIR /source/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-progress
COPY frontend ./
RUN npm run build --silent

FROM python:3.13-slim@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS wheel
WORKDIR /source
COPY requirements-build.txt ./
RUN python -m pip install --no-cache-dir --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY schema schema
COPY resolvers resolvers
COPY --from=front-end /source/gateway/ide/dist gateway/ide/dist
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .
RUN mkdir /data

FROM python:3.13-slim@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285
RUN python -m venv /opt/gateway
COPY requirements.txt /opt/gateway/
RUN /opt/gateway/bin/python -m pip install --no-cache-dir --require-hashes -r /opt/gateway/requirements.txt
COPY --from=wheel /wheels /opt/gateway/wheels
RUN /opt/gateway/bin/python -m pip install --no-cache-dir --no-deps --no-index /opt/gateway/wheels/*.whl

# Where the sessions' database is, unless they are kept in Redis: mount a volume here to keep it.
COPY --from=wheel --chown=10001:10001 /data /data
WORKDIR /data
USER 10001:10001
ENV GATEWAY_HOST=0.0.0.0 GATEWAY_PORT=8000 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/opt/gateway/bin/python", "-c", "import http.client, os, sys; livez = http.client.HTTPConnection('127.0.0.1', int(os.environ['GATEWAY_PORT']), timeout=2); livez.request('GET', '/livez'); sys.exit(livez.getresponse().status != 200)"]
ENTRYPOINT ["/opt/gateway/bin/gateway"]
CMD ["serve"]
