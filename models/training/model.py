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


class ChannelNorm(nn.Module):
    """Layer normalisation over channels of [N, C, T], in operations every runtime has."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x):
        if torch.onnx.is_in_onnx_export():
            centred = x - x.mean(1, keepdim=True)
            scale = torch.sqrt((centred * centred).mean(1, keepdim=True) + 1e-5)
            return centred / scale * self.weight + self.bias
        y = F.layer_norm(x.transpose(1, 2), (x.shape[1],), self.weight[:, 0], self.bias[:, 0])
        return y.transpose(1, 2)


class Block(nn.Module):
    """Normalise, gate, look back over `kernel` outputs, project, add."""

    def __init__(self, channels, kernel, dropout):
        super().__init__()
        self.channels, self.reach = channels, kernel - 1
        self.norm = ChannelNorm(channels)
        self.gate = nn.Conv1d(channels, 2 * channels, 1)
        self.past = nn.Conv1d(channels, channels, kernel, groups=channels)
        self.middle = ChannelNorm(channels)
        self.project = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, cache):
        """[N, C, T] and the last kernel - 1 gated inputs; returns both anew."""
        both = self.gate(self.norm(x))
        value, gate = both[:, :self.channels], both[:, self.channels:]
        y = torch.cat([cache, value * torch.sigmoid(gate)], 2)
        cache = y[:, :, -self.reach:]
        y = self.middle(self.past(y))
        y = self.project(y * torch.sigmoid(y))
        return x + self.dropout(y), cache


class Acoustic(nn.Module):
    """[N, 64, frames] features to [N, outputs, units + 1] log probabilities."""

    def __init__(self, channels=256, blocks=12, kernel=11, dropout=0.05):
        super().__init__()
        self.shape = {"channels": channels, "blocks": blocks, "kernel": kernel}
        # A fixed affine in place of normalisation: speech on a line lies about -6 with spread 4.
        self.register_buffer("offset", torch.tensor(6.0))
        self.register_buffer("scale", torch.tensor(0.25))
        self.first = nn.Conv1d(MELS, channels, 5, stride=2)
        self.second = nn.Conv1d(channels, channels, 3, stride=2)
        self.blocks = nn.ModuleList(Block(channels, kernel, dropout) for _ in range(blocks))
        self.norm = ChannelNorm(channels)
        self.out = nn.Conv1d(channels, BLANK + 1, 1)

    def zero_state(self, batch=1):
        """[batch, blocks, channels, kernel - 1]."""
        s = self.shape
        return torch.zeros(batch, s["blocks"], s["channels"], s["kernel"] - 1,
                           device=self.first.weight.device)

    def forward(self, features, state):
        x = (features + self.offset) * self.scale
        x = F.relu(self.first(x))
        x = self.second(x)
        caches = []
        for i, block in enumerate(self.blocks):
            x, cache = block(x, state[:, i])
            caches.append(cache)
        logits = self.out(self.norm(x))
        return F.log_softmax(logits.transpose(1, 2), -1), torch.stack(caches, 1)


def output_count(frames):
    """Outputs of that many feature frames."""
    return max(0, (frames - CONTEXT) // 4 + 1)
