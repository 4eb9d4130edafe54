"""Training examples drawn without end: a clip or several joined, a voice change, a channel.

Real voices are few, so they are multiplied hardest: words and syllables of one speaker are joined
into phrases and into whole branch sentences, their ends run together, and each is resampled,
stretched unevenly and warped.
"""

import random
from collections import defaultdict

import numpy as np

from channel import telephone
from features import HOP, MELS, fbank
from model import output_count
from paths import work_dir
from pronounce import yue_jyutping, zh_pinyin
from speech import read_shards
from units import IDS, syllable_units

# How often each kind of example is drawn.
KINDS = {
    "neural-zh": 0.205, "neural-en": 0.194, "menu": 0.025,
    "tts-zh": 0.02, "tts-yue": 0.05, "tts-en": 0.03, "natural": 0.02, "natural-digits": 0.02,
    "prompt": 0.025, "prompts": 0.009,
    "word": 0.045, "words": 0.045, "command": 0.045, "commands": 0.03, "digit": 0.04, "digits": 0.035,
    "sentence-zh": 0.018, "sentence-yue": 0.03, "syllable": 0.016, "syllables": 0.018, "jyutping": 0.025, "jyutpings": 0.046,
    "nothing": 0.009,
}
REAL_SPEED, REAL_WARP = (0.76, 1.27), (0.84, 1.19)
TTS_SPEED, TTS_WARP = (0.87, 1.15), (0.92, 1.09)
# Each formant's own warp beside the common one, and how the pace sways within an utterance (standard deviations).
FORMANT_SPREAD, SWAY = 0.03, 0.13
TTS_KINDS = ("tts-zh", "tts-yue", "tts-en", "natural", "natural-digits")
NEURAL_KINDS = ("neural-zh", "neural-en", "menu")  # as natural as recordings, so multiplied as hard
TTS_GROUPS = {"tts-natural": "natural", "tts-digits": "natural-digits"}
SYLLABLE_VOICES = ("pinyin-syllables-train", "gcin-syllables")
# Syllables recorded one by one last a second each; they are hurried up to this many times, but not beyond one unit
# in BRISK_S.
BRISK_S = 0.13
HURRIED = {"words": 1.3, "sentence-zh": 1.5, "sentence-yue": 2.4, "syllable": 2, "syllables": 1.6, "jyutping": 1.7,
           "jyutpings": 2.2}


