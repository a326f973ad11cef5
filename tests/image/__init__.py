"""The image of `deploy/Dockerfile`, built by buildah and run as Kubernetes runs it: `make
image`.
"""
