# Two stages: what builds stays behind. The image runs as a numeric user, writes only to /data, and needs no shell.
#
#   docker build -t spfcheck .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -v spfcheck:/data -p 8080:8080 \
#       -e SPFCHECK_API_KEYS=... -e SPFCHECK_SENDER_INCLUDE=_spf.mail.example spfcheck

# The larger image has the C compiler with which the inner rooms are compiled; 3.11 is what the tests run on.
FROM python:3.11-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /app
COPY requirements/build.txt requirements/compile.txt requirements/image.txt requirements/
RUN /app/bin/python -m pip install --require-hashes --no-deps -r requirements/build.txt \
 && /app/bin/python -m pip install --require-hashes --no-deps --no-build-isolation -r requirements/image.txt \
 && /app/bin/python -m pip install --require-hashes --no-deps -r requirements/compile.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY spfcheck spfcheck
RUN SPFCHECK_COMPILED=1 /app/bin/python -m pip install --no-deps --no-build-isolation . \
 && /app/bin/python -m pip uninstall --yes mypy ast-serialize librt mypy-extensions pathspec pip setuptools wheel \
 && /app/bin/python -m compileall -q /app/lib

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="spfcheck" \
      org.opencontainers.image.description="May we send mail as this domain, and what exactly must its owner publish?" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /app /app
RUN install -d -o 65532 -g 65532 /data
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SPFCHECK_HOST=0.0.0.0 SPFCHECK_PORT=8080 \
    SPFCHECK_DATABASE_URL=sqlite:////data/spfcheck.sqlite3 SPFCHECK_NOTIFY_PAUSE_FILE=/data/spfcheck.pause
WORKDIR /data
VOLUME /data
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 CMD ["/app/bin/spfcheck", "health"]
ENTRYPOINT ["/app/bin/spfcheck"]
CMD ["serve"]