class Corpus:
    """The training clips by kind, and branch sentences spelt with one voice's recordings."""

    def __init__(self, sentences=12_000, seed=3):
        self.syllables = defaultdict(dict)
        self.tts, self.by_speaker, self.spoken_by = defaultdict(list), defaultdict(list), defaultdict(dict)
        for samples, clip in read_shards(work_dir() / "speech", "train"):
            entry = (samples, np.array([IDS[u] for u in clip.units.split()], np.int64))
            if clip.source in NEURAL_KINDS:
                self.tts[clip.source].append(entry)
            elif clip.source.startswith("tts"):
                self.tts[TTS_GROUPS.get(clip.source, f"tts-{clip.language}")].append(entry)
            else:
                self.by_speaker[clip.source, clip.speaker].append(entry)
                self.spoken_by[clip.source].setdefault(clip.text, entry)
                if clip.source in SYLLABLE_VOICES:
                    self.syllables[clip.source].setdefault(entry[1].tobytes(), entry)
        self.babblers = [entry for group in self.tts.values() for entry in group]
        self.speakers = defaultdict(list)
        for source, speaker in self.by_speaker:
            self.speakers[source].append((source, speaker))
        self.sentences = self._spell(sentences, random.Random(seed))
        absent = set(TTS_KINDS + NEURAL_KINDS) - set(self.tts)  # while speech.py is still at work
        self.kinds = [kind for kind in KINDS if kind not in absent]
        shares = np.array([KINDS[kind] for kind in self.kinds])
        self.shares = shares / shares.sum()

    def _spell(self, count, rng):
        with open(work_dir() / "text/sentences.tsv", encoding="utf-8") as f:
            texts = sorted({tuple(line.rstrip("\n").split("\t")[::3]) for line in f if line[:2] != "en"})
        spelt = {"zh": [], "yue": []}
        for language, text in rng.sample(texts, min(count, len(texts))):
            if language == "yue":
                clips = self._spell_jyutping(text)
            else:
                by_word = self._spell_words(text) if rng.random() < 0.5 else None
                clips = by_word or self._spell_syllables(text, rng.choice(SYLLABLE_VOICES))
            if clips and len(clips) <= 24:
                spelt[language].append(clips)
        return spelt

    def _spell_jyutping(self, text):
        known = self.spoken_by["cantonese-syllables-train"]
        syllables = [s.rstrip(",") for s in (yue_jyutping(text) or "?").split()]
        clips = [known.get(s) or next(filter(None, (known.get(s[:-1] + t) for t in "123456")), None)
                 for s in syllables]
        return clips if all(clips) else None

    def _spell_words(self, text):
        """Longest recorded words first; None where a character was never recorded alone."""
        known, clips = self.spoken_by["mandarin-words-train"], []
        for part in text.split("，"):
            at = 0
            while at < len(part):
                word = next((part[at:at + n] for n in (4, 3, 2, 1) if part[at:at + n] in known), None)
                if word is None:
                    return None
                clips.append(known[word])
                at += len(word)
        return clips

    def _spell_syllables(self, text, source):
        """Syllables of one voice, whatever their tone where theirs was not recorded."""
        known, bare = self.spoken_by[source], self.syllables[source]
        clips = []
        for syllable in (s.replace("5", "").rstrip(",") for s in zh_pinyin(text).split()):
            units = np.array([IDS[u] for u in syllable_units(syllable) or ()], np.int64)
            clips.append(known.get(syllable) or bare.get(units.tobytes()))
        return clips if all(clips) else None

    def _some(self, source, rng, low, high):
        clips = self.by_speaker[self.speakers[source][rng.integers(len(self.speakers[source]))]]
        return [clips[i] for i in rng.integers(len(clips), size=rng.integers(low, high + 1))]

    def draw(self, kind, rng):
        """The clips of one example, in order, all of one voice."""
        if kind == "nothing":
            return []
        if kind in TTS_KINDS + NEURAL_KINDS:
            return [self.tts[kind][rng.integers(len(self.tts[kind]))]]
        if kind.startswith("sentence-"):
            spelt = self.sentences[kind.removeprefix("sentence-")]
            return spelt[rng.integers(len(spelt))]
        source, low, high = {
            "word": ("mandarin-words-train", 1, 1), "words": ("mandarin-words-train", 2, 4),
            "command": ("commands-train", 1, 1), "commands": ("commands-train", 2, 4),
            "digit": ("digits-en-train", 1, 1), "digits": ("digits-en-train", 2, 11),
            "prompt": ("prompts-en", 1, 1), "prompts": ("prompt-words-en", 1, 5),
            "syllable": (SYLLABLE_VOICES[rng.integers(len(SYLLABLE_VOICES))], 1, 1),
            "syllables": (SYLLABLE_VOICES[rng.integers(len(SYLLABLE_VOICES))], 2, 5),
            "jyutping": ("cantonese-syllables-train", 1, 1),
            "jyutpings": ("cantonese-syllables-train", 2, 6),
        }[kind]
        return self._some(source, rng, low, high)

    def babble(self, count, rng):
        """Another speaker's talk, as long as asked."""
        samples = self.babblers[rng.integers(len(self.babblers))][0]
        start = int(rng.integers(len(samples)))
        return np.resize(np.roll(samples, -start), count).astype(np.float32) / 32768


