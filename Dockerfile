# Wheels are made here: nothing of this stage is in the image.
FROM python:3.13-slim AS wheels
WORKDIR /build
COPY requirements/build.txt requirements/serve.txt requirements/
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements/build.txt \
 && pip download --no-cache-dir --require-hashes --no-deps --only-binary :all: --dest /wheels/dependencies -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY cdnserve cdnserve
# A wheel's members are dated by this, so that the same source gives the same wheel.
RUN SOURCE_DATE_EPOCH=315532800 \
    pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheels/cdnserve .

# No compiler, no build tool, no source: what the wheels hold, and Python.
FROM python:3.13-slim
LABEL org.opencontainers.image.title="cdnserve" \
      org.opencontainers.image.description="An origin server for JavaScript, CSS and font libraries" \
      org.opencontainers.image.licenses="MIT"
# Dependencies have a layer of their own: a new cdnserve does not move them again. The file system may be read-only, so
# Python's bytecode is compiled now, checked by nothing (PEP 552), which also makes it the same in every build.
RUN --mount=type=bind,from=wheels,source=/wheels/dependencies,target=/wheels \
    pip install --no-cache-dir --no-index --no-deps --no-compile /wheels/*.whl \
 && python -m compileall -q -x /pip/ --invalidation-mode unchecked-hash \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
RUN --mount=type=bind,from=wheels,source=/wheels/cdnserve,target=/wheels \
    pip install --no-cache-dir --no-index --no-deps --no-compile /wheels/*.whl \
 && python -m compileall -q --invalidation-mode unchecked-hash \
    "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/cdnserve" \
 && pip check \
 && install --directory --owner 10001 --group 10001 /var/lib/cdnserve \
 && install --directory /srv/public
ENV CDNSERVE_HOST=0.0.0.0 \
    CDNSERVE_STATE=/var/lib/cdnserve \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /srv
EXPOSE 8000
STOPSIGNAL SIGTERM
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["cdnserve", "healthcheck", "--ready"]
ENTRYPOINT ["cdnserve"]
CMD ["serve"]
