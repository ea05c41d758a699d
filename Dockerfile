# Wheels are made here ...
FROM python:3.13-slim AS wheels
WORKDIR /build
COPY requirements requirements
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
 && pip download --no-cache-dir --require-hashes --only-binary :all: --dest /wheels -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY cdnserve cdnserve
RUN pip wheel --no-cache-dir --no-index --no-deps --no-build-isolation --wheel-dir /wheels .

# ... and only installed here: no compiler, no build tool, no source.
FROM python:3.13-slim
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl \
 && install --directory --owner 10001 --group 10001 /var/lib/cdnserve
COPY public /srv/public
ENV CDNSERVE_HOST=0.0.0.0 \
    CDNSERVE_STATE=/var/lib/cdnserve \
    PYTHONUNBUFFERED=1
WORKDIR /srv
VOLUME /var/lib/cdnserve
EXPOSE 8000
STOPSIGNAL SIGTERM
USER 10001:10001
ENTRYPOINT ["cdnserve"]
CMD ["serve"]
