"""Train the acoustic model; the learning rate falls over `--hours` by the clock, data's reading included, however fast.

    nice -n 19 python train.py --hours 1.5
    nice -n 19 python train.py --hours 1.5 --from ../zh-en-1/model.onnx

Stop and start at will: WORK/checkpoint.pt resumes. Progress goes to WORK/train.log.
"""

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset

from channel import telephone
from examples import Corpus, batches
from features import fbank
from initial import start_from
from model import Acoustic, output_count
from paths import work_dir
from speech import read_shards
from units import BLANK, IDS

WARM_UP_SHARE = 0.03


class Stream(IterableDataset):
    """Endless batches, a different stream each worker and each start."""

    def __init__(self, corpus, seed, frames):
        self.corpus, self.seed, self.frames = corpus, seed, frames

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        return batches(self.corpus, [self.seed, worker.id if worker else 0], self.frames)


def greedy(logprobs):
    """Unit ids of the best path of [outputs, units + 1]."""
    best = logprobs.argmax(-1).tolist()
    return [u for i, u in enumerate(best) if u != BLANK and (i == 0 or u != best[i - 1])]


def edit_distance(a, b):
    """Levenshtein distance of two sequences."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def development_set(seed=4, most=40):
    """[(group, features, units)]: held-out voices and words, each through one fixed channel."""
    rng, out = np.random.default_rng(seed), []
    taken = {}
    for samples, clip in read_shards(work_dir() / "speech", "dev"):
        group = f"tts-{clip.language}" if clip.source.startswith("tts") else clip.source
        taken[group] = taken.get(group, 0) + 1
        if taken[group] > most:
            continue
        audio = telephone(np.asarray(samples, np.float32) / 32768, rng)
        out.append((group, fbank(audio), [IDS[u] for u in clip.units.split()]))
    return out


@torch.no_grad()
def unit_error(model, examples, device):
    """Unit error rate of each group, greedily."""
    model.eval()
    errors, totals = {}, {}
    for group, features, units in examples:
        x = torch.from_numpy(features.T[None]).to(device)
        found = greedy(model(x, model.zero_state())[0][0].float().cpu())
        errors[group] = errors.get(group, 0) + edit_distance(found, units)
        totals[group] = totals.get(group, 0) + len(units)
    return {g: errors[g] / totals[g] for g in errors}


def learning_rate(share, peak):
    """One cycle over the share of training time spent: a short rise, then a half cosine to nearly nothing."""
    if share < WARM_UP_SHARE:
        return peak * (0.02 + 0.98 * share / WARM_UP_SHARE)
    fallen = min(1, (share - WARM_UP_SHARE) / (1 - WARM_UP_SHARE))
    return peak * (0.002 + 0.998 * 0.5 * (1 + math.cos(math.pi * fallen)))


def loss_of(model, batch, device):
    """CTC loss a unit."""
    features, lengths, units, counts = (torch.from_numpy(a) for a in batch)
    with torch.autocast(device, torch.bfloat16):
        logprobs, _ = model(features.to(device), model.zero_state(len(features)))
    outputs = torch.tensor([output_count(n) for n in lengths.tolist()])
    losses = F.ctc_loss(logprobs.float().transpose(0, 1), units.to(device), outputs, counts, BLANK,
                        reduction="sum", zero_infinity=True)
    return losses / (counts.sum() + len(counts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.5)
    parser.add_argument("--from", dest="start", type=Path, metavar="MODEL.onnx",
                        help="begin with an exported model's weights (where no checkpoint is)")
    parser.add_argument("--peak", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--batch", type=int, default=4800, help="feature frames a batch, padding included")
    args = parser.parse_args()
    last = time.monotonic()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    path = work_dir() / "checkpoint.pt"

    model = Acoustic()
    if args.start and not path.exists():
        print(f"from {args.start}: {start_from(model, args.start)} units are new")
    model.to(device)
    average = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.peak, betas=(0.9, 0.98), weight_decay=0.01)
    step, elapsed, heard, begun = 0, 0.0, 0.0, None
    if path.exists():
        saved = torch.load(path, map_location=device)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimiser.load_state_dict(saved["optimiser"])
        step, elapsed, heard, begun = (saved[name] for name in ("step", "elapsed", "heard", "begun"))

    log = open(work_dir() / "train.log", "a", encoding="utf-8")

    def say(text):
        print(text, flush=True)
        print(text, file=log, flush=True)

    development = development_set()
    stream = DataLoader(Stream(Corpus(), args.seed + step, args.batch), batch_size=None, num_workers=args.workers,
                        prefetch_factor=8 if args.workers else None, collate_fn=lambda b: b)
    saved_at, running = elapsed, None
    for batch in stream:
        model.train()
        if begun is None:  # what reading took, which may be long where others take the processor
            begun = elapsed = time.monotonic() - last
            last += elapsed
        share = (elapsed - begun) / max(1, args.hours * 3600 - begun)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(share, args.peak)
        loss = loss_of(model, batch, device)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        step += 1
        with torch.no_grad():
            decay = min(0.999, step / (step + 50))
            for mean, now in zip(average.parameters(), model.parameters()):
                mean.lerp_(now, 1 - decay)
        heard += float(batch[1].sum()) / 100
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        now = time.monotonic()
        elapsed, last = elapsed + now - last, now
        if step % 100 == 0:
            say(f"step {step} cpu {time.process_time():.0f} hours {elapsed / 3600:.3f} heard {heard / 3600:.1f} h loss {running:.3f}")
        done = elapsed / 3600 >= args.hours
        if done or elapsed - saved_at >= args.save_minutes * 60:
            errors = unit_error(average, development, device)
            say("development " + " ".join(f"{g} {e:.3f}" for g, e in errors.items()))
            state = {"model": model.state_dict(), "average": average.state_dict(), "shape": model.shape,
                     "optimiser": optimiser.state_dict(), "step": step, "elapsed": elapsed, "heard": heard,
                     "begun": begun}
            torch.save(state, path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)
            saved_at = elapsed
        if done:
            return


if __name__ == "__main__":
    main()
