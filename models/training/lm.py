"""The pronunciation lexicon and the word language model that ship beside the network.

    python lm.py

lexicon.tsv: jieba's frequent words, every common character, every word of the training text.
lm.arpa: trigrams of the generated branch calls, the English customer sentences and the Cantonese
conversations, absolute discounting, over a unigram that keeps every word of the lexicon possible.
Cantonese words carry the mark `@yue` in both, as the same characters are other words in Mandarin.
"""

import argparse
import math
from collections import Counter

import jieba

from numbers_spoken import EN_ONES, EN_TENS
from paths import data_dir, model_dir, work_dir
from pronounce import (
    en_readings, yue_readings, yue_words, zh_char_readings, zh_units, zh_words,
)
from speech import frequent_words
from text import HERE
from units import IDS

FREQUENT_WORDS = {"zh": 45_000, "yue": 15_000}
CANTONESE = "@yue"
ORDER = 3
DISCOUNT = {2: 0.5, 3: 0.7}
# Chosen on requests of kinds of business that the counted text lacked: callers say what no grammar foresees.
LEAST_BACKOFF = 0.3
# Share of unigram mass: generated branch text, the wide tail.
BRANCH_SHARE = 0.5
PHRASE_WEIGHT = 50
START, END, UNKNOWN = "<s>", "</s>", "<unk>"


