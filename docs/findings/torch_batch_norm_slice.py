"""torch, BatchNorm2d in eval mode on the CPU: the gradient of one sample sliced from a channels-last batch has its entries in
another order.

With eps = 0, mean 0 and variance 1 the layer is the identity, so the gradient of sum(w * layer(x)) is w.
Exits 0 while this is so, 1 when it is not.
"""

import sys

import torch

layer = torch.nn.BatchNorm2d(3, eps=0.0, affine=False).eval()
w = torch.arange(24.0).reshape(1, 3, 2, 4)
batch = torch.zeros(2, 3, 2, 4).contiguous(memory_format=torch.channels_last)

received = []
for x in (batch[:1], batch[0].unsqueeze(0), batch[0].contiguous().unsqueeze(0)):
    x = x.detach().requires_grad_()
    received.append(torch.autograd.grad((w * layer(x)).sum(), x)[0])
    print(
        f"strides {x.stride()}: gradient {received[-1].flatten().tolist()[:6]} …, right is {w.flatten().tolist()[:6]} …"
    )
right = [torch.equal(gradient, w) for gradient in received]
sys.exit(right != [True, False, True])
