"""Signing in with an OpenID provider: the code flow of OpenID Connect Core 1.0 with PKCE (RFC
7636).
"""
