"""What an operator sets about signing in with OpenID Connect."""

from __future__ import annotations

from pydantic import BaseModel, Field, HttpUrl, SecretStr


class SignOnSettings(BaseModel):
    """The settings of the organisation's sign-on; see ``Settings``."""

    oidc_issuer: HttpUrl | None = Field(
        default=None,
        description="Issuer of OpenID Connect with which people sign in to the inbox: "
        "https://login.example.com. Without it: they do so by mail, or with a token.",
    )
    oidc_client_id: str | None = Field(default=None, description="Id that the issuer gave us.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Secret that it gave us. Without it: a public client, with PKCE."
    )
    oidc_name: str = Field(
        default="your organisation",
        max_length=100,
        description="What the button says after `with`.",
    )
    oidc_trusts_addresses: bool = Field(
        default=False,
        description="Whether an address counts that the issuer does not say it has verified.",
    )
