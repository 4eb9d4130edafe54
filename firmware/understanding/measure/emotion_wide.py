"""What more measures of the voice are worth for emotion on `speech/emotion-zh-tw`: thirty of pitch, level
and pause, beside the five of `emotion.py`, and each speaker's own mean and spread taken away.

    pip install numpy scikit-learn
    TRUNKSIDE_DATA=../shared/data python firmware/understanding/measure/emotion_wide.py

Unweighted recall in five clip-disjoint folds, and from one sex to the other (the set names no speakers:
"each speaker" is each sex here). Nothing of it ships.
"""

import glob
import json
import os
import sys

import numpy as np
from emotion import decibels, measures, pitch, samples
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict


def spread(values):
    return [values.mean(), values.std(), np.percentile(values, 10), np.percentile(values, 90)]


def thirds(values):
    return [part.mean() - values.mean() for part in np.array_split(values, 3)]


def wide(path):
    """The five measures, then pitch with its course and steps, then level with its course."""
    audio = samples(path)
    frames = np.lib.stride_tricks.sliding_window_view(audio, 200)[::80] * np.hamming(200)
    levels = decibels(frames.var(axis=1))
    active = levels >= np.percentile(levels, 95) - 25
    track = np.full(max(len(audio) // 80 - 4, 0), np.nan)
    for index in range(len(track)):
        if active[min(index, len(active) - 1)]:
            found = pitch(audio[index * 80:index * 80 + 320])
            track[index] = 12 * np.log2(found / 100) if found else np.nan
    voiced = track[~np.isnan(track)]
    voiced = voiced if len(voiced) > 4 else np.full(5, 6.0)
    near = voiced[abs(voiced - np.median(voiced)) < 9]
    steps = np.diff(track)
    steps = steps[~np.isnan(steps) & (abs(steps) < 4)]
    steps = steps if len(steps) > 1 else np.zeros(2)
    at = np.where(~np.isnan(track))[0]
    slope = np.polyfit(at / 100, track[at], 1)[0] if len(at) > 5 else 0
    loud = levels[active]
    jumps = abs(np.diff(loud))
    return np.nan_to_num(np.array([
        *measures(path), *spread(near), near.max() - near.min(), abs(steps).mean(), steps.std(), slope,
        len(voiced) / max(1, active.sum()), *(np.percentile(near, [90, 10]) - np.median(near)),
        *spread(loud), jumps.mean(), jumps.std(), len(audio) / 8000, active.mean(),
        *thirds(loud), *thirds(near),
    ]))


def main():
    folder = os.path.join(os.environ.get("TRUNKSIDE_DATA", "../shared/data"), "speech/emotion-zh-tw")
    paths = sorted(glob.glob(os.path.join(folder, "*", "*.wav")))
    if not paths:
        sys.exit(f"no clips under `{folder}`; set TRUNKSIDE_DATA")
    features = np.array([wide(path) for path in paths])
    labels = np.array([os.path.basename(os.path.dirname(path)) for path in paths])
    female = np.array(["female" in os.path.basename(path).lower() for path in paths])
    own = features.copy()
    for speaker in (female, ~female):
        own[speaker] -= features[speaker].mean(axis=0)
        own[speaker] /= features[speaker].std(axis=0) + 1e-9

    def trees():
        return ExtraTreesClassifier(300, class_weight="balanced", min_samples_leaf=2, random_state=0)

    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for name, values in (("as measured", features), ("against the speaker's own", own)):
        guessed = cross_val_predict(trees(), values, labels, cv=folds)
        across = [
            recall_score(labels[~part], trees().fit(values[part], labels[part]).predict(values[~part]),
                         average="macro")
            for part in (female, ~female)
        ]
        result = {
            "values": name,
            "n": len(paths),
            "uar_clip_disjoint": round(recall_score(labels, guessed, average="macro"), 3),
            "female_to_male": round(across[0], 3),
            "male_to_female": round(across[1], 3),
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
