"""Branch-call language: sentences with their intents, drawn from grammar.{zh,yue,en}.txt and from understanding's own;
and what people say and read beside it, from everyday.{zh,en}.txt and talk/.

    python text.py --out WORK/text --seed 1

writes sentences.tsv (language, kind, intent or `-`, text) for speech and for the language model.
"""

import argparse
import csv
import json
import random
import re
import zipfile
from pathlib import Path

from opencc import OpenCC

from numbers_spoken import en_slot, yue_slot, zh_slot
from paths import data_dir, work_dir
from wishes import Wishes

HERE = Path(__file__).parent
INTENTS = (
    "balance_inquiry bill_inquiry lost_card loan_progress complaint refund delivery_chase "
    "fault_report appointment agent_request opening_hours close_account"
).split()
# Cantonese has people's own talk besides.
EVERYDAY = ("zh", "en")
LANGUAGES = ("zh", "yue", "en")
_SLOT = re.compile(r"<([a-z_]+)(?::(\d+)-(\d+))?>")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")


def lines_of(name):
    """The lines of a text file beside this one, without comments."""
    return [line for line in (HERE / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]


def talk(language):
    """The sentences of talk/ in a language, each once."""
    files = sorted((HERE / "talk").glob(f"{language}-*.txt"))
    return list(dict.fromkeys(line for path in files for line in lines_of(path)))


class Grammar:
    """A language's rules, expanded at random."""

    def __init__(self, language, rng, name="grammar"):
        self.language, self.rng = language, rng
        self.rules = {}
        for line in lines_of(f"{name}.{language}.txt"):
            rule, alternatives = line.split(":", 1)
            self.rules[rule] = [a.strip() for a in alternatives.split("|")]

    def expand(self, rule):
        return self._fill(self.rng.choice(self.rules[rule]))

    def _fill(self, text):
        text = _OPTIONAL.sub(lambda m: m[1] if self.rng.random() < 0.5 else "", text)
        return _SLOT.sub(self._slot, text)

    def _slot(self, match):
        name, low, high = match.groups()
        if name in self.rules:
            return self.expand(name)
        bounds = (int(low), int(high)) if low else None
        return {"zh": zh_slot, "yue": yue_slot, "en": en_slot}[self.language](name, bounds, self.rng)

    def request(self, intent):
        """A request of a rule with the greeting, hesitation, anger and numbers people put around it."""
        rng, parts = self.rng, [self.expand(intent)]
        if rng.random() < 0.15:
            parts.insert(0, self.expand("hesitation"))
        if rng.random() < 0.25:
            parts.insert(0, self.expand("hello"))
        angry = 0.6 if intent == "complaint" else 0.1
        if rng.random() < angry:
            parts.append(self.expand("anger"))
        elif rng.random() < 0.15:
            parts.append(self.expand("please"))
        if rng.random() < 0.15:
            parts.append(self.expand("number_of"))
        return self.join(parts)

    def join(self, parts):
        separator = " " if self.language == "en" else "，"
        return re.sub(" +", " ", separator.join(parts)).strip()


def branch_sentences(language, count, rng):
    """(kind, intent, text): about 57 % intents, then other business, statements of numbers and small talk."""
    grammar = Grammar(language, rng)
    for i in range(count):
        draw = rng.random()
        if draw < 0.48:
            intent = INTENTS[i % len(INTENTS)]
            yield "request", intent, grammar.request(intent)
        elif draw < 0.57:
            intent = INTENTS[i % len(INTENTS)]
            yield "request", intent, grammar.expand(intent)
        elif draw < 0.73:
            yield "statement", "-", grammar.expand("statement")
        elif draw < 0.8:
            yield "small_talk", "-", grammar.expand("small_talk")
        else:
            yield "other", "-", grammar.request("other")


def clean_english(text):
    """Lower case words only; None where digits or symbols would need reading rules."""
    text = re.sub(r"[,.!?;:\"()\-]+", " ", text.lower().replace("’", "'"))
    text = re.sub(r"(?<![a-z])'|'(?![a-z])", "", text)
    text = re.sub(r"\s+", " ", text).strip()
    return text if re.fullmatch(r"[a-z' ]+", text) else None


def english_corpora():
    """Customer sentences of the English text sets that may train (train parts only)."""
    text = data_dir() / "text"
    with open(text / "banking77/train.csv", encoding="utf-8") as f:
        yield from (row["text"] for row in csv.DictReader(f))
    clinc = json.loads((text / "clinc150/data_full.json").read_text("utf-8"))
    yield from (sentence for sentence, _ in clinc["train"] + clinc["oos_train"])
    for domain in ("finance", "insurance", "media"):
        with open(text / f"multidogo/{domain}/train.tsv", encoding="utf-8") as f:
            for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
                yield row["utterance"] or ""


def cantonese_corpus():
    """Spoken Cantonese of HKCanCor (CC BY), in simplified characters, short runs between pauses."""
    simplify = OpenCC("t2s")
    with zipfile.ZipFile(data_dir() / "text/hkcancor/hkcancor-utf8.zip") as corpus:
        for name in sorted(n for n in corpus.namelist() if not n.endswith("/")):
            content = corpus.read(name).decode("utf-8", "replace")
            for sentence in re.findall(r"<sent_tag>(.*?)</sent_tag>", content, re.S):
                words = [line.strip().split("/")[0] for line in sentence.split("\n") if "/" in line]
                for run in " ".join(words).translate(_PAUSES).split("，"):
                    text = simplify.convert(run.replace(" ", ""))
                    if 2 <= len(text) <= 16 and re.fullmatch(r"[\u4e00-\u9fff]+", text):
                        yield text


_PAUSES = str.maketrans("。？！、；：", "，，，，，，")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=work_dir() / "text")
    parser.add_argument("--count", type=int, default=60_000, help="branch sentences a language")
    parser.add_argument("--wishes", type=int, default=40_000, help="requests of understanding's intents a language")
    parser.add_argument("--everyday", type=int, default=30_000, help="everyday sentences a language that has them")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(args.seed)
    with open(args.out / "sentences.tsv", "w", encoding="utf-8") as f:
        for language in LANGUAGES:
            for kind, intent, text in branch_sentences(language, args.count, rng):
                print(language, kind, intent, text, sep="\t", file=f)
            for intent, text in Wishes(language, rng).some(args.wishes):
                print(language, "wish", intent, text, sep="\t", file=f)
        for language in EVERYDAY:
            grammar = Grammar(language, rng, "everyday")
            for _ in range(args.everyday):
                print(language, "everyday", "-", grammar.expand("everyday"), sep="\t", file=f)
        for language in LANGUAGES:
            for text in talk(language):
                print(language, "talk", "-", text, sep="\t", file=f)
        for text in filter(None, map(clean_english, english_corpora())):
            if len(text.split()) <= 20:
                print("en", "corpus", "-", text, sep="\t", file=f)
        for text in cantonese_corpus():
            print("yue", "corpus", "-", text, sep="\t", file=f)


if __name__ == "__main__":
    main()
