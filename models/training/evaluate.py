"""Measure the exported model, streamed through onnxruntime, and write ../RESULTS.md.

    python evaluate.py --development   held-out voices only (any time)
    python evaluate.py                 also the evaluation recordings (once a model is to ship)

Unit error: greedy, without lexicon or language model; syllable error: the same in whole syllables of
Chinese. Exact match: the best of a closed list of texts by CTC score. Intervals: bootstrap over
utterances, 95 %; over speakers where there are several.
"""

import argparse
import csv
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice, product
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch.nn import functional as F

import aims
from channel import ALAW, companded, music, noise
from export import session, stream
from features import fbank
from numbers_spoken import en_slot, yue_slot, zh_slot
from paths import ROOT, data_dir, model_dir, work_dir
from pronounce import en_readings, text_units
from speech import read_shards, spelling, trim
from text import HERE, clean_english
from train import edit_distance, greedy
from units import ARPABET, BLANK, IDS, INITIAL_IDS, JYUTPING, MANDARIN, jyutping_units, syllable_units
from voices import Voice

SYLLABLES = {"pinyin": syllable_units, "jyutping": jyutping_units, "units": lambda text: tuple(text.split())}
TAIL = np.zeros(6400, np.float32)  # what an endpointer waits after speech, in samples
ENGLISH = {IDS[phone] for phone in ARPABET}
LEAD = np.zeros(2560, np.float32)  # what the engine puts before a recording that begins within a word
UNHEARD = -1e4  # log probability of a unit that may not be heard
LOUD_START_DB = -50  # of its first 20 ms, as in the engine (firmware/recognition/src/stream.rs)


@dataclass
class Utterance:
    """Speech with its units and, where a grammar applies, its place in a list of texts."""

    audio: np.ndarray
    units: list
    speaker: str
    text: str = ""


@dataclass
class Set:
    """A set of utterances and the closed list of texts that a grammar would allow."""

    name: str
    real: bool
    about: str
    utterances: list
    language: str = "zh"
    grammar: list = field(default_factory=list)
    only_units: list | None = None  # of the language that is told beforehand


@lru_cache(maxsize=None)
def readings(language, text):
    """Up to eight unit strings of a text."""
    if language in SYLLABLES:
        return [SYLLABLES[language](text)]
    if language != "en":
        return [text_units(language, text)]
    words = [en_readings(w) for w in text.split()]
    return [tuple(u for w in choice for u in w) for choice in islice(product(*words), 8)]


def grammar_choice(logprobs, grammar):
    """The text of (language, text) pairs with the highest CTC score."""
    rows = [(text, [IDS[u] for u in r]) for language, text in grammar for r in readings(language, text)]
    targets = torch.tensor([u for _, r in rows for u in r])
    lengths = torch.tensor([len(r) for _, r in rows])
    x = torch.from_numpy(logprobs)[:, None].expand(-1, len(rows), -1)
    losses = F.ctc_loss(x, targets, torch.full((len(rows),), len(logprobs)), lengths, BLANK, reduction="none")
    return rows[int(losses.argmin())][0]


