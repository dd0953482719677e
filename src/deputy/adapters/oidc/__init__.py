"""An OpenID provider, as who relies on it: the authorization code flow with PKCE, over egress.

Signatures and keys are `joserfc`'s, which opens no connection; what is asked, and what an answer proves, is here.
"""

from deputy.adapters.oidc.provider import Attempt, Claims, Provider, ProviderAway, ProviderRefused, host_of

__all__ = ["Attempt", "Claims", "Provider", "ProviderAway", "ProviderRefused", "host_of"]
