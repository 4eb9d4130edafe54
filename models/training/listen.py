"""Voice activity and language of the whole engine, by the `measure` example: `python listen.py PATH/TO/measure`.

*False starts*: utterances that begin in what the recording's own level calls silence. *Misses*: stretches of
speech, by that level, that no utterance covers. The level is no human's judgement, and the calls of
`call-recordings` are one side each. *Language within 2 s*: what the last report of an utterance before 2 s of its
speech says, partial ones included; single words are shorter, and for them it is what the final report says.
"""

import argparse
import csv
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile

from evaluate import cell
from paths import ROOT, data_dir, work_dir

FRAME = 160
ABOVE_NOISE_DB, QUIETEST_DB = 20.0, -48.0
PAUSE_S, SHORTEST_S, NEAR_S, WITHIN_S = 0.5, 0.3, 0.4, 2.0
CALLS = ("agent", "agent1", "agent2")  # agent3 is agent again
NOTHING = ("silence", "noise", "music")  # of recordings.py, a minute each
# (set, whether of people, options of `measure`)
LANGUAGES = [
    *((f"sentences-{language}", False, []) for language in ("zh", "yue", "en")),
    *((f"sentences-{language}-degraded", False, []) for language in ("zh", "yue", "en")),
    ("commands-dev", True, []), ("mandarin-words-dev", True, []),
    ("commands-eval", True, []), ("mandarin-words-eval", True, []), ("paragraphs-eval", True, []),
]


def reports(binary, manifest, options):
    """[(file, heard_s, number, start_s, end_s, language, words, final)] of every utterance, as told."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as out:
        command = [binary, "--manifest", manifest, "--models", ROOT / "models", "--reports", out.name, *options]
        subprocess.run(list(map(str, command)), capture_output=True, check=True)
        rows = [line.rstrip("\n").split("\t") for line in out]
    return [(file, float(at), int(n), float(start), float(end), language, int(words), final == "true")
            for file, at, n, start, end, language, words, final in rows]


def stretches(samples):
    """[(start_s, end_s)] of speech by level: loud frames, pauses bridged, clicks left out."""
    frames = samples[:len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    level = 10 * np.log10((frames ** 2).mean(1) + 1e-10)
    loud = level > max(np.percentile(level, 10) + ABOVE_NOISE_DB, QUIETEST_DB)
    out, step = [], FRAME / 8000
    for at in np.flatnonzero(loud) * step:
        if out and at - out[-1][1] < PAUSE_S:
            out[-1][1] = at + step
        else:
            out.append([at, at + step])
    return [(a, b) for a, b in out if b - a >= SHORTEST_S]


def activity(binary, every):
    """Lines of the table of false starts and misses in the calls."""
    lines = ["| recording | minutes | of silence | false starts | an hour of silence | stretches of speech | missed |",
             "|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.tsv"
        files = [data_dir() / "speech/call-recordings" / f"{name}.wav" for name in CALLS]
        rows = "".join(f"{f}\ten\t{f.stem}\t-\n" for f in files)
        manifest.write_text("file\tlanguage\tspeaker\ttext\n" + rows, "utf-8")
        heard = defaultdict(dict)
        for file, _, number, start, end, _, _, _ in reports(binary, manifest, []):
            heard[file][number] = (start, end)
    totals = np.zeros(5)
    for file in files:
        samples, _ = soundfile.read(file, dtype="float32")
        samples = samples if samples.ndim == 1 else samples.mean(1)
        speech, told = stretches(samples), list(heard[str(file)].values())
        silence = len(samples) / 8000 - sum(b - a + 2 * NEAR_S for a, b in speech)
        false = sum(all(start < a - NEAR_S or start > b + NEAR_S for a, b in speech) for start, _ in told)
        missed = sum(all(end < a or start > b for start, end in told) for a, b in speech)
        row = np.array([len(samples) / 480_000, silence / 60, false, len(speech), missed])
        totals += row
        lines.append(activity_line(file.stem, row))
    lines.append(activity_line("the three", totals))
    for name in NOTHING:
        manifest = work_dir() / "recordings" / f"nothing-{name}" / "manifest.tsv"
        files = manifest.read_text("utf-8").splitlines()[1::every]
        told = {row[:1] + row[2:3] for row in reports(binary, manifest, ["--every", every])}
        lines.append(activity_line(f"{name}, made", np.array([len(files), len(files), len(told), 0, 0])))
    return "\n".join(lines)


def activity_line(name, row):
    minutes, silence, false, speech, missed = row
    rate = f"{false / silence * 60:.1f}" if silence > 0.5 else "-"
    return f"| {name} | {minutes:.1f} | {max(silence, 0):.1f} | {false:.0f} | {rate} | {speech:.0f} | {missed:.0f} |"


def languages(binary, every):
    """Lines of the table of languages."""
    lines = ["| set | speech | files | nothing heard | language right within 2 s % | language right at the end % |",
             "|---|---|---|---|---|---|"]
    for name, real, options in LANGUAGES:
        folder = data_dir() / "speech" if name.endswith("-eval") else work_dir() / "recordings"
        manifest = folder / name / "manifest.tsv"
        step = 1 if name == "paragraphs-eval" else every
        with open(manifest, encoding="utf-8") as f:
            files = [(str(manifest.parent / row["file"]), row["language"], row["speaker"])
                     for row in csv.DictReader(f, delimiter="\t")][::step]
        told = defaultdict(list)
        for row in reports(binary, manifest, [*options, "--every", step]):
            if row[6]:
                told[row[0]].append(row)
        early, last, nothing = [], [], 0
        for file, language, speaker in files:
            if not told[file]:
                nothing += 1
                continue
            first = told[file][0]
            soon = [r for r in told[file] if r[1] <= first[3] + WITHIN_S] or [first]
            early.append((speaker, 0, 1, soon[-1][5] == language, False))
            last.append((speaker, 0, 1, told[file][-1][5] == language, False))
        right = lambda rows: sum(r[3] for r in rows) / len(rows)
        lines.append(f"| {name} | {'real' if real else 'synthetic'} | {len(files)} | {nothing} "
                     f"| {cell(early, right)} | {cell(last, right)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--every", type=int, default=2)
    args = parser.parse_args()
    print(activity(args.binary, args.every), flush=True)
    print()
    print(languages(args.binary, args.every), flush=True)


if __name__ == "__main__":
    main()
