"""Why are the claims true? Derivations in SymPy whose every step is checked by the rule that makes it."""
