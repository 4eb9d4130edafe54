"""Pocketsphinx on the English evaluation sets, with the same closed grammars: `python pocketsphinx_peer.py`.

Its models are for 16 kHz microphones, so telephone audio is resampled: a handicap that is its own.
Not in requirements.txt: `pip install pocketsphinx`.
"""

import csv

import numpy as np
import soundfile
from pocketsphinx import Decoder
from scipy.signal import resample_poly

from evaluate import interval
from paths import data_dir


def recordings(name):
    """(samples at 16 kHz, speaker, text) of a folder's English recordings."""
    folder = data_dir() / "speech" / name
    with open(folder / "manifest.tsv", encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            if row["language"] == "en":
                audio, _ = soundfile.read(folder / row["file"], dtype="float32")
                quiet = np.zeros(2400, np.float32)
                audio = resample_poly(np.concatenate([quiet, audio, quiet]), 2, 1)
                yield (np.clip(audio, -1, 1) * 32767).astype("<i2"), row["speaker"], row["text"].lower()


def share_right(name):
    """[(speaker, right)] under the grammar of the set's own texts."""
    clips = list(recordings(name))
    words = " | ".join(sorted({text for _, _, text in clips}))
    decoder = Decoder(samprate=16000, loglevel="FATAL", lm=None)
    decoder.add_jsgf_string("words", f"#JSGF V1.0; grammar words; public <words> = {words};")
    decoder.activate_search("words")
    rows = []
    for samples, speaker, text in clips:
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp().hypstr if decoder.hyp() else ""
        rows.append((speaker, found == text))
    return rows


def main():
    for name in ("commands-eval", "digits-en-eval"):
        rows = share_right(name)
        low, high = interval(rows, lambda r: sum(x[1] for x in r) / len(r))
        right = sum(r[1] for r in rows) / len(rows)
        print(f"{name}: {100 * right:.1f} % ({100 * low:.1f}-{100 * high:.1f}) of {len(rows)}, "
              f"{len({r[0] for r in rows})} speakers")


if __name__ == "__main__":
    main()
