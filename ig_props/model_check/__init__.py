"""Is what a method returns numerically right on a person's own model and inputs?

`subject.py` reads the model and its inputs, `cases.py` says what is asked of a method there, `accuracy.py` measures its
errors input by input, and `script.py` writes them down so that they can be reproduced.
"""
