"""How Mailcase is run: private servers on one machine (`deploy.local`), containers and Kubernetes
manifests.
"""
