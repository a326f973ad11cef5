"""A real OpenID provider, a desk behind a real port, and a browser that talks to both."""

import asyncio
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest
import uvicorn
from joserfc.jwk import RSAKey
from starlette.types import ASGIApp

SOURCE = Path(__file__).parents[3] / "openid"
CLIENT_ID, CLIENT_SECRET = "mailcase", "a secret + of % the client"
NODE_AT_LEAST = 20
_FILES = ("package.json", "package-lock.json", "provider.js")


def installed_provider() -> Path:
    """The folder with the provider's program and packages, installed from its lock file once per
    checkout.

    The test is skipped if no suitable Node.js is installed; with CI=true it fails.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    version = (
        subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        if node
        else "v0"
    )
    if not npm or int(version.lstrip("v").split(".", maxsplit=1)[0]) < NODE_AT_LEAST:
        reason = f"needs node {NODE_AT_LEAST} or later and npm: apt-get install nodejs npm"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in _FILES)).hexdigest()
    folder = SOURCE.parents[1] / ".run" / f"openid-provider-{digest[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            for name in _FILES:
                shutil.copy(SOURCE / name, folder)
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=folder, check=True, timeout=300)
            (folder / "ready").touch()
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class RunningProvider:
    """A provider at `issuer`; `restart` gives it other keys or claims."""

    desk_url: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def restart(self, *, claims_in_id_token: bool = False) -> None:
        """Start the provider with new keys. Earlier sessions and codes become invalid."""
        self.stop()
        folder = installed_provider()
        key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}).as_dict(private=True)
        settings = {
            "port": self.port,
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "redirectUri": f"{self.desk_url}/sign-in/provider/callback",
            "signInUri": f"{self.desk_url}/sign-in",
            "logoutUri": f"{self.desk_url}/sign-in/provider/logout",
            "keys": [key],
            "claimsInIdToken": claims_in_id_token,
        }
        self.process = subprocess.Popen(
            ["node", "provider.js", json.dumps(settings)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == "ready":
                return
        raise AssertionError("the provider did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    async def person(self, sub: str | None, **claims: Any) -> None:
        """Set who signs in next; None rejects everyone."""
        body = json.dumps({"sub": sub, **claims})
        url = f"{self.issuer}/test/person"
        await Browser().ask("POST", url, body, {"content-type": "application/json"})


@contextlib.asynccontextmanager
async def served(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """Serve the application on a port of this machine."""
    config = uvicorn.Config(
        app, "127.0.0.1", port, log_config=None, proxy_headers=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined] # pytest has its own
    with contextlib.suppress(asyncio.CancelledError):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(server._serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            try:
                yield
            finally:
                server.should_exit = True
                await task


@dataclass(frozen=True)
class Page:
    """A page in the browser: the URL that was requested, and the response."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return urljoin(self.url, self.headers.get("location", ""))

    @property
    def query(self) -> dict[str, str]:
        """The query of the redirect's target."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}


@dataclass
class Browser:
    """Keeps cookies for each port, and says where forms come from."""

    cookies: dict[int | None, dict[str, str]] = field(default_factory=dict)

    async def ask(
        self, method: str, url: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> Page:
        return await asyncio.to_thread(self._ask, method, url, body, dict(headers or {}))

    async def get(self, url: str) -> Page:
        return await self.ask("GET", url)

    async def submit(self, url: str, **fields: str) -> Page:
        """A form of the site itself."""
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "sec-fetch-site": "same-origin",
        }
        return await self.ask("POST", url, urlencode(fields), headers)

    async def follow(self, page: Page, until: str) -> Page:
        """Follow redirects up to one whose target begins with this; its target is not requested."""
        for _ in range(12):
            if page.status not in {302, 303} or page.location.startswith(until):
                return page
            page = await self.get(page.location)
        raise AssertionError(f"too many redirects, at last to {page.location}")

    def _ask(self, method: str, url: str, body: str, headers: dict[str, str]) -> Page:
        parts = urlsplit(url)
        jar = self.cookies.setdefault(parts.port, {})
        if jar:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
        with contextlib.closing(connection):
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target or "/", body.encode(), headers)
            response = connection.getresponse()
            for cookie in response.headers.get_all("set-cookie") or []:
                name, _, rest = cookie.partition("=")
                value = rest.partition(";")[0]
                if not value or "max-age=0" in rest.lower() or "1970" in rest:
                    jar.pop(name, None)
                else:
                    jar[name] = value
            return Page(url, response.status, response.headers, response.read().decode())


@contextlib.contextmanager
def running_provider(desk_url: str) -> Iterator[RunningProvider]:
    provider = RunningProvider(desk_url)
    try:
        provider.restart()
        yield provider
    finally:
        provider.stop()
