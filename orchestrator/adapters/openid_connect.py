"""Keeps the port ``SignOn`` with an issuer of OpenID Connect, by Authlib.

The code flow with PKCE (RFC 7636), state and nonce; what the issuer says is a JWT that is verified
with the keys that it publishes (OpenID Connect Core 1.0, 3.1.3.7).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet
from requests import RequestException, Session

from orchestrator.domain.person import address_of
from orchestrator.errors import Transient, Unauthorized
from orchestrator.ports import Attempt

SECONDS = 10.0
"""For each request to the issuer."""

LEEWAY = 60
"""Seconds by which its clock and ours may differ."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures with keys that only the issuer has: none that is made with the client's secret."""

SCOPE = "openid email"


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to the issuer; ``secret`` is None for a public client."""

    issuer: str
    id: str
    secret: str | None = field(default=None, repr=False)
    trusts_addresses: bool = False


class OpenIdConnect:
    """One issuer. What it says of itself is asked when it is needed, and then kept."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._about: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        """What people call it."""
        return self._name

    def begin(self, back_to: str) -> Attempt:
        """Lead somebody there, and from there to ``back_to``. Raises Transient."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._session(back_to) as session:
            url, _ = session.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=state,
                code_verifier=verifier,
                nonce=nonce,
            )
        return Attempt(url, state, nonce, verifier)

    def finish(self, back_to: str, code: str, attempt: Attempt) -> str:
        """The proven address of whoever came back with this code.

        Raises Unauthorized and Transient.
        """
        try:
            with self._session(back_to) as session:
                token = session.fetch_token(
                    self._endpoint("token_endpoint"),
                    code=code,
                    code_verifier=attempt.verifier,
                    timeout=SECONDS,
                )
            return self._address(self._claims(str(token.get("id_token", "")), attempt.nonce))
        except (AuthlibBaseError, JoseError, ValueError) as error:
            raise Unauthorized(f"The sign-on did not take it: {type(error).__name__}") from error
        except RequestException as error:
            raise Transient("The sign-on does not answer just now. Try again shortly.") from error

    def _session(self, back_to: str) -> OAuth2Session:
        return OAuth2Session(
            self._client.id,
            self._client.secret,
            scope=SCOPE,
            redirect_uri=back_to,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client.secret else "none",
        )

    def _endpoint(self, name: str) -> str:
        if not self._about:
            about = self._get(f"{self._client.issuer}/.well-known/openid-configuration")
            if str(about.get("issuer", "")).rstrip("/") != self._client.issuer:
                raise Unauthorized("The sign-on says that it is another one: check the issuer")
            self._about = about
        return str(self._about.get(name, ""))

    def _get(self, url: str) -> Mapping[str, Any]:
        try:
            with Session() as session:
                told = session.get(url, timeout=SECONDS, allow_redirects=False)
                told.raise_for_status()
                return _object(told.json())
        except (RequestException, ValueError) as error:
            raise Transient("The sign-on does not answer just now. Try again shortly.") from error

    def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """What the issuer says of somebody, verified. Raises JoseError and ValueError."""
        keys = _key_set(self._get(self._endpoint("jwks_uri")))
        token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": str(self._about["issuer"])},
            aud={"essential": True, "value": self._client.id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
        if token.claims.get("azp", self._client.id) != self._client.id:
            raise ValueError("it is for another client")
        return token.claims

    def _address(self, claims: Mapping[str, Any]) -> str:
        address = address_of(str(claims.get("email", "")))
        if address is None:
            raise Unauthorized("The sign-on says no mail address of yours")
        if claims.get("email_verified") is not True and not self._client.trusts_addresses:
            raise Unauthorized(f"The sign-on has not verified that {address} is yours")
        return address


def _object(said: Any) -> Mapping[str, Any]:
    """Raises ValueError."""
    if not isinstance(said, dict):
        raise ValueError("no object of JSON")  # noqa: TRY004 - as JSON that cannot be read
    return said


def _key_set(published: Mapping[str, Any]) -> KeySet:
    """The keys that can be read: others are for others, and keep nobody out (RFC 7517, 5).

    Raises ValueError.
    """
    given = published.get("keys")
    found = []
    for each in given if isinstance(given, list) else ():
        with suppress(JoseError, ValueError, LookupError, TypeError):
            found.append(JWKRegistry.import_key(each))
    if not found:
        raise ValueError("it publishes no key that is known here")
    return KeySet(found)
