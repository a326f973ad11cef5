"""An OpenID provider for tests: `provider.js`, run by Node.js with the packages of
`package-lock.json`.
"""
