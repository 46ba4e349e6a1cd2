"""x"""
from ig_props.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()
