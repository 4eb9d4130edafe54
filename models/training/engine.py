"""The whole engine's errors as a table, by the `measure` example: `python engine.py PATH/TO/measure`.

Development sets come from recordings.py. `--every N` takes each Nth file, twice as many of the
synthetic speech; `--development` leaves the evaluation recordings alone.
"""

import argparse
import json
import subprocess
from pathlib import Path

from paths import ROOT, data_dir, work_dir

# (what, folder under the recordings or None, real set or None, options)
DEVELOPMENT = [
    *((f"sentences {language}", f"sentences-{language}", []) for language in ("zh", "yue", "en")),
    *((f"sentences {language}, 3 % loss, babble 10 dB", f"sentences-{language}-degraded", [])
      for language in ("zh", "yue", "en")),
    *((f"other business {language}", f"business-{language}", []) for language in ("zh", "yue", "en")),
    *((f"written by hand {language}", f"kept-{language}", []) for language in ("zh", "yue", "en")),
    *((f"written by hand {language}, neural voices", f"natural-{language}", []) for language in ("zh", "en")),
    *((f"everyday {language}, neural voices", f"everyday-{language}", []) for language in ("zh", "en")),
    *((f"numbers of 11 digits {language}", f"numbers-{language}", []) for language in ("zh", "yue", "en")),
    *((f"{name}: as a grammar", name, ["--grammar", f"{name}/grammar.txt"])
      for name in ("commands-dev", "commands-dev-abrupt", "digits-en-dev", "digits-en-dev-abrupt")),
    ("mandarin-words-dev: words, free", "mandarin-words-dev", ["--language", "zh"]),
    ("mandarin-words-dev: to be rejected by a grammar of 20", "mandarin-words-dev",
     ["--grammar", "commands-dev/grammar.txt", "--reject"]),
    ("commands-dev: to be rejected by a grammar of 10 digits", "commands-dev",
     ["--grammar", "digits-en-dev/grammar.txt", "--reject"]),
    ("200 branch phrases, as a grammar", "phrases", ["--grammar", "phrases/grammar.txt"]),
    ("100 of them between other words, as a grammar", "phrases-between", ["--grammar", "phrases/grammar.txt"]),
    ("99 other phrases, to be rejected", "phrases-outside", ["--grammar", "phrases/grammar.txt", "--reject"]),
    ("digital silence, to be rejected", "nothing-silence", ["--reject"]),
    ("noise, to be rejected", "nothing-noise", ["--reject"]),
    ("music, to be rejected", "nothing-music", ["--reject"]),
]
REAL = [
    ("20 words, as a grammar", "commands-eval", ["--grammar", "manifest"]),
    ("20 words, free", "commands-eval", []),
    ("10 digits, as a grammar", "digits-en-eval", ["--grammar", "manifest"]),
    ("words, free", "mandarin-words-eval", ["--language", "zh"]),
    ("words, all to be rejected by a grammar of 20", "mandarin-words-eval", ["--grammar", "words.txt", "--reject"]),
    ("read paragraph, free", "paragraphs-eval", []),
]


def run(binary, manifest, options):
    command = [binary, "--manifest", manifest, "--models", ROOT / "models", *options]
    result = subprocess.run(list(map(str, command)), capture_output=True, check=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def percent(figure, bounds):
    low, high = bounds
    return f"{100 * figure:.1f} ({100 * low:.1f}-{100 * high:.1f})"


def line(what, found):
    hours = found["audio_s"] / 3600
    rate = "" if "rejected" in what else percent(found["error_rate"], found["error_rate_95"])
    return (f"| {what} | {found['files']} | {rate} "
            f"| {percent(found['exact'], found['exact_95'])} | {100 * found['empty']:.1f} "
            f"| {found['errors'] / hours:.0f} | {found['cpu_per_audio']:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    print("| set | files | error rate % | exact % | nothing heard % | errors an hour | processor s a second |")
    print("|---|---|---|---|---|---|---|")
    folder = work_dir() / "recordings"
    for what, name, options in DEVELOPMENT:
        options = [folder / o if o.endswith(".txt") else o for o in options]
        every = args.every if name.startswith("nothing") else max(1, args.every // 2)
        found = run(args.binary, folder / name / "manifest.tsv", [*options, "--every", every])
        print(line(what, found), flush=True)
    if args.development:
        return
    words = folder / "words.txt"
    lines = (data_dir() / "speech/commands-eval/manifest.tsv").read_text("utf-8").splitlines()[1:]
    words.write_text("\n".join(sorted({text.split("\t")[3] for text in lines})) + "\n", "utf-8")
    for what, name, options in REAL:
        options = [words if o.endswith(".txt") else o for o in options]
        every = [] if name == "paragraphs-eval" else ["--every", args.every]
        found = run(args.binary, data_dir() / "speech" / name / "manifest.tsv", [*options, *every])
        print(line(f"{name}: {what}", found), flush=True)


if __name__ == "__main__":
    main()
