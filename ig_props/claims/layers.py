"""Do layer attributions integrate what they should?"""

from __future__ import annotations

from ig_props.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
