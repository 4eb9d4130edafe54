"""Error against noise and packet loss, for ../errors.svg: `python plot.py` (a minute).

The routing phrases by held-out synthetic voices, in babble from clean to 0 dB and with packets lost
from none to 20 %: the share of phrases that a grammar of the sixty gets wrong, and the unit error.
"""

import numpy as np

from channel import ALAW, companded
from evaluate import Set, Utterance, exact, measure, phrase_set, unit_error
from export import session
from paths import ROOT, model_dir, work_dir
from speech import read_shards

SNR_DB = (30, 20, 15, 10, 5, 0)
LOSS_PERCENT = (0, 1, 3, 5, 10, 20)
WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 220, 60, 40, 90


def talk():
    """Samples of held-out voices end to end, for babble."""
    return np.concatenate([np.asarray(s) for s, c in read_shards(work_dir() / "speech", "dev")
                           if c.source.startswith("tts")]).astype(np.float32) / 32768


def in_babble(audio, snr_db, voices, rng):
    """Four other voices behind the speech."""
    starts = rng.integers(len(voices) - len(audio), size=4)
    background = sum(voices[s:s + len(audio)] for s in starts)
    power = np.sqrt(np.mean(audio[2400:] ** 2) / np.mean(background ** 2))
    return companded(audio + background * power * 10 ** (-snr_db / 20), ALAW)


def with_loss(audio, percent, rng):
    """20 ms packets lost one by one, each concealed by the one before it at 0.7."""
    audio = audio.copy()
    for start in range(160, len(audio) - 160, 160):
        if rng.random() * 100 < percent:
            audio[start:start + 160] = audio[start - 160:start] * 0.7
    return companded(audio, ALAW)


def curve(runtime, clean, change, levels):
    """[(level, wrong %, unit error %)]."""
    points = []
    for level in levels:
        rng = np.random.default_rng(21)
        changed = [Utterance(change(u.audio, level, rng), u.units, u.speaker, u.text) for u in clean.utterances]
        rows = measure(runtime, Set("", False, "", changed, "", clean.grammar))
        points.append((level, 100 * (1 - exact(rows)), 100 * unit_error(rows)))
        print(points[-1], flush=True)
    return points


def panel(points, left, title, axis):
    """One set of axes with both curves, as SVG."""
    x = [left + WIDTH * i / (len(points) - 1) for i in range(len(points))]
    base = TOP + HEIGHT

    def y(percent):
        return base - HEIGHT * percent / 100

    out = [f'<text x="{left + WIDTH / 2}" y="{TOP - 16}" text-anchor="middle" font-weight="bold">{title}</text>']
    for percent in range(0, 101, 20):
        out.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y(percent)}" y2="{y(percent)}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 8}" y="{y(percent) + 4}" text-anchor="end">{percent}</text>')
    for at, (level, _, _) in zip(x, points):
        out.append(f'<text x="{at}" y="{base + 18}" text-anchor="middle">{level}</text>')
    out.append(f'<text x="{left + WIDTH / 2}" y="{base + 38}" text-anchor="middle">{axis}</text>')
    for column, colour in ((1, "#0b6"), (2, "#c40")):
        path = " ".join(f"{at:.1f},{y(point[column]):.1f}" for at, point in zip(x, points))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{at:.1f}" cy="{y(point[column]):.1f}" r="3" fill="{colour}"/>'
                for at, point in zip(x, points)]
    return out


def main():
    runtime, clean, voices = session(model_dir() / "model.onnx"), phrase_set(), talk()
    clean.utterances = clean.utterances[:len(clean.grammar)]  # each phrase once
    noisy = curve(runtime, clean, lambda a, level, rng: in_babble(a, level, voices, rng), SNR_DB)
    lossy = curve(runtime, clean, with_loss, LOSS_PERCENT)
    second = LEFT + WIDTH + GAP
    lines = panel(noisy, LEFT, "Babble of four voices", "speech over babble, dB")
    lines += panel(lossy, second, "Packet loss", "20 ms packets lost and concealed, %")
    for row, (colour, text) in enumerate((("#c40", "unit error %, no grammar, no language model"),
                                          ("#0b6", "wrong phrase %, grammar of 60 phrases"))):
        at = TOP + HEIGHT + 62 + 18 * row
        lines.append(f'<line x1="{LEFT}" x2="{LEFT + 24}" y1="{at - 4}" y2="{at - 4}" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<text x="{LEFT + 32}" y="{at}">{text}</text>')
    size = f'width="{second + WIDTH + 30}" height="{TOP + HEIGHT + 95}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    paper = '<rect width="100%" height="100%" fill="white"/>'
    (ROOT / "models/errors.svg").write_text("\n".join([head, paper, *lines, "</svg>"]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
