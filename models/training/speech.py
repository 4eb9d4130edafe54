"""The training speech: real recordings that may train, and sentences spoken by text-to-speech.

    python speech.py real
    python speech.py tts
    python speech.py neural

Each writes WORK/speech/NAME.i16 (mono 8 kHz samples, end to end) and NAME.tsv (its index).
The channel is applied later, while training (channel.py), so each clip is heard in many ways.
"""

import argparse
import csv
import random
from dataclasses import asdict, dataclass, fields
from multiprocessing import Pool
from pathlib import Path

import jieba
import numpy as np
import soundfile
from pypinyin import Style, lazy_pinyin
from scipy.signal import resample_poly

from paths import data_dir, work_dir
from pronounce import en_readings, text_units, yue_jyutping, zh_pinyin, zh_words
from text import HERE
from units import jyutping_units, syllable_units
from voices import Voice, to_8k

# Speakers and words of the real training speech that are kept for development.
DEVELOPMENT_SPEAKERS = {"spk07", "spk19", "spk28"}
DEVELOPMENT_EVERY = {"mandarin-words-train": 50, "cantonese-syllables-train": 50}

# Sentences a kind that text-to-speech says, a split.
TTS_COUNTS = {
    "train": {"zh-branch": 6000, "zh-words": 3500, "yue-branch": 4000, "yue-corpus": 3000, "en-branch": 5000,
              "en-corpus": 4500, "en-words": 3000, "en-natural": 4000, "en-digits": 2500, "zh-talk": 3000, "yue-talk": 2400,
              "en-talk": 3600},
    "dev": {"zh-branch": 240, "zh-words": 60, "yue-branch": 160, "yue-corpus": 60, "en-branch": 200,
            "en-corpus": 60},
}
SHARD = 4000
# Sentences that neural voices say, a split; their shards are small, since half a minute of work makes a minute of speech.
NEURAL_COUNTS = {
    "dev": {"zh-branch": 70, "zh-words": 30, "en-branch": 35, "en-corpus": 35, "en-words": 10},
    "train": {"zh-talk": 3300, "zh-branch": 350, "zh-words": 480, "zh-digits": 260, "en-talk": 3600, "en-branch": 200,
              "en-corpus": 180, "en-words": 520, "en-digits": 280},
}
NEURAL_SHARD, NEURAL_MOST_PHONEMES = 200, 110
# What callers answer to a menu, a word or few at a time: these a language, a split, half of them digits.
MENU_COUNTS = {"dev": 60, "train": 1500}
ZH_DIGITS = "零一二三四五六七八九幺两"
EN_DIGITS = "zero one two three four five six seven eight nine oh double".split()
# Mandarin syllables in bopomofo, of the Debian package gcin-voice: the voice 5.ogg (CC BY 3.0) trains, 3.ogg (GPL)
# only measures.
GCIN = Path("/usr/share/gcin-voice/ogg")
# Telephone prompts in English, of the Debian package asterisk-core-sounds-en-wav: Allison Smith (CC BY-SA 3.0).
PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPT_MOST_S, PROMPT_WORD_S = 13, 1.6


@dataclass
class Clip:
    """One line of an index."""

    offset: int
    samples: int
    language: str
    speaker: str
    source: str
    split: str
    text: str
    units: str


def write_shard(path, clips):
    """Samples and index of (samples, Clip) pairs."""
    offset = 0
    with open(path.with_suffix(".i16"), "wb") as audio, \
            open(path.with_suffix(".tsv.new"), "w", encoding="utf-8") as index:
        writer = csv.DictWriter(index, [f.name for f in fields(Clip)], delimiter="\t")
        writer.writeheader()
        for samples, clip in clips:
            clip.offset, clip.samples = offset, len(samples)
            (np.clip(samples, -1, 1) * 32767).astype("<i2").tofile(audio)
            writer.writerow(asdict(clip))
            offset += len(samples)
    path.with_suffix(".tsv.new").rename(path.with_suffix(".tsv"))


def read_shards(folder, split=None):
    """Every clip of every finished shard, as (int16 samples, Clip)."""
    for index in sorted(Path(folder).glob("*.tsv")):
        audio = np.memmap(index.with_suffix(".i16"), "<i2", "r")
        with open(index, encoding="utf-8") as f:
            for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_MINIMAL):
                clip = Clip(int(row.pop("offset")), int(row.pop("samples")), **row)
                if split is None or clip.split == split:
                    yield audio[clip.offset:clip.offset + clip.samples], clip


