"""Synthetic recordings for measuring the whole engine: `python recordings.py` (one minute).

    python recordings.py --kept-natural     (ten minutes: only 100 and 70 requests more by neural voices)
    measure --manifest WORK/recordings/sentences-zh/manifest.tsv

Writes folders of A-law WAV, each with a manifest.tsv: branch sentences by held-out voices, clean and
with 3 % packets lost in babble at 10 dB; requests of other kinds of business, and some that no
grammar made, by neural voices too; everyday sentences by neural voices; telephone numbers of eleven digits; 200 branch phrases with their
grammar, alone and between other words, and sentences that are not in it; the development sets of real words; and half an hour each of sounds that are no speech.
"""

import argparse
import csv
import random
import shutil

import numpy as np
import soundfile

import development
import neural
from channel import ALAW, companded, music, noise
from evaluate import Set, Utterance, degraded, spoken
from numbers_spoken import EN_ONES, ZH
from paths import work_dir
from pronounce import text_units
from speech import read_shards, trim
from text import INTENTS as ROUTED
from text import Grammar, lines_of
from wishes import INTENTS, PLAIN

SENTENCES = 80
NUMBERS = 40
KEPT_NATURAL = {"zh": 100, "en": 70}
PHRASES = {"zh": 80, "yue": 50, "en": 70}
OTHERS = 100
BETWEEN = {
    "zh": (["喂你好", "嗯那个我想说", "麻烦你帮我看一下", "请问", "哎呀我跟你说"], ["", "谢谢", "可以吗", "好吧"]),
    "yue": (["喂你好", "唔该", "我想问下", "嗱我同你讲"], ["", "唔该", "得唔得呀"]),
    "en": (["hello", "um i would like to say", "can you please help me", "well the thing is", "good morning"],
           ["", "please", "thank you", "okay"]),
}
SPOKEN_WORDS = ("commands-dev", "commands-dev-abrupt", "mandarin-words-dev")
SILENT_S, SILENT_CLIPS = 60, 30


def write(name, rows):
    """A folder of (audio, language, speaker, text)."""
    folder = work_dir() / "recordings" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open(folder / "manifest.tsv", "w", encoding="utf-8", newline="") as f:
        writer = csv.writer(f, delimiter="\t", lineterminator="\n")
        writer.writerow(["file", "language", "speaker", "text"])
        for i, (audio, language, speaker, text) in enumerate(rows):
            soundfile.write(folder / f"{i:03}.wav", np.clip(audio, -1, 1), 8000, subtype="ALAW")
            writer.writerow([f"{i:03}.wav", language, speaker, text])
    return folder


def sentences(language):
    """Branch sentences of the development split, with 0.3 s before them."""
    clips = [(np.asarray(s), c) for s, c in read_shards(work_dir() / "speech", "dev")
             if c.source == "tts-branch" and c.language == language][:SENTENCES]
    quiet = np.zeros(2400, np.float32)
    return [Utterance(np.concatenate([quiet, s.astype(np.float32) * (0.25 / 32768 / 0.7), quiet]), [],
                      c.speaker, c.text) for s, c in clips]


def numbers(language, rng):
    """Eleven digits, said one by one."""
    for _ in range(NUMBERS):
        digits = [rng.randrange(10) for _ in range(11)]
        text = " ".join(EN_ONES[d] for d in digits) if language == "en" else "".join(ZH[d] for d in digits)
        yield spoken(language, text, rng), language, text


def business(language, rng):
    """Requests that are none of the twelve intents: cards abroad, limits, roaming, passports, claims and so on."""
    grammar = Grammar(language, rng)
    for _ in range(NUMBERS):
        text = grammar.request("service")
        yield spoken(language, text, rng), language, text


def kept_texts(language, rng, count):
    """Requests that somebody wrote and no grammar made: what understanding is judged on."""
    lines = (INTENTS / f"kept/{language}.tsv").read_text("utf-8").splitlines()
    texts = [line.split("\t")[0] for line in lines]
    texts = [text for text in texts if PLAIN[language].fullmatch(text) and text_units(language, text)]
    return rng.sample(texts, count)


def kept(language, rng):
    """Those requests by held-out voices."""
    for text in kept_texts(language, rng, NUMBERS):
        yield spoken(language, text, rng), language, text


