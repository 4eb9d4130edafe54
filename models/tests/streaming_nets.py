"""Small streaming networks with random weights, in the forms that operators' exports have.

What they compute means nothing. What matters is that inputs, outputs, metadata and operators are
those of the contracts: shapes read at run time, a relative shift through a `Range` that counts
down, masks that are expanded, state that goes in and out. Sizes that sherpa-onnx fixes
(`embed_states` of 128 channels and 19 bands) are kept; all others are as small as they may be.
"""

import torch
from torch import nn
from torch.nn import functional as F

CHUNK = 16
WINDOW = 2 * CHUNK + 13
BANDS = 80


def swoosh(x):
    return torch.log(1.0 + torch.exp(x - 1.0)) - 0.08 * x - 0.31


class Embed(nn.Module):
    """Three strided convolutions and a causal one over time whose past is `embed_states`."""

    def __init__(self, dim, rng):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=(0, 1))
        self.conv2 = nn.Conv2d(8, 32, 3, stride=2, groups=8)
        self.conv3 = nn.Conv2d(32, 128, 3, stride=(1, 2), groups=32)
        self.depth = nn.Conv2d(128, 128, (7, 1), groups=128)
        self.point = nn.Conv2d(128, 128, 1, groups=32)
        self.out = nn.Linear(128, dim)
        self.scale = nn.Parameter(torch.rand(19, generator=rng) / 8)

    def forward(self, x, past):
        x = (x - x.mean(dim=1, keepdim=True)) / 1.5
        x = swoosh(self.conv1(x.unsqueeze(1)))
        x = swoosh(self.conv2(x))
        x = swoosh(self.conv3(x))
        frames = x.size(2) - 3
        bypass = x[:, :, :frames, :]
        x = torch.cat([past, x], dim=2)
        new_past = x[:, :, frames:frames + past.size(2), :]
        x = self.point(F.gelu(self.depth(x))) + bypass
        return self.out((x * self.scale).sum(dim=3).permute(0, 2, 1)), new_past


class RelPosition(nn.Module):
    """Sinusoids of distances, cut out of a table by lengths known when it runs."""

    def __init__(self, dim):
        super().__init__()
        at = torch.arange(-64, 65)[:, None] / 8.0
        self.register_buffer("table", torch.cos(at * torch.arange(1, dim + 1)[None, :]))

    def forward(self, x, left):
        reach = x.size(0) + left
        middle = self.table.size(0) // 2
        return self.table[middle - reach + 1:middle + x.size(0), :].unsqueeze(0)


