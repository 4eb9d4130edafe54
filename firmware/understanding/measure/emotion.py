"""Emotion from the voice alone: a linear head on the five measures of `trunkside_recognition`'s
prosody meter, cross-validated on `speech/emotion-zh-tw` (Positive, Natural, Negative).

    pip install numpy scikit-learn
    TRUNKSIDE_DATA=../shared/data python firmware/understanding/measure/emotion.py

The meter is repeated here in Python, as in `firmware/recognition/src/prosody.rs`. Prints the
unweighted average recall in five clip-disjoint folds, and trained on one sex and tried on the other
(the set names no speakers; the two are at least different people).
"""

import glob
import json
import os
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RATE, STEP = 8000, 160


def alaw(data):
    codes = np.frombuffer(data, dtype=np.uint8).astype(int) ^ 0x55
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    value = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(codes & 0x80, value, -value) / 32768.0


def samples(path):
    with open(path, "rb") as file:
        data = file.read()
    return alaw(data[data.find(b"data") + 8:])


def decibels(power):
    return np.maximum(-90.0, 10 * np.log10(np.maximum(power, 1e-12)))


def pitch(window):
    window = window - window.mean()
    shortest, longest = RATE // 420, RATE // 60
    similarity = {}
    for lag in range(shortest - 1, longest + 2):
        a, b = window[:-lag], window[lag:]
        squares = (a * a + b * b).sum()
        similarity[lag] = 2 * (a * b).sum() / squares if squares > 0 else 0.0
    peaks = [
        lag for lag in range(shortest, longest + 1)
        if similarity[lag] >= similarity[lag - 1] and similarity[lag] > similarity[lag + 1]
    ]
    greatest = max((similarity[lag] for lag in peaks), default=0.0)
    if greatest < 0.6:
        return None
    return RATE / next(lag for lag in peaks if similarity[lag] >= 0.88 * greatest)


def measures(path):
    """Level, median pitch, pitch range, syllables a second, share of pause."""
    audio = samples(path)
    frames = audio[: len(audio) // STEP * STEP].reshape(-1, STEP)
    levels = decibels(frames.var(axis=1))
    pitches = []
    for index in range(1, len(frames)):
        if levels[index] > -55:
            found = pitch(np.concatenate([frames[index - 1], frames[index]]))
            if found:
                pitches.append(12 * np.log2(found / 100))
    threshold = np.percentile(levels, 95) - 22
    active = levels >= threshold
    pitches = np.array(pitches if len(pitches) > 2 else [6.0, 6.0, 6.0])
    near = pitches[np.abs(pitches - np.median(pitches)) < 9]
    halves = decibels(audio[: len(audio) // 80 * 80].reshape(-1, 80).var(axis=1))
    smooth = np.convolve(halves, np.ones(5) / 5, "same")
    peaks, rising, low, high = 0, True, smooth[0], -200.0
    for value in smooth:
        if rising:
            high = max(high, value)
            if value < high - 3:
                peaks += high > threshold
                rising, low = False, value
        else:
            low = min(low, value)
            if value > low + 3:
                rising, high = True, value
    level = 10 * np.log10((10 ** (levels[active] / 10)).mean())
    spread = np.percentile(near, 90) - np.percentile(near, 10)
    return [level, np.median(near), spread, peaks / (active.sum() * 0.02), 1 - active.mean()]


def main():
    folder = os.path.join(os.environ.get("TRUNKSIDE_DATA", "../shared/data"), "speech/emotion-zh-tw")
    paths = sorted(glob.glob(os.path.join(folder, "*", "*.wav")))
    if not paths:
        sys.exit(f"no clips under `{folder}`; set TRUNKSIDE_DATA")
    features = np.array([measures(path) for path in paths])
    labels = np.array([os.path.basename(os.path.dirname(path)) for path in paths])
    female = np.array(["female" in os.path.basename(path).lower() for path in paths])

    def head():
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000, class_weight="balanced"))

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    guessed = cross_val_predict(head(), features, labels, cv=folds)
    across = {}
    for name, trained in (("female_to_male", female), ("male_to_female", ~female)):
        model = head().fit(features[trained], labels[trained])
        across[name] = round(recall_score(labels[~trained], model.predict(features[~trained]), average="macro"), 3)
    clip = round(recall_score(labels, guessed, average="macro"), 3)
    print(json.dumps({"n": len(paths), "uar_clip_disjoint": clip, "uar_across_speakers": across}))


if __name__ == "__main__":
    main()