def natural(language, texts, rng, synthesiser):
    """Texts by held-out neural voices, A-law at a usual level."""
    for text in texts:
        phonemes, _ = neural.spoken(language, text)
        voices = neural.draw_voices(language, "dev", rng)
        samples = trim(synthesiser.say(phonemes, voices, rng.uniform(0.95, 1.3)))
        quiet = np.zeros(2400, np.float32)
        audio = np.concatenate([quiet, samples * (0.25 / np.abs(samples).max()), quiet]).astype(np.float32)
        yield (companded(audio, ALAW), voices.name), language, text


def requests(rng):
    """Distinct requests of all intents: those of the grammar, then others."""
    seen = dict.fromkeys(PHRASES)
    for language in PHRASES:
        grammar, found = Grammar(language, rng), {}
        while len(found) < PHRASES[language] + OTHERS // len(PHRASES):
            found[grammar.expand(ROUTED[rng.randrange(len(ROUTED))])] = None
        seen[language] = list(found)
    inside = [(language, text) for language, n in PHRASES.items() for text in seen[language][:n]]
    return inside, [(language, text) for language, n in PHRASES.items() for text in seen[language][n:]]


def between(phrases, rng):
    """Every second phrase as somebody would say it who has not heard that it is all that is asked for."""
    for language, phrase in phrases[::2]:
        before, behind = BETWEEN[language]
        words = (rng.choice(before), phrase, rng.choice(behind))
        text = (" " if language == "en" else "").join(word for word in words if word)
        yield spoken(language, text, rng), language, phrase


def write_natural(name, rng, synthesiser, language, texts):
    """A folder of texts by held-out neural voices."""
    said = natural(language, texts, rng, synthesiser)
    write(f"{name}-{language}", [(audio, lang, voice, text) for (audio, voice), lang, text in said])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept-natural", action="store_true", help="write only the larger sets by neural voices")
    if parser.parse_args().kept_natural:
        synthesiser = neural.Kokoro()
        for language, count in KEPT_NATURAL.items():
            dice = random.Random(77)
            write_natural("kept-natural", dice, synthesiser, language, kept_texts(language, dice, count))
        return
    rng = random.Random(31)
    for language in ("zh", "yue", "en"):
        clean = Set(language, False, "", sentences(language))
        for name, data in ((f"sentences-{language}", clean), (f"sentences-{language}-degraded", degraded(clean))):
            write(name, [(u.audio, language, u.speaker, u.text) for u in data.utterances])
        for name, said in (("numbers", numbers(language, rng)), ("business", business(language, random.Random(33))),
                           ("kept", kept(language, random.Random(34)))):
            write(f"{name}-{language}", [(audio, lang, voice, text) for (audio, voice), lang, text in said])
    synthesiser = neural.Kokoro()
    for language in ("zh", "en"):
        dice = random.Random(34)
        write_natural("natural", dice, synthesiser, language, kept_texts(language, dice, NUMBERS))
        write_natural("everyday", random.Random(5), synthesiser, language, lines_of(f"kept.{language}.txt"))
    inside, outside = requests(rng)
    for name, texts in (("phrases", inside), ("phrases-outside", outside)):
        rows = []
        for language, text in texts:
            audio, voice = spoken(language, text, rng)
            rows.append((audio, language, voice, text))
        write(name, rows)
    said = between(inside, random.Random(7))
    write("phrases-between", [(audio, lang, voice, phrase) for (audio, voice), lang, phrase in said])
    grammar = work_dir() / "recordings/phrases/grammar.txt"
    grammar.write_text("\n".join(text for _, text in inside) + "\n", "utf-8")
    for data in [*(development.real(n) for n in SPOKEN_WORDS), *map(development.digits, (False, True))]:
        spoken_in = {text: language for language, text in data.grammar}
        folder = write(data.name, [(u.audio, spoken_in.get(u.text, data.language), u.speaker, u.text)
                                   for u in data.utterances])
        (folder / "grammar.txt").write_text("\n".join(text for _, text in data.grammar) + "\n", "utf-8")
    dice, count = np.random.default_rng(32), SILENT_S * 8000
    sounds = {
        "silence": lambda: np.zeros(count, np.float32),
        "noise": lambda: companded(noise(count, dice, None) * 10 ** (dice.uniform(-60, -25) / 20), ALAW),
        "music": lambda: companded(music(count, dice) * 0.05, ALAW),
    }
    for name, make in sounds.items():
        write(f"nothing-{name}", [(make(), "zh", name, "") for _ in range(SILENT_CLIPS)])


if __name__ == "__main__":
    main()
