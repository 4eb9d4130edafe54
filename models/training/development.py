"""Real speech of the training folders that is kept for development: speakers and words never trained on.

Weights, shares and settings are chosen on these and on the held-out synthetic voices, never on the
evaluation folders. Each clip is companded; `abrupt` ones begin within the first sound, as recordings
cut by level do.
"""

import random

import numpy as np

from channel import ALAW, companded
from evaluate import Set, Utterance, neural_set, spoken
from paths import work_dir
from pronounce import en_units
from speech import EN_DIGITS, read_shards
from units import IDS

MARGIN = 640  # samples of silence that trimming leaves before a clip
DIGITS = [d for d in EN_DIGITS if d not in ("oh", "double")]
WORDS = ("commands-train", "mandarin-words-train")  # the others are syllables, told by their units
ALL = {
    "commands-dev": ("commands-train", False, "the 20 words, three speakers kept out of training"),
    "commands-dev-abrupt": ("commands-train", True, "the same, each begun 10 to 60 ms late"),
    "mandarin-words-dev": ("mandarin-words-train", False, "words kept out of training, a voice heard in it"),
    "mandarin-syllables-dev": ("gcin-syllables", False, "single syllables, a voice kept out of training"),
    "cantonese-syllables-dev": ("cantonese-syllables-train", False, "syllables kept out, a voice heard in training"),
}


def begun_late(samples, rng):
    """Without what trimming left before it, and without 10 to 60 ms of the first sound."""
    return samples[MARGIN + rng.randrange(80, 480):]


def real(name, most=300):
    """One of `ALL`."""
    source, abrupt, about = ALL[name]
    clips = [(samples, clip) for samples, clip in read_shards(work_dir() / "speech", "dev") if clip.source == source]
    rng, utterances, grammar = random.Random(16), [], {}
    for samples, clip in clips:
        spelt = clip.text if source in WORDS else clip.units
        grammar[clip.language, spelt] = None
    for samples, clip in clips[::-(-len(clips) // most)]:
        loud = np.asarray(samples, np.float32) / max(1, np.abs(samples).max()) * 0.25
        audio = companded(begun_late(loud, rng) if abrupt else loud, ALAW)
        utterances.append(Utterance(audio, [IDS[u] for u in clip.units.split()], clip.speaker,
                                    clip.text if source in WORDS else clip.units))
    closed = list(grammar) if source in WORDS else [("units", spelt) for _, spelt in grammar]
    if source == "mandarin-words-train":
        closed = []
    return Set(name, True, about, utterances, "zh", closed)


def digits(abrupt, count=120):
    """English digits by held-out synthetic voices, half of them made of a person's recordings."""
    rng, utterances = random.Random(17), []
    for i in range(count):
        text = DIGITS[i % len(DIGITS)]
        audio, voice = spoken("en-natural" if i % 2 else "en", text, rng)
        if abrupt:
            audio = begun_late(audio[2400:], rng)
        utterances.append(Utterance(audio, [IDS[u] for u in en_units(text)], voice, text))
    name = "digits-en-dev" + ("-abrupt" if abrupt else "")
    return Set(name, False, "English digits, held-out voices" + (", each begun 10 to 60 ms late" if abrupt else ""),
               utterances, "en", [("en", text) for text in DIGITS])


def sets():
    """Every development set of single words and syllables."""
    menus = [neural_set(f"menu-{language}-dev", "menu", language, "digits and menu words, held-out neural voices")
             for language in ("zh", "en")]
    return [*map(real, ALL), digits(False), digits(True), *menus]
