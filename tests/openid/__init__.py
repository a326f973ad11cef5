"""An OpenID provider for tests: `provider.js`, run by node with the packages of
`package-lock.json`.
"""
