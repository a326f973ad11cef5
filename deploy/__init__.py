"""Everything for running Mailcase: private servers on one machine (`deploy.local`), containers,
Kubernetes manifests.
"""