def trim(samples, margin_s=0.08):
    """Cut to the speech: from the first to the last loud 10 ms frame, with a margin."""
    frames = samples[:len(samples) // 80 * 80].reshape(-1, 80)
    level = 10 * np.log10((frames - samples.mean()).astype(np.float64).__pow__(2).mean(1) + 1e-9)
    level = np.convolve(level, np.ones(3) / 3, "same")
    threshold = max(level.max() - 35, min(np.percentile(level, 5) + 8, level.max() - 15))
    loud = np.flatnonzero(level > threshold)
    first = max(0, int(loud[0] * 80 - margin_s * 8000))
    return samples[first:int((loud[-1] + 1) * 80 + margin_s * 8000)]


def real_units(source, language, text):
    if source == "pinyin-syllables-train":
        return syllable_units(text.replace("uu", "v"))
    if source == "cantonese-syllables-train":
        return jyutping_units(text)
    return text_units(language, text)


def real_clips():
    """Every real recording that may train, trimmed."""
    for source in ("commands-train", "digits-en-train", "mandarin-words-train", "pinyin-syllables-train",
                   "cantonese-syllables-train"):
        folder = data_dir() / "speech" / source
        with open(folder / "manifest.tsv", encoding="utf-8") as f:
            for i, row in enumerate(csv.DictReader(f, delimiter="\t")):
                units = real_units(source, row["language"], row["text"])
                if not units:
                    continue
                samples, rate = soundfile.read(folder / row["file"], dtype="float32")
                dev = row["speaker"] in DEVELOPMENT_SPEAKERS or \
                    source in DEVELOPMENT_EVERY and i % DEVELOPMENT_EVERY[source] == 7
                yield trim(to_8k(samples, rate)), Clip(
                    0, 0, row["language"], row["speaker"], source, "dev" if dev else "train",
                    row["text"], " ".join(units))


def gcin_clips():
    """The syllables of gcin-voice, trimmed: a Mandarin voice to train on and another for development."""
    pinyin = {}
    for char in range(0x4E00, 0x9FA6):
        bopomofo, toneless = (lazy_pinyin(chr(char), style=s)[0] for s in (Style.BOPOMOFO, Style.NORMAL))
        pinyin.setdefault(bopomofo.strip("ˊˇˋ˙"), toneless)
    for folder in sorted(GCIN.iterdir()):
        syllable = pinyin.get(folder.name.rstrip("12345"), "?")
        units = syllable_units(syllable)
        for name, split in ("5.ogg", "train"), ("3.ogg", "dev"):
            if not units or not (folder / name).exists():
                continue
            samples, rate = soundfile.read(folder / name, dtype="float32")
            samples = samples if samples.ndim == 1 else samples.mean(1)
            if rate != 8000:
                samples = resample_poly(samples, 8000, rate)
            yield trim(samples.astype(np.float32)), Clip(
                0, 0, "zh", f"gcin {name[0]}", "gcin-syllables", split,
                syllable + (folder.name[-1] if folder.name[-1] in "2345" else "1"), " ".join(units))


def prompt_clips():
    """Recorded telephone prompts: sentences, words, and digits beside the other speakers'."""
    lines = (HERE / "prompts.en.tsv").read_text("utf-8").splitlines()[1:]
    for i, (name, text) in enumerate(line.split("\t") for line in lines):
        units = text_units("en", text)
        samples, rate = soundfile.read(PROMPTS / f"{name}.wav", dtype="float32")
        samples = trim(to_8k(samples, rate))
        if not units or len(samples) > PROMPT_MOST_S * 8000:
            continue
        digit = name.startswith("digits/") and text in EN_DIGITS
        source = "digits-en-train" if digit else \
            "prompt-words-en" if len(samples) < PROMPT_WORD_S * 8000 else "prompts-en"
        dev = i % 20 == 7 and not digit
        yield samples, Clip(0, 0, "en", "allison", source, "dev" if dev else "train", text, " ".join(units))


def frequent_words(count):
    """jieba's most frequent words of Han characters, with their counts."""
    jieba.initialize()
    words = [(n, w) for w, n in jieba.dt.FREQ.items()
             if n > 0 and len(w) <= 4 and all("\u4e00" <= c <= "\u9fff" for c in w)]
    return [w for _, w in sorted(words, key=lambda p: (-p[0], p[1]))[:count]]


def texts_of(sentences, language, is_wanted, shorter_than=10 ** 6):
    """Different texts of a language whose kind is wanted, sorted."""
    return sorted({text for tag, kind, _, text in sentences
                   if tag == language and is_wanted(kind) and len(text) < shorter_than})


def is_corpus(kind):
    """Whether a sentence is people's own."""
    return kind == "corpus"


def is_talk(kind):
    """Whether it was written out for its own sake."""
    return kind == "talk"


def is_branch(kind):
    """Whether it comes of rules."""
    return not is_corpus(kind) and not is_talk(kind)


def tts_texts(split, rng):
    """(language, kind, text) for text-to-speech, shuffled."""
    with open(work_dir() / "text/sentences.tsv", encoding="utf-8") as f:
        sentences = [line.rstrip("\n").split("\t") for line in f]
    counts, texts = TTS_COUNTS[split], []
    for language in ("zh", "yue", "en"):
        branch = texts_of(sentences, language, is_branch)
        texts += [(language, "branch", t) for t in rng.sample(branch, counts[f"{language}-branch"])]
        said = texts_of(sentences, language, is_talk)
        texts += [(language, "talk", t) for t in rng.sample(said, counts.get(f"{language}-talk", 0))]
    for language in ("yue", "en"):
        corpus = texts_of(sentences, language, is_corpus, 90)
        texts += [(language, "corpus", t) for t in rng.sample(corpus, counts[f"{language}-corpus"])]
    words = frequent_words(25_000)
    for _ in range(counts["zh-words"]):
        texts.append(("zh", "words", "，".join(rng.choices(words, k=rng.randint(1, 5)))))
    for _ in range(counts.get("en-digits", 0)):
        many = rng.choice([1, 1, 1, 2, 3, 4, 7, 10])
        texts.append(("en", "digits", " ".join(rng.choices(EN_DIGITS, k=many))))
    anything = texts_of(sentences, "en", bool, 90)
    texts += [("en", "natural", t) for t in rng.sample(anything, counts.get("en-natural", 0))]
    vocabulary = sorted({w for t in corpus for w in t.split() if en_readings(w)})
    for _ in range(counts.get("en-words", 0)):
        texts.append(("en", "words", " ".join(rng.choices(vocabulary, k=rng.randint(1, 5)))))
    rng.shuffle(texts)
    return texts


def spelling(language, text, rng):
    """What the engine is given: jyutping, or pinyin for Mandarin, syllables of a word joined more often than not."""
    if language == "en":
        return text
    if language == "yue":
        return yue_jyutping(text)
    if rng.random() < 0.4:
        return zh_pinyin(text)
    groups = text.split("，")
    joined = [" ".join(zh_pinyin(w).replace(" ", "") for w in zh_words(g)) for g in groups]
    return ", ".join(joined)


def speak(job):
    """(samples, Clip) of one sentence, or None where it has no pronunciation or the engine fails."""
    seed, split, language, kind, text = job
    rng = random.Random(seed)
    units = text_units(language, text)
    if not units:
        return None
    people = kind == "natural" or kind == "digits" and rng.random() < 0.7
    voice = Voice.draw("en-natural" if people else language, split, rng)
    samples = voice.say(spelling(language, text, rng))
    if len(samples) < 1600 or len(samples) > 15 * 8000 or np.abs(samples).max() < 0.01:
        return None
    return trim(samples * (0.7 / np.abs(samples).max())), Clip(
        0, 0, language, voice.name, f"tts-{kind}", split, text, " ".join(units))


def neural_texts(split, rng):
    """(language, kind, text) for the neural voices, shuffled."""
    with open(work_dir() / "text/sentences.tsv", encoding="utf-8") as f:
        sentences = [line.rstrip("\n").split("\t") for line in f]
    counts, texts = NEURAL_COUNTS[split], []
    for language in ("zh", "en"):
        branch = texts_of(sentences, language, is_branch, 90)
        texts += [(language, "branch", t) for t in rng.sample(branch, counts[f"{language}-branch"])]
        said = texts_of(sentences, language, is_talk)
        texts += [(language, "talk", t) for t in rng.sample(said, counts.get(f"{language}-talk", 0))]
    corpus = texts_of(sentences, "en", is_corpus, 90)
    texts += [("en", "corpus", t) for t in rng.sample(corpus, counts["en-corpus"])]
    vocabulary = sorted({w for t in corpus for w in t.split() if en_readings(w)})
    for _ in range(counts["en-words"]):
        texts.append(("en", "words", " ".join(rng.choices(vocabulary, k=rng.randint(2, 7)))))
    words = frequent_words(30_000)
    for _ in range(counts["zh-words"]):
        texts.append(("zh", "words", rng.choice(["", "，"]).join(rng.choices(words, k=rng.randint(2, 6)))))
    for language, digits, mark in ("zh", ZH_DIGITS, ""), ("en", EN_DIGITS, " "):
        for _ in range(counts.get(f"{language}-digits", 0)):
            texts.append((language, "digits", mark.join(rng.choices(digits, k=rng.choice([1, 2, 4, 6, 8, 11])))))
    rng.shuffle(texts)
    return texts


def menu_texts(split, rng):
    """(language, "menu", text): digits and the words of menu.tsv, said alone or a few of them, run on or set apart."""
    with open(HERE / "menu.tsv", encoding="utf-8") as f:
        words = dict(line.rstrip("\n").split("\t") for line in f)
    texts = []
    for language, digits, mark in ("zh", list(ZH_DIGITS), ""), ("en", EN_DIGITS, " "):
        for i in range(MENU_COUNTS[split]):
            drawn = rng.choices(digits if i % 2 else words[language].split("|"), k=rng.choice([1, 1, 1, 2, 3, 5]))
            texts.append((language, "menu", rng.choice([mark, "，" if language == "zh" else ", "]).join(drawn)))
    rng.shuffle(texts)
    return texts


def neural_clips(texts, split, seed):
    """Each sentence by a neural voice or a blend of them."""
    from neural import Kokoro, draw_voices, spoken  # heavy, and wanted by nothing else here
    synthesiser = Kokoro()
    for i, (language, kind, text) in enumerate(texts):
        rng = random.Random(f"{seed}-{split}-{i}")
        found = spoken(language, text)
        if not found or len(found[0]) > NEURAL_MOST_PHONEMES:
            continue
        voices = draw_voices(language, split, rng)
        samples = trim(synthesiser.say(found[0], voices, rng.uniform(0.95, 1.4)))
        yield samples * (0.7 / np.abs(samples).max()), Clip(
            0, 0, language, voices.name, "menu" if kind == "menu" else f"neural-{language}", split, text,
            " ".join(found[1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["real", "tts", "neural"])
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kinds", nargs="*", help="only these kinds of sentences, beside the shards that there are")
    args = parser.parse_args()
    out = work_dir() / "speech"
    out.mkdir(parents=True, exist_ok=True)
    if args.what == "real":
        write_shard(out / "real", real_clips())
        write_shard(out / "gcin", gcin_clips())
        write_shard(out / "prompts", prompt_clips())
        return
    if args.what == "neural":
        for split in ("dev", "train"):
            for name, choose in ("menu", menu_texts), ("neural", neural_texts):
                texts = choose(split, random.Random(f"{args.seed}-{split}"))
                for start in range(0, len(texts), NEURAL_SHARD):
                    path = out / f"{name}-{split}-{start // NEURAL_SHARD}"
                    if not path.with_suffix(".tsv").exists():
                        write_shard(path, neural_clips(texts[start:start + NEURAL_SHARD], split, f"{args.seed}-{start}"))
                        print(f"{name}, {split}: {min(start + NEURAL_SHARD, len(texts))} of {len(texts)}", flush=True)
        return
    with Pool(args.jobs) as pool:
        for split in ("dev", "train"):
            texts = tts_texts(split, random.Random(f"{args.seed}-{split}"))
            jobs = [(f"{args.seed}-{split}-{i}", split, *t) for i, t in enumerate(texts)
                    if not args.kinds or t[1] in args.kinds]
            name = "-".join(["tts", split, *(args.kinds or [])])
            for start in range(0, len(jobs), SHARD):
                clips = filter(None, pool.imap(speak, jobs[start:start + SHARD], chunksize=16))
                write_shard(out / f"{name}-{start // SHARD}", clips)
                print(f"{split}: {min(start + SHARD, len(jobs))} of {len(jobs)} sentences", flush=True)


if __name__ == "__main__":
    main()
