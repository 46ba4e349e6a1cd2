"""Is what a method returns numerically right on a person's own model and inputs?

`given.py` reads the model and its inputs, `subject.py` describes the model, `cases.py` says what is asked of a method
there, `accuracy.py` measures its errors input by input, `script.py` writes findings down so that they can be repeated,
`names.py` holds what reports call all this, and `check.py` is what a campaign talks to.
"""