def real_set(name, about, grammar=False, only=None):
    """An evaluation folder, or its recordings in one language."""
    folder, out, texts = data_dir() / "speech" / name, [], {}
    with open(folder / "manifest.tsv", encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            text = row["text"]
            if only and row["language"] != only:
                continue
            if name == "paragraphs-eval" and row["language"] == "en":
                text = " ".join(w for w in clean_english(text).split() if en_readings(w))
            units = text_units(row["language"], text)
            if not units:
                continue
            audio, rate = soundfile.read(folder / row["file"], dtype="float32")
            assert rate == 8000
            texts[row["language"], text] = None
            out.append(Utterance(audio, [IDS[u] for u in units], row["speaker"], text))
    return Set(f"{name}, {only}" if only else name, True, about, out, row["language"], list(texts) if grammar else [])


def syllable_set(name, spelling, syllabary, about):
    """A folder of single syllables; the grammar is every syllable of the language, tones aside."""
    folder, out = data_dir() / "speech" / name, []
    to_units = SYLLABLES[spelling]

    def rows(of):
        with open(data_dir() / "speech" / of / "manifest.tsv", encoding="utf-8") as f:
            for row in csv.DictReader(f, delimiter="\t"):
                bare = row["text"].lstrip("_").rstrip("0123456789").replace("uu", "v")
                if to_units(bare):
                    yield row, bare

    for row, bare in rows(name):
        audio, _ = soundfile.read(folder / row["file"], dtype="float32")
        out.append(Utterance(audio, [IDS[u] for u in to_units(bare)], row["speaker"], bare))
    known = {to_units(bare): bare for of in (syllabary, name) for _, bare in rows(of)}
    for u in out:
        u.text = known[to_units(u.text)]
    return Set(name, True, about, out, spelling, [(spelling, bare) for bare in known.values()])


def told(data, language, units):
    """The same, heard as `trunkside transcribe --language` hears: no unit of another language."""
    only = [IDS[unit] for unit in units] + [BLANK]
    return replace(data, name=f"{data.name}, language told", about=f"the same, heard as {language}", only_units=only)


def spoken(language, text, rng):
    """A text by a development voice, through A-law at a usual level."""
    voice = Voice.draw(language, "dev", rng)
    samples = trim(voice.say(spelling(language.removesuffix("-natural"), text, rng)))
    samples = np.concatenate([np.zeros(2400, np.float32), samples * (0.25 / np.abs(samples).max())])
    return companded(samples, ALAW), voice.name


def phrase_set():
    """The routing phrases, each by three held-out voices."""
    rng, out = random.Random(11), []
    lines = [line.split("\t") for line in (HERE / "phrases.tsv").read_text("utf-8").splitlines()[1:]]
    for text, language, _ in lines * 3:
        audio, voice = spoken(language, text, rng)
        out.append(Utterance(audio, [IDS[u] for u in text_units(language, text)], voice, text))
    grammar = [(language, text) for text, language, _ in lines]
    return Set("phrases", False, "the routing phrases, held-out voices", out, "", grammar)


def degraded(clean):
    """The same utterances with 3 % of packets lost and babble at 10 dB."""
    rng = np.random.default_rng(12)
    talk = np.concatenate([np.asarray(s) for s, c in read_shards(work_dir() / "speech", "dev")
                           if c.source.startswith("tts")]).astype(np.float32)

    def babble(count, rng):
        start = rng.integers(len(talk) - count)
        return talk[start:start + count] / 32768

    out = []
    for u in clean.utterances:
        power = np.sqrt(np.mean(u.audio[2400:] ** 2))
        background = sum(babble(len(u.audio), rng) for _ in range(4))
        audio = u.audio + background * (power * 10 ** -0.5 / np.sqrt(np.mean(background ** 2)))
        for start in range(160, len(audio) - 160, 160):
            if rng.random() < 0.03:
                audio[start:start + 160] = audio[start - 160:start] * 0.7
        out.append(Utterance(companded(audio, ALAW), u.units, u.speaker, u.text))
    return Set(clean.name + "-degraded", False, "the same, 3 % packets lost, babble at 10 dB", out, "", clean.grammar)


def number_set(language, slot):
    """Telephone numbers by held-out voices."""
    rng, out = random.Random(13), []
    for _ in range(60):
        text = slot("phone", None, rng)
        audio, voice = spoken(language, text, rng)
        out.append(Utterance(audio, [IDS[u] for u in text_units(language, text)], voice, text))
    return Set(f"telephone-numbers-{language}", False, "7-11 digits (8 in Hong Kong), held-out voices", out, language)


def sentence_set(language):
    """Branch sentences by held-out voices."""
    clips = [(np.asarray(s), c) for s, c in read_shards(work_dir() / "speech", "dev")
             if c.source == "tts-branch" and c.language == language]
    out = [Utterance(companded(s.astype(np.float32) * (0.25 / 32768 / 0.7), ALAW),
                     [IDS[u] for u in c.units.split()], c.speaker, c.text) for s, c in clips]
    return Set(f"sentences-{language}", False, "generated branch sentences, held-out voices", out, language)


def neural_set(name, source, language, about):
    """What neural voices said that never trained."""
    out = [Utterance(companded(np.asarray(s, np.float32) * (0.25 / 32768 / 0.7), ALAW), [IDS[u] for u in c.units.split()],
                     c.speaker, c.text)
           for s, c in read_shards(work_dir() / "speech", "dev") if (c.source, c.language) == (source, language)]
    return Set(name, False, about, out, language)


def shipped_set():
    """The tests' own audio files: voices that were never trained on."""
    folder, out = ROOT / "tests/audio", []
    with open(folder / "scripts.tsv", encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            audio, _ = soundfile.read(folder / row["file"], dtype="float32")
            text = row["text"].replace(",", "").lower() if row["language"] == "en" else row["text"]
            units = [IDS[u] for u in text_units(row["language"], text)]
            out.append(Utterance(audio, units, row["file"], text))
    return Set("tests-audio", False, "the end-to-end tests' files", out, "")


def padded(audio):
    """A recording with the silence that the engine would let the network hear around it."""
    power = np.mean(np.square(audio[:160], dtype=np.float64))
    is_loud = power > 10 ** (LOUD_START_DB / 10)
    return np.concatenate([LEAD, audio, TAIL] if is_loud else [audio, TAIL])


def syllables(units):
    """Units grouped: a final and the initial before it are one, any other unit is one."""
    out = []
    for unit in units:
        if out and out[-1][-1] in INITIAL_IDS and unit not in INITIAL_IDS:
            out[-1] += (unit,)
        else:
            out.append((unit,))
    return out


def measure(runtime, data):
    """[(speaker, errors, units, exact under the grammar or None, units exact, syllable errors, syllables)] of a set."""
    rows = []
    for u in data.utterances:
        logprobs = stream(runtime, fbank(padded(u.audio)))
        if data.only_units is not None:
            others = np.setdiff1d(np.arange(logprobs.shape[1]), data.only_units)
            logprobs[:, others] = UNHEARD
        found = greedy(torch.from_numpy(logprobs))
        hit = grammar_choice(logprobs, data.grammar) == u.text if data.grammar else None
        said = syllables(u.units)
        rows.append((u.speaker, edit_distance(found, u.units), len(u.units), hit, found == u.units,
                     edit_distance(syllables(found), said), len(said)))
    return rows


def interval(rows, figure, rounds=1000, seed=14):
    """95 % bootstrap interval of figure(rows), over speakers where three or more, else utterances."""
    rng, groups = np.random.default_rng(seed), defaultdict(list)
    for i, row in enumerate(rows):
        groups[row[0]].append(row)
    if len(groups) < 3:
        groups = {i: [row] for i, row in enumerate(rows)}
    groups = list(groups.values())
    drawn = [figure([r for g in rng.integers(len(groups), size=len(groups)) for r in groups[g]])
             for _ in range(rounds)]
    return np.percentile(drawn, [2.5, 97.5])


def heard_in_nothing(runtime, seconds=4, clips=40):
    """Lines of a table: units found a minute in digital silence, noise, hum and music."""
    rng, lines = np.random.default_rng(15), []
    count = seconds * 8000
    kinds = {
        "digital silence": lambda: np.zeros(count, np.float32),
        "white noise": lambda: rng.normal(0, 1, count).astype(np.float32) * 10 ** (rng.uniform(-60, -25) / 20),
        "coloured noise, hum": lambda: noise(count, rng, None) * 10 ** (rng.uniform(-60, -25) / 20),
        "music": lambda: music(count, rng) * 0.05,
    }
    for name, make in kinds.items():
        units = sum(len(greedy(torch.from_numpy(stream(runtime, fbank(companded(make(), ALAW))))))
                    for _ in range(clips))
        lines.append(f"| {name} | {clips * seconds / 60:.1f} | {units * 60 / (clips * seconds):.1f} |")
    return "\n".join(["| sound | minutes | units found a minute |", "|---|---|---|", *lines])


def unit_error(rows):
    return sum(r[1] for r in rows) / sum(r[2] for r in rows)


def syllable_error(rows):
    return sum(r[5] for r in rows) / sum(r[6] for r in rows)


def exact(rows):
    return sum(bool(r[3]) for r in rows) / len(rows)


def all_units_right(rows):
    return sum(r[4] for r in rows) / len(rows)


def cell(rows, figure):
    low, high = interval(rows, figure)
    return f"{100 * figure(rows):.1f} ({100 * low:.1f}-{100 * high:.1f})"


def is_chinese(data):
    """Whether nothing in a set is English, whose phones make no syllables here."""
    return not any(unit in ENGLISH for u in data.utterances for unit in u.units)


def table(results):
    lines = ["| set | what | utterances | speakers | unit error % | syllable error % | all units right % | grammar exact % |",
             "|---|---|---|---|---|---|---|---|"]
    for data, rows in results:
        match = f"{cell(rows, exact)} of {len(data.grammar)}" if data.grammar else ""
        of_syllables = cell(rows, syllable_error) if is_chinese(data) else ""
        lines.append(f"| {data.name} | {data.about} | {len(rows)} | {len({r[0] for r in rows})} "
                     f"| {cell(rows, unit_error)} | {of_syllables} | {cell(rows, all_units_right)} | {match} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--model", type=Path, default=model_dir() / "model.onnx")
    args = parser.parse_args()
    torch.set_num_threads(1)
    runtime = session(args.model)
    import development  # it needs this module's sets

    kept = [(s, measure(runtime, s)) for s in development.sets()]
    print(table(kept), flush=True)
    phrases = phrase_set()
    synthetic = [phrases, degraded(phrases),
                 *(sentence_set(language) for language in ("zh", "yue", "en")),
                 *(neural_set(f"neural-{language}", f"neural-{language}", language,
                              "branch sentences and random words, held-out neural voices") for language in ("zh", "en")),
                 number_set("zh", zh_slot), number_set("yue", yue_slot), number_set("en", en_slot),
                 shipped_set()]
    results = [(s, measure(runtime, s)) for s in synthetic]
    print(table(results), flush=True)
    if args.development:
        return
    mandarin = syllable_set("mandarin-syllables-eval", "pinyin", "pinyin-syllables-train",
                            "single syllables, an unseen speaker")
    cantonese = syllable_set("cantonese-syllables-eval", "jyutping", "cantonese-syllables-train",
                             "other syllables, a voice heard in training")
    real = [
        real_set("commands-eval", "20 words, unseen speakers", grammar=True),
        real_set("commands-eval", "its 8 English words, unseen speakers", grammar=True, only="en"),
        real_set("digits-en-eval", "English digits, an unseen speaker", grammar=True),
        real_set("mandarin-words-eval", "unseen words, a voice heard in training"),
        mandarin,
        told(mandarin, "Mandarin", MANDARIN),
        cantonese,
        told(cantonese, "Cantonese", JYUTPING),
        real_set("paragraphs-eval", "long read text, unseen speakers"),
    ]
    measured = [(s, measure(runtime, s)) for s in real]
    print(table(measured))
    template = (HERE / "results_template.md").read_text("utf-8")
    report = template.replace("{synthetic}", table(results)).replace("{real}", table(measured))
    report = report.replace("{kept}", table(kept))
    report = report.replace("{nothing}", heard_in_nothing(runtime))
    for part in ("engine", "listen", "pocketsphinx_peer"):
        found = work_dir() / f"{part}.md"
        missing = f"(not measured with these weights: run {part}.py, its output to {found.name} in the work folder)"
        report = report.replace("{" + part + "}", found.read_text("utf-8").strip() if found.exists() else missing)
    report = report.replace("{aims}", aims.table(report))
    (ROOT / "models/RESULTS.md").write_text(report, "utf-8")


if __name__ == "__main__":
    main()