def common_characters():
    """GB 2312 level 1: the 3,755 most used characters; and 〇, 幺."""
    rows = (bytes([row, cell]) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return [c.decode("gb2312") for c in rows if c < b"\xd7\xfa"] + ["〇", "幺"]


def words_of(language, text):
    if language == "yue":
        return [word + CANTONESE for word in yue_words(text)]
    return zh_words(text) if language == "zh" else text.split()


def training_sentences():
    """(language, words, weight) of the generated text, the corpora and the routing phrases."""
    with open(work_dir() / "text/sentences.tsv", encoding="utf-8") as f:
        for line in f:
            language, _, _, text = line.rstrip("\n").split("\t")
            yield language, words_of(language, text), 1
    for line in (HERE / "phrases.tsv").read_text("utf-8").splitlines()[1:]:
        text, language, _ = line.split("\t")
        yield language, words_of(language, text), PHRASE_WEIGHT


def recorded_words():
    """Words of the real training speech."""
    for source in ("commands-train", "mandarin-words-train", "digits-en-train"):
        lines = (data_dir() / "speech" / source / "manifest.tsv").read_text("utf-8").splitlines()
        for line in lines[1:]:
            _, language, _, text = line.split("\t")
            yield language, text


def readings(language, word):
    """Every pronunciation of a word."""
    if language == "en":
        return en_readings(word)
    if language == "yue":
        return yue_readings(word.removesuffix(CANTONESE))
    if word in "零〇":
        return [zh_units("零")]
    if len(word) == 1:
        return zh_char_readings(word)
    units = zh_units(word)
    return [units] if units else []


def build_lexicon(words):
    """{word: readings} of those (language, word) pairs that can be pronounced."""
    lexicon = {}
    for language, word in words:
        if word not in lexicon:
            found = readings(language, word)
            if found:
                lexicon[word] = found
    return lexicon


def check_lexicon(lexicon):
    """Every unit is the network's, and no word of a routing phrase or a number is missing."""
    unknown = {u for found in lexicon.values() for units in found for u in units} - IDS.keys()
    assert not unknown, f"units that the network lacks: {unknown}"
    needed = {c + CANTONESE for c in "零一二三四五六七八九十百千万两点蚊"}
    needed |= {"zero", "oh", "double", *EN_ONES, *EN_TENS, *"零〇幺一二三四五六七八九十百千万两点块元"}
    for line in (HERE / "phrases.tsv").read_text("utf-8").splitlines()[1:]:
        text, language, _ = line.split("\t")
        needed.update(words_of(language, text))
    assert needed <= lexicon.keys(), f"words without a reading: {needed - lexicon.keys()}"


def count_ngrams(sentences):
    """[Counter of n-grams] for n of 1 to ORDER; sentence ends included."""
    counts = [Counter() for _ in range(ORDER)]
    for words, weight in sentences:
        padded = [START, *words, END]
        for n in range(1, ORDER + 1):
            for i in range(len(padded) - n + 1):
                counts[n - 1][tuple(padded[i:i + n])] += weight
    del counts[0][(START,)]
    return counts


def unigrams(counts, tail):
    """Interpolated unigram probabilities; `tail` has a wide count for every word."""
    branch, wide = sum(counts.values()), sum(tail.values())
    return {(w,): BRANCH_SHARE * counts.get((w,), 0) / branch + (1 - BRANCH_SHARE) * n / wide
            for w, n in tail.items()}


def discounted(counts, lower, discount):
    """(probabilities, back-off weights) of one order over the lower order's interpolated ones.

    Generated text repeats itself, so its counts promise too much: `LEAST_BACKOFF` is always kept.
    """
    totals, kinds = Counter(), Counter()
    for gram, n in counts.items():
        totals[gram[:-1]] += n
        kinds[gram[:-1]] += 1
    backoff = {h: max(discount * kinds[h] / totals[h], LEAST_BACKOFF) for h in totals}
    probability = {}
    for gram, n in counts.items():
        h = gram[:-1]
        own = (n - discount) / (totals[h] - discount * kinds[h])
        probability[gram] = (1 - backoff[h]) * own + backoff[h] * lower(gram[1:])
    return probability, backoff


def estimate(counts, tail, least=(1, 1, 2)):
    """[(probabilities, back-off weights of these as histories)] per order, as ARPA wants them."""
    tables = [unigrams(counts[0], tail)]
    weights = []

    def probability(gram):
        """The back-off estimate so far, for any word of the lexicon."""
        order = min(len(gram), len(tables))
        gram = gram[-order:]
        if gram in tables[order - 1]:
            return tables[order - 1][gram]
        return weights[order - 2].get(gram[:-1], 1.0) * probability(gram[1:])

    for n in range(2, ORDER + 1):
        kept = {g: c for g, c in counts[n - 1].items() if c >= least[n - 1]}
        table, backoff = discounted(kept, probability, DISCOUNT[n])
        tables.append(table)
        weights.append(backoff)
    return tables, weights + [{}]


def log10(p):
    return f"{math.log10(max(p, 1e-9)):.3f}"


def write_arpa(path, tables, weights):
    """ARPA text; <s> has no probability of its own and <unk> next to none."""
    first = {(UNKNOWN,): 1e-9, (START,): 1e-9, **tables[0]}
    with open(path, "w", encoding="utf-8") as f:
        print("\\data\\", file=f)
        for n, table in enumerate([first, *tables[1:]], 1):
            print(f"ngram {n}={len(table)}", file=f)
        for n, table in enumerate([first, *tables[1:]], 1):
            print(f"\n\\{n}-grams:", file=f)
            for gram, p in sorted(table.items()):
                line = f"{'-99' if gram == (START,) else log10(p)}\t{' '.join(gram)}"
                weight = weights[n - 1].get(gram)
                print(line + (f"\t{log10(weight)}" if weight else ""), file=f)
        print("\n\\end\\", file=f)


def check_sums(tables, weights, words):
    """Every tested history's probabilities sum to one."""
    for history in [(START,), *sorted(weights[1])[::4000]]:
        def p(gram):
            if gram in tables[len(gram) - 1]:
                return tables[len(gram) - 1][gram]
            return weights[len(gram) - 2].get(gram[:-1], 1.0) * p(gram[1:])
        total = sum(p((*history, w)) for w in words)
        assert abs(total - 1) < 1e-3, (history, total)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    sentences = list(training_sentences())
    used = dict.fromkeys((language, w) for language, words, _ in sentences for w in words)
    wide = [("zh", w) for w in frequent_words(FREQUENT_WORDS["zh"]) + common_characters()]
    wide += [("yue", w + CANTONESE) for w in frequent_words(FREQUENT_WORDS["yue"]) + common_characters()]
    lexicon = build_lexicon([*used, *recorded_words(), *wide])
    check_lexicon(lexicon)
    with open(model_dir() / "lexicon.tsv", "w", encoding="utf-8") as f:
        for word in sorted(lexicon):
            for units in lexicon[word]:
                print(word, " ".join(units), sep="\t", file=f)

    spoken = [(words, weight) for _, words, weight in sentences if all(w in lexicon for w in words)]
    counts = count_ngrams(spoken)
    tail = {w: math.sqrt(jieba.dt.FREQ.get(w.removesuffix(CANTONESE), 0) + counts[0].get((w,), 0)) + 1
            for w in lexicon}
    tail[END] = counts[0][(END,)] / sum(counts[0].values()) * sum(tail.values())
    tables, weights = estimate(counts, tail)
    check_sums(tables, weights, tail)
    write_arpa(model_dir() / "lm.arpa", tables, weights)
    missing = {w for _, words, _ in sentences for w in words} - lexicon.keys()
    print(f"{len(lexicon)} words, n-grams {[len(t) for t in tables]}, "
          f"{len(spoken)} of {len(sentences)} sentences; {len(missing)} words without a reading, "
          f"such as {sorted(missing)[:8]}")


if __name__ == "__main__":
    main()