def core(samples):
    """First and last sample of what is within 20 dB of the loudest 10 ms."""
    frames = samples[:len(samples) // 80 * 80].reshape(-1, 80).astype(np.float32)
    level = np.convolve((frames * frames).mean(1), np.ones(3) / 3, "same")
    loud = np.flatnonzero(level > level.max() / 100)
    return int(loud[0]) * 80, int(loud[-1] + 1) * 80


def joined(clips, rng):
    """Samples and units of clips run together: quiet margins cut, ends faded into each other, loudness uneven."""
    if len(clips) == 1:
        return clips[0][0].astype(np.float32) / 32768, clips[0][1]
    out, tight = np.zeros(sum(len(samples) for samples, _ in clips) + 3000 * len(clips), np.float32), rng.random() < 0.7
    at, end = 0, 0
    for samples, _ in clips:
        if len(samples) > 1600:
            first, last = core(samples)
            before, after = rng.integers(80, 480 if tight else 1200), rng.integers(40, 360 if tight else 1200)
            samples = samples[max(0, first - before):last + after]
        piece = samples * np.float32(10 ** (rng.normal(0, 2.5) / 20) / 32768)
        fade = min(int(rng.integers(40, 320)), len(piece) // 4, end)
        if tight and fade:
            at -= fade
            ramp = np.linspace(0, 1, fade, dtype=np.float32)
            out[at:end] *= 1 - ramp
            piece[:fade] *= ramp
        elif rng.random() < 0.15:
            at += int(rng.integers(0, 3000))
        out[at:at + len(piece)] += piece
        at = end = at + len(piece)
    return out[:end], np.concatenate([ids for _, ids in clips])


def _between(rng, bounds):
    return float(np.exp(rng.uniform(*np.log(bounds))))


def swaying(hop, count, rng):
    """Hops through `count` samples whose pace wanders about `hop`'s every few syllables."""
    frames = count // 50 + 1
    knots = rng.normal(0, SWAY, frames // 30 + 2).clip(-0.3, 0.3)
    return (hop * np.exp(np.interp(np.arange(frames), np.arange(len(knots)) * 30, knots))).clip(50).round()


def example(corpus, rng):
    """(features [frames, 64], unit ids), or None when the units do not fit the outputs."""
    kind = rng.choice(corpus.kinds, p=corpus.shares)
    clips = corpus.draw(kind, rng)
    if clips:
        samples, units = joined(clips, rng)
    else:
        samples, units = np.zeros(rng.integers(2000, 32000), np.float32), np.zeros(0, np.int64)
    real = kind not in TTS_KINDS
    speed, warp, hop = 1.0, 1.0, HOP
    if rng.random() < 0.85:
        speed = _between(rng, REAL_SPEED if real else TTS_SPEED)
        common = _between(rng, REAL_WARP if real else TTS_WARP)
        warp = tuple(float(w) for w in common * np.exp(rng.normal(0, FORMANT_SPREAD, 3).clip(-0.08, 0.08)))
        leisure = len(samples) / 8000 / (BRISK_S * max(1, len(units)))
        hurry = _between(rng, (1, max(1, min(leisure, HURRIED.get(kind, 1)))))
        hop = int(np.clip(HOP / speed ** rng.uniform(0, 1) * _between(rng, (0.85, 1.22)), 60, 104) * hurry)
    heard = telephone(samples, rng, speed, corpus.babble)
    features = fbank(heard, swaying(hop, len(heard), rng) if speed != 1.0 else hop, warp)
    repeats = int((units[1:] == units[:-1]).sum()) if len(units) else 0
    if output_count(len(features)) < len(units) + repeats + 1:
        return None
    return masked(features, rng), units


def masked(features, rng):
    """A band or a moment replaced by the mean, now and then."""
    if rng.random() < 0.5:
        mean = features.mean()
        band, start = rng.integers(1, 9), rng.integers(0, MELS - 9)
        features[:, start:start + band] = mean
        length = rng.integers(1, 9)
        at = rng.integers(0, max(1, len(features) - length))
        features[at:at + length] = mean
    return features


def batches(corpus, seed, frames=4800, pool=160):
    """Batches (features [N, 64, frames], frame counts, units, unit counts) of similar lengths."""
    rng = np.random.default_rng(seed)
    while True:
        drawn = sorted(filter(None, (example(corpus, rng) for _ in range(pool))), key=lambda e: len(e[0]))
        groups, group = [], []
        for item in drawn:
            if group and len(item[0]) * (len(group) + 1) > frames:
                groups.append(group)
                group = []
            group.append(item)
        for i in rng.permutation(len(groups)):
            yield collate(groups[i])


def collate(group):
    """Padded arrays of (features, units) pairs."""
    lengths = np.array([len(f) for f, _ in group])
    padded = np.full((len(group), MELS, lengths.max()), -10.0, np.float32)
    for row, (features, _) in zip(padded, group):
        row[:, :len(features)] = features.T
    units = np.concatenate([u for _, u in group])
    return padded, lengths, units, np.array([len(u) for _, u in group])
