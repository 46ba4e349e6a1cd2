"""What do all tests share? The device they run on and one thread, so that timings and rounding do not vary."""

from __future__ import annotations

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest) -> str:
    """Every device there is; CUDA is said to be missing, not left out in silence."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine: the test ran on the CPU only")
    return str(request.param)