class Layer(nn.Module):
    """One zipformer2 layer: its six states in the contract's order."""

    def __init__(self, dim, heads, query, value, kernel):
        super().__init__()
        self.heads, self.query, self.value, self.kernel = heads, query, value, kernel
        self.pos = 4
        self.project = nn.Linear(dim, heads * (2 * query + self.pos))
        self.position = nn.Linear(8, heads * self.pos, bias=False)
        self.gate = nn.Linear(dim, 3 * (3 * dim // 4))
        self.gate_out = nn.Linear(3 * dim // 4, dim)
        self.values = nn.ModuleList(nn.Linear(dim, heads * value) for _ in range(2))
        self.mixes = nn.ModuleList(nn.Linear(heads * value, dim) for _ in range(2))
        self.doors = nn.ModuleList(nn.Linear(dim, 2 * dim) for _ in range(2))
        self.causal = nn.ModuleList(
            nn.Conv1d(dim, dim, kernel // 2 + 1, groups=dim) for _ in range(2))
        self.chunkwise = nn.ModuleList(
            nn.Conv1d(dim, dim, kernel, groups=dim, padding=kernel // 2) for _ in range(2))
        self.outs = nn.ModuleList(nn.Linear(dim, dim) for _ in range(2))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def weights(self, x, position, mask, past_key):
        frames, batch, _ = x.shape
        q, k, p = self.project(x).split(
            [self.heads * self.query, self.heads * self.query, self.heads * self.pos], dim=-1)
        k = torch.cat([past_key, k], dim=0)
        left = past_key.size(0)
        new_key = k[k.size(0) - left:]
        reach = left + frames
        q = q.reshape(frames, batch, self.heads, self.query).permute(2, 1, 0, 3)
        p = p.reshape(frames, batch, self.heads, self.pos).permute(2, 1, 0, 3)
        k = k.reshape(reach, batch, self.heads, self.query).permute(2, 1, 3, 0)
        scores = torch.matmul(q, k)
        by_distance = self.position(position)
        distances = by_distance.size(1)
        by_distance = by_distance.reshape(1, distances, self.heads, self.pos).permute(2, 0, 3, 1)
        by_distance = torch.matmul(p, by_distance)
        rows = torch.arange(start=frames - 1, end=-1, step=-1)
        columns = torch.arange(reach)
        indexes = rows.repeat(batch * self.heads).unsqueeze(-1) + columns
        by_distance = torch.gather(by_distance.reshape(-1, distances), 1, indexes)
        scores = scores + by_distance.reshape(self.heads, batch, frames, reach)
        scores = scores.masked_fill(mask.unsqueeze(1) == 1, -1000.0)
        return scores.softmax(dim=-1), new_key

    def attend(self, which, x, weights, past):
        frames, batch, _ = x.shape
        v = torch.cat([past, self.values[which](x)], dim=0)
        new = v[v.size(0) - past.size(0):]
        v = v.reshape(v.size(0), batch, self.heads, self.value).permute(2, 1, 0, 3)
        mixed = torch.matmul(weights, v).permute(2, 1, 0, 3).contiguous()
        return self.mixes[which](mixed.view(frames, batch, self.heads * self.value)), new

    def gated(self, x, weights, past):
        frames, batch, _ = x.shape
        s, v, y = self.gate(x).chunk(3, dim=2)
        v = (v * torch.tanh(s)).permute(1, 0, 2).unsqueeze(0)
        v = torch.cat([past, v], dim=2)
        new = v[:, :, v.size(2) - past.size(2):, :]
        v = torch.matmul(weights, v)[0].permute(1, 0, 2)
        return self.gate_out(v * y), new

    def convolve(self, which, x, past):
        x, door = self.doors[which](x).chunk(2, dim=2)
        x = (x * torch.sigmoid(door)).permute(1, 2, 0)
        frames = x.size(2)
        joined = torch.cat([past, x], dim=2)
        new = joined[..., joined.size(2) - past.size(2):]
        edge = torch.zeros(frames).index_fill(0, torch.arange(min(2, frames)), 0.25)
        x = self.chunkwise[which](x) * (1.0 + edge) + self.causal[which](joined)
        return self.outs[which](swoosh(x.permute(2, 0, 1))), new

    def forward(self, x, position, mask, key, gate, value1, value2, conv1, conv2):
        weights, key = self.weights(x, position, mask, key)
        out, gate = self.gated(x, weights[0:1], gate)
        x = x + out
        out, value1 = self.attend(0, x, weights, value1)
        x = x + out
        out, conv1 = self.convolve(0, x, conv1)
        x = x + out
        out, value2 = self.attend(1, x, weights, value2)
        x = x + out
        out, conv2 = self.convolve(1, x, conv2)
        x = x + out
        x = x * (torch.mean(x ** 2, dim=-1, keepdim=True) + 0.1) ** -0.5 * self.log_scale.exp()
        return x, [key, gate, value1, value2, conv1, conv2]


class Zipformer2(nn.Module):
    """Two stacks of one layer, the second at half the rate."""

    def __init__(self, sizes, rng):
        super().__init__()
        self.sizes = sizes
        self.embed = Embed(sizes["encoder_dims"][0], rng)
        self.position = RelPosition(8)
        per_stack = zip(*(sizes[key] for key in ("encoder_dims", "num_heads", "query_head_dims",
                                                 "value_head_dims", "cnn_module_kernels")))
        self.layers = nn.ModuleList(Layer(*each) for each in per_stack)
        self.bias = nn.Parameter(torch.tensor([0.2, -0.2]))

    def states(self):
        states = []
        for dim, heads, query, value, kernel, left in zip(*(self.sizes[key] for key in (
                "encoder_dims", "num_heads", "query_head_dims", "value_head_dims",
                "cnn_module_kernels", "left_context_len"))):
            states += [torch.zeros(left, 1, heads * query), torch.zeros(1, 1, left, 3 * dim // 4),
                       torch.zeros(left, 1, heads * value), torch.zeros(left, 1, heads * value),
                       torch.zeros(1, dim, kernel // 2), torch.zeros(1, dim, kernel // 2)]
        return [*states, torch.zeros(1, 128, 3, 19), torch.zeros(1, dtype=torch.int64)]

    def forward(self, x, states):
        batch, left = x.size(0), self.sizes["left_context_len"][0]
        processed = states[-1]
        x, embed = self.embed(x, states[-2])
        frames = x.size(1)
        past = torch.arange(left).expand(batch, left)
        past = (processed.unsqueeze(1) <= past).to(torch.int32).flip(1)
        mask = torch.cat([past, torch.zeros(batch, frames, dtype=torch.int32)], dim=1)
        x = x.permute(1, 0, 2)
        new = []
        for stack, layer in enumerate(self.layers):
            step = 2 ** stack
            x = F.pad(x, (0, self.sizes["encoder_dims"][stack] - x.size(2)))
            y = x if step == 1 else self.halve(x)
            here = states[6 * stack:6 * stack + 6]
            position = self.position(y, here[0].size(0))
            y, made = layer(y, position, mask[:, ::step].unsqueeze(1), *here)
            new += made
            if step > 1:
                y = y.unsqueeze(1).expand(y.size(0), step, batch, y.size(2))
                y = y.reshape(x.size(0), batch, y.size(3))
            x = x + y
        x = self.halve(x)
        return x.permute(1, 0, 2), [*new, embed, processed + frames]

    def halve(self, x):
        frames, batch, dim = x.shape
        x = x.reshape(frames // 2, 2, batch, dim)
        return (x * self.bias.softmax(dim=0)[None, :, None, None]).sum(dim=1)


class Zipformer1(nn.Module):
    """One stack of one layer with the seven states of the first zipformer."""

    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        dim, attention = sizes["encoder_dims"][0], sizes["attention_dims"][0]
        self.subsample = nn.Conv1d(BANDS, dim, 8, stride=2)
        self.query, self.key = nn.Linear(dim, attention), nn.Linear(dim, attention)
        self.values = nn.ModuleList(nn.Linear(dim, attention // 2) for _ in range(2))
        self.mixes = nn.ModuleList(nn.Linear(attention // 2, dim) for _ in range(2))
        kernel = sizes["cnn_module_kernels"][0]
        self.convs = nn.ModuleList(nn.Conv1d(dim, dim, kernel, groups=dim) for _ in range(2))

    def states(self):
        dim, attention = self.sizes["encoder_dims"][0], self.sizes["attention_dims"][0]
        left, kernel = self.sizes["left_context_len"][0], self.sizes["cnn_module_kernels"][0]
        return [torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, dim),
                torch.zeros(1, left, 1, attention), torch.zeros(1, left, 1, attention // 2),
                torch.zeros(1, left, 1, attention // 2), torch.zeros(1, 1, dim, kernel - 1),
                torch.zeros(1, 1, dim, kernel - 1)]

    def forward(self, x, states):
        length, average, key, value1, value2, conv1, conv2 = states
        x = (x - x.mean(dim=1, keepdim=True)) / 1.5
        x = swoosh(self.subsample(x.permute(0, 2, 1))).permute(2, 0, 1)
        frames = x.size(0)
        steps = torch.arange(1, frames + 1).unsqueeze(1).unsqueeze(2) + length[0].unsqueeze(-1)
        running = (average[0] * length[0].unsqueeze(-1) + x.cumsum(dim=0)) / steps
        x = x + 0.1 * running
        new_length = length + frames
        k = torch.cat([key[0], self.key(x)], dim=0)
        left = key.size(1)
        scores = torch.matmul(self.query(x).permute(1, 0, 2), k.permute(1, 2, 0))
        seen = torch.arange(k.size(0) - 1, -1, -1) < frames + new_length
        scores = scores.masked_fill(~seen.reshape(1, 1, -1), -1000.0)
        weights = scores.softmax(dim=-1)
        made = []
        for which, (past, conv) in enumerate([(value1, conv1), (value2, conv2)]):
            v = torch.cat([past[0], self.values[which](x)], dim=0)
            x = x + self.mixes[which](torch.matmul(weights, v.permute(1, 0, 2)).permute(1, 0, 2))
            y = torch.cat([conv[0], x.permute(1, 2, 0)], dim=2)
            x = x + torch.tanh(self.convs[which](y)).permute(2, 0, 1)
            made.append((v[v.size(0) - left:].unsqueeze(0),
                         y[..., y.size(2) - conv.size(3):].unsqueeze(0)))
        out = x.reshape(frames // 2, 2, x.size(1), x.size(2)).mean(dim=1).permute(1, 0, 2)
        return out, [new_length, running[-1:], k[k.size(0) - left:].unsqueeze(0), made[0][0],
                     made[1][0], made[0][1], made[1][1]]


class CausalStride(nn.Module):
    """NeMo's subsampling by eight: three strided convolutions without a look ahead, the lengths in floats."""

    CHANNELS = 4

    def __init__(self, dim):
        super().__init__()
        self.first = nn.Conv2d(1, self.CHANNELS, 3, stride=2)
        self.depth = nn.ModuleList(
            nn.Conv2d(self.CHANNELS, self.CHANNELS, 3, stride=2, groups=self.CHANNELS) for _ in range(2))
        self.point = nn.ModuleList(nn.Conv2d(self.CHANNELS, self.CHANNELS, 1) for _ in range(2))
        self.out = nn.Linear(self.CHANNELS * 11, dim)

    def forward(self, x, length):
        x = F.relu(self.first(F.pad(x.unsqueeze(1), (2, 1, 2, 1))))
        for depth, point in zip(self.depth, self.point):
            x = F.relu(point(depth(F.pad(x, (2, 1, 2, 1)))))
        length = length.to(torch.float32)
        for _ in range(3):
            length = torch.floor((length + 3.0 - 3.0) / 2.0 + 1.0)
        batch, channels, frames, bands = x.shape
        x = x.transpose(1, 2).reshape(batch, frames, channels * bands)
        return self.out(x), length.to(torch.int64)


class ConformerLayer(nn.Module):
    """One layer of NeMo's cache-aware conformer: two half feed-forwards around attention and convolution."""

    def __init__(self, dim, heads, kernel):
        super().__init__()
        self.heads, self.wide = heads, dim // heads
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(5))
        self.forwards = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim)) for _ in range(2))
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.position = nn.Linear(dim, dim, bias=False)
        self.out = nn.Linear(dim, dim)
        self.biases = nn.ParameterList(torch.rand(heads, self.wide) - 0.5 for _ in range(2))
        self.point = nn.ModuleList([nn.Conv1d(dim, 2 * dim, 1), nn.Conv1d(dim, dim, 1)])
        self.depth = nn.Conv1d(dim, dim, kernel, groups=dim)
        self.depth_norm = nn.LayerNorm(dim)

    def split(self, x):
        return x.view(x.size(0), -1, self.heads, self.wide)

    def attend(self, x, position, mask, cache):
        all_x = torch.cat([cache, x], dim=1)
        cache = torch.cat([cache[:, x.size(1):, :], x], dim=1)
        query = self.split(self.query(x))
        key, value = (self.split(each(all_x)).transpose(1, 2) for each in (self.key, self.value))
        content, place = ((query + bias).transpose(1, 2) for bias in self.biases)
        position = self.split(self.position(position)).transpose(1, 2)
        places = torch.matmul(place, position.transpose(-2, -1))
        batch, heads, rows, distances = places.size()
        places = F.pad(places, (1, 0)).view(batch, heads, -1, rows)
        places = places[:, :, 1:].view(batch, heads, rows, distances)
        scores = torch.matmul(content, key.transpose(-2, -1))
        scores = (scores + places[:, :, :, :scores.size(-1)]) / self.wide ** 0.5
        mask = mask.unsqueeze(1)
        shares = torch.softmax(scores.masked_fill(mask, -10000.0), dim=-1).masked_fill(mask, 0.0)
        mixed = torch.matmul(shares, value).transpose(1, 2).reshape(x.size(0), -1, heads * self.wide)
        return self.out(mixed), cache

    def convolve(self, x, padding, cache):
        x = F.glu(self.point[0](x.transpose(1, 2)), dim=1)
        x = torch.cat([cache, x.masked_fill(padding.unsqueeze(1), 0.0)], dim=-1)
        cache = x[:, :, -cache.size(-1):]
        x = self.depth_norm(self.depth(x).transpose(1, 2)).transpose(1, 2)
        return self.point[1](F.silu(x)).transpose(1, 2), cache

    def forward(self, x, position, mask, padding, channel, time):
        x = x + 0.5 * self.forwards[0](self.norms[0](x))
        out, channel = self.attend(self.norms[1](x), position, mask, channel)
        x = x + out
        out, time = self.convolve(self.norms[2](x), padding, time)
        x = x + out
        x = x + 0.5 * self.forwards[1](self.norms[3](x))
        return self.norms[4](x), channel, time


class Conformer(nn.Module):
    """NeMo's streaming CTC network as its export runs it: attention over a cache whose filling is known as it runs
    only, chunks that see a number of chunks before them, the first outputs of a window dropped."""

    DIM, HEADS, KERNEL, LAYERS, OUTPUTS, LEFT, DROPPED = 16, 2, 5, 2, 4, 8, 2
    SUBSAMPLING = 8
    SHIFT = OUTPUTS * SUBSAMPLING
    WINDOW = SHIFT + 9

    def __init__(self, classes):
        super().__init__()
        self.subsample = CausalStride(self.DIM)
        self.layers = nn.ModuleList(
            ConformerLayer(self.DIM, self.HEADS, self.KERNEL) for _ in range(self.LAYERS))
        self.head = nn.Conv1d(self.DIM, classes, 1)
        at = torch.arange(40, -41, -1)[:, None] / 10000.0 ** (torch.arange(0, self.DIM, 2) / self.DIM)
        self.register_buffer("table", torch.stack([at.sin(), at.cos()], dim=2).reshape(1, 81, self.DIM))

    def states(self):
        return [torch.zeros(1, self.LAYERS, self.LEFT, self.DIM),
                torch.zeros(1, self.LAYERS, self.DIM, self.KERNEL - 1), torch.zeros(1, dtype=torch.int64)]

    def masks(self, reach, length, filled):
        """What no query may look at, and what is padding."""
        at = torch.arange(0, reach)
        seen = at.expand(length.size(0), -1) < (length + self.LEFT).unsqueeze(-1)
        begun = at.expand(length.size(0), -1) >= (torch.neg(filled) + self.LEFT).unsqueeze(-1)
        seen = begun.logical_and(seen)
        chunk = torch.div(torch.arange(0, reach, dtype=torch.int), self.OUTPUTS, rounding_mode="trunc")
        before = chunk.unsqueeze(1) - chunk.unsqueeze(0)
        near = torch.logical_and(torch.le(before, self.LEFT // self.OUTPUTS), torch.ge(before, 0))
        both = seen.unsqueeze(1).repeat([1, reach, 1])
        both = torch.logical_and(both, both.transpose(1, 2))
        mask = ~torch.logical_and(both, near.unsqueeze(0))
        return mask[:, self.LEFT:], ~seen[:, self.LEFT:]

    def forward(self, audio_signal, length, channel, time, filled):
        channel, time = channel.transpose(0, 1), time.transpose(0, 1)
        x, length = self.subsample(audio_signal.transpose(1, 2), length)
        x, length = x[:, self.DROPPED:, :], (length - self.DROPPED).clamp(min=0)
        reach = x.size(1) + self.LEFT
        middle = self.table.size(1) // 2 + 1
        position = self.table[:, middle - reach:middle + reach - 1]
        mask, padding = self.masks(reach, length, filled)
        channels, times = [], []
        x = x * self.DIM ** 0.5
        for number, layer in enumerate(self.layers):
            x, channel_next, time_next = layer(x, position, mask, padding, channel[number], time[number])
            channels.append(channel_next)
            times.append(time_next)
        filled = torch.clamp(filled + x.size(1), max=self.LEFT)
        channel = torch.stack(channels, dim=0)[:, :, -self.LEFT:, :].transpose(0, 1)
        time = torch.stack(times, dim=0).transpose(0, 1)
        x, length = x[:, :self.OUTPUTS], length.clamp(max=self.OUTPUTS)
        logits = self.head(x.transpose(1, 2)).transpose(1, 2)
        return logits.log_softmax(dim=-1), length, channel, time, filled


class Headed(nn.Module):
    """An encoder and a linear layer, with log probabilities above where it is CTC."""

    def __init__(self, encoder, width, is_ctc):
        super().__init__()
        self.encoder, self.is_ctc = encoder, is_ctc
        self.head = nn.Linear(encoder.sizes["encoder_dims"][-1], width)

    def forward(self, x, states):
        x, states = self.encoder(x, states)
        x = self.head(x)
        return (x.log_softmax(dim=-1) if self.is_ctc else x), states


class Decoder(nn.Module):
    def __init__(self, vocabulary, dim, context):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.conv = nn.Conv1d(dim, dim, context, groups=dim // 4, bias=False)
        self.out = nn.Linear(dim, dim)

    def forward(self, y):
        x = self.embedding(y.clamp(min=0)) * (y >= 0).unsqueeze(-1)
        x = F.relu(self.conv(x.permute(0, 2, 1)).permute(0, 2, 1))
        return self.out(x.squeeze(1))


class Joiner(nn.Module):
    def __init__(self, dim, vocabulary):
        super().__init__()
        self.out = nn.Linear(dim, vocabulary)

    def forward(self, encoder_out, decoder_out):
        return self.out(torch.tanh(encoder_out + decoder_out))


class TOne(nn.Module):
    """Whole-number samples to log probabilities; the past in one vector of half precision."""

    DIM, TAIL = 12, 160

    def __init__(self, vocabulary):
        super().__init__()
        self.front = nn.Conv1d(1, self.DIM, 400, stride=80)
        self.recur = nn.GRU(self.DIM, self.DIM, batch_first=True)
        self.pool = nn.Conv1d(self.DIM, self.DIM, 3, stride=3)
        self.head = nn.Linear(self.DIM, vocabulary)

    def forward(self, samples, state):
        tail = state[:, :320].to(torch.float32)
        past = state[:, 320:].to(torch.float32)
        x = samples.to(torch.float32).squeeze(-1) / 32768.0
        x = torch.cat([tail, x], dim=1)
        new_tail = x[:, x.size(1) - 320:]
        x = torch.tanh(8.0 * self.front(x.unsqueeze(1)))
        x, last = self.recur(x.permute(0, 2, 1), past.unsqueeze(0))
        x = self.pool(x.permute(0, 2, 1)).permute(0, 2, 1)
        state = torch.cat([new_tail, last.squeeze(0)], dim=1).to(torch.float16)
        return self.head(x).log_softmax(dim=-1), state


class Script(nn.Module):
    """Zipformer2's inputs and states; its outputs are the rows of a table, one after the other."""

    def __init__(self, sizes, table):
        super().__init__()
        self.sizes, self.table = sizes, nn.Parameter(table)

    states = Zipformer2.states

    def forward(self, x, states):
        at = states[-1][0] + torch.arange(CHUNK // 2)
        rows = self.table[at.clamp(max=self.table.size(0) - 1)].unsqueeze(0)
        # The sound counts for nothing, but an input without use would be dropped.
        rows = rows + x.mean(dim=(1, 2), keepdim=True) * 1e-9
        return rows, [*(state * 1 for state in states[:-1]), states[-1] + CHUNK // 2]


class ScriptDecoder(nn.Module):
    """What was said last is a little less likely to be said again."""

    def __init__(self, vocabulary, context):
        super().__init__()
        again = -0.5 * torch.eye(vocabulary)
        again[0] = 0.0
        self.again, self.context = nn.Parameter(again), context

    def forward(self, y):
        return self.again[y[:, self.context - 1].clamp(min=0)]


class Sum(nn.Module):
    def forward(self, encoder_out, decoder_out):
        return encoder_out + decoder_out
