# The image of replicas, and of those who publish: `docker build -t cdnserve-store -f deploy/store.Dockerfile .`
FROM cdnserve
USER 0
RUN pip install --no-cache-dir --only-binary :all: 'obstore>=0.12'
USER 10001:10001
