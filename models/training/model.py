"""The acoustic model: a causal convolutional CTC network from 64 mel bands to units at 25 Hz.

Two strided convolutions without padding make one output of every four frames (each sees nine
frames, so an output needs five frames past its own four); then residual blocks in the manner of
Conformer's convolution module, each with a causal depthwise kernel whose past is its state.
"""

import torch
from torch import nn
from torch.nn import functional as F

from features import MELS
from units import BLANK

WINDOW, SHIFT, OUTPUTS = 21, 16, 4  # feature frames a chunk sees, advances by, and what it yields
CONTEXT = 9                         # feature frames one output sees


class Norm(nn.LayerNorm):
    """Layer normalisation over channels; exported as operations that every runtime has."""

    def forward(self, x):
        if not torch.onnx.is_in_onnx_export():
            return super().forward(x)
        centred = x - x.mean(-1, keepdim=True)
        scale = torch.sqrt((centred * centred).mean(-1, keepdim=True) + self.eps)
        return centred / scale * self.weight + self.bias


class Block(nn.Module):
    """Normalise, gate, look back over `kernel` outputs, project, add."""

    def __init__(self, channels, kernel, dropout):
        super().__init__()
        self.channels, self.reach = channels, kernel - 1
        self.norm = Norm(channels)
        self.gate = nn.Linear(channels, 2 * channels)
        self.past = nn.Conv1d(channels, channels, kernel, groups=channels)
        self.middle = Norm(channels)
        self.project = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, cache):
        """[N, T, C] and the last kernel - 1 gated inputs [N, C, kernel - 1]; returns both anew."""
        both = self.gate(self.norm(x))
        gated = both[..., :self.channels] * torch.sigmoid(both[..., self.channels:])
        if cache.dtype != gated.dtype:  # bfloat16 while training
            cache = cache.to(gated.dtype)
        y = torch.cat([cache, gated.transpose(1, 2)], 2)
        cache = y[:, :, -self.reach:]
        y = self.middle(self.past(y).transpose(1, 2))
        y = self.project(y * torch.sigmoid(y))
        y = self.dropout(y)
        return x + (y if y.dtype == x.dtype else y.to(x.dtype)), cache


class Acoustic(nn.Module):
    """[N, 64, frames] features to [N, outputs, units + 1] log probabilities."""

    def __init__(self, channels=256, blocks=18, kernel=11, dropout=0.0):
        super().__init__()
        self.shape = {"channels": channels, "blocks": blocks, "kernel": kernel}
        # A fixed affine in place of normalisation: speech on a line lies about -6 with spread 4.
        self.register_buffer("offset", torch.tensor(6.0))
        self.register_buffer("scale", torch.tensor(0.25))
        self.first = nn.Conv1d(MELS, channels, 5, stride=2)
        self.second = nn.Conv1d(channels, channels, 3, stride=2)
        self.blocks = nn.ModuleList(Block(channels, kernel, dropout) for _ in range(blocks))
        self.norm = Norm(channels)
        self.out = nn.Linear(channels, BLANK + 1)

    def zero_state(self, batch=1):
        """[batch, blocks, channels, kernel - 1]."""
        s = self.shape
        return torch.zeros(batch, s["blocks"], s["channels"], s["kernel"] - 1,
                           device=self.first.weight.device)

    def forward(self, features, state):
        x = (features + self.offset) * self.scale
        x = F.relu(self.first(x))
        x = self.second(x).transpose(1, 2)
        caches = []
        for i, block in enumerate(self.blocks):
            x, cache = block(x, state[:, i])
            caches.append(cache)
        logits = self.out(self.norm(x))
        return F.log_softmax(logits, -1), torch.stack(caches, 1)


def output_count(frames):
    """Outputs of that many feature frames."""
    return max(0, (frames - CONTEXT) // 4 + 1)
