"""The pronunciation lexicon and the word language model that ship beside the network.

    python lm.py

lexicon.tsv: jieba's frequent words, every common character, common English words with their endings,
every word of the training text.
lm.arpa.zst: trigrams of the generated branch calls, everyday sentences, the English customer sentences and
the Cantonese conversations, absolute discounting, over a unigram that keeps every word of the lexicon
possible; without those n-grams that say least beyond their shorter ones.
Cantonese words carry the mark `@yue` in both, as the same characters are other words in Mandarin.
"""

import argparse
import math
from collections import Counter

import jieba
import zstandard

from numbers_spoken import EN_ONES, EN_TENS
from paths import data_dir, model_dir, work_dir
from pronounce import (
    EXTRA, en_readings, yue_readings, yue_words, zh_char_readings, zh_units, zh_words,
)
from speech import frequent_words
from text import HERE, lines_of
from units import IDS

FREQUENT_WORDS = {"zh": 45_000, "yue": 15_000}
CANTONESE = "@yue"
ORDER = 3
DISCOUNT = {2: 0.5, 3: 0.7}
# Chosen on everyday sentences and requests of kinds of business that the counted text lacked: callers say
# what no grammar foresees.
LEAST_BACKOFF = 0.4
# N-grams of two words or more that are kept; each takes a box 17 bytes of memory.
KEPT = 850_000
# Shares of unigram mass: counted text; Mandarin words by jieba's counts, and by their roots, so that rare ones stay
# possible; Cantonese words by their roots; English words.
COUNTED, ZH_SHARE, ZH_RARE_SHARE, YUE_SHARE, EN_SHARE = 0.35, 0.3, 0.05, 0.1, 0.2
# What an English word of words.en.txt weighs, one of its endings, and another that the text has, before counts.
EN_COMMON, EN_ENDING, EN_OTHER = 1, 0.3, 0.1
PHRASE_WEIGHT, TALK_WEIGHT = 50, 5
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
            language, kind, _, text = line.rstrip("\n").split("\t")
            yield language, words_of(language, text), TALK_WEIGHT if kind == "talk" else 1
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


def english_words():
    """{word: weight} of the common words and of the endings that CMUdict knows for them."""
    common = dict.fromkeys((w for line in lines_of("words.en.txt") for w in line.split()), EN_COMMON)
    common |= dict.fromkeys(EXTRA, EN_ENDING)
    endings = {}
    for word in common:
        stem = word[:-1] if word[-1] in "ey" else word
        for form in (word + "s", word + "es", word + "ed", word + "d", word + "ing", word + "ly", word + "er",
                     stem + "ing", stem + "ies", stem + "ied", word + word[-1] + "ing", word + word[-1] + "ed"):
            if form not in common and en_readings(form):
                endings[form] = EN_ENDING
    return common | endings


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


def shared(share, weights):
    """Weights scaled to sum to a share."""
    total = sum(weights.values())
    return {w: share * n / total for w, n in weights.items()}


def tail(lexicon, counts, english):
    """{word: share} of the words of all languages, whatever text was counted."""
    def known(word):
        return jieba.dt.FREQ.get(word.removesuffix(CANTONESE), 0)

    zh, yue, en = ({w: counts.get((w,), 0) for w in lexicon if language_of(w) == language}
                   for language in ("zh", "yue", "en"))
    parts = (shared(ZH_SHARE, {w: known(w) + 0.01 for w in zh}),
             shared(ZH_RARE_SHARE, {w: math.sqrt(known(w) + n) + 1 for w, n in zh.items()}),
             shared(YUE_SHARE, {w: math.sqrt(known(w) + n) + 1 for w, n in yue.items()}),
             shared(EN_SHARE, {w: math.sqrt(n) / 30 + english.get(w, EN_OTHER) for w, n in en.items()}))
    together = Counter()
    for part in parts:
        together.update(part)
    return together


def language_of(word):
    if word.endswith(CANTONESE):
        return "yue"
    return "en" if word.isascii() else "zh"


def unigrams(counts, wide):
    """Interpolated unigram probabilities of counted text and of every word's share of the tail."""
    total = sum(counts.values())
    end = counts[(END,)] / total
    table = {(w,): COUNTED * counts.get((w,), 0) / total + (1 - end) * n for w, n in wide.items()}
    table[(END,)] = (COUNTED + sum(wide.values())) * end
    return table


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


def probability(tables, weights, gram):
    """The back-off estimate of an n-gram of any words, by the orders that there are."""
    gram = gram[-len(tables):]
    if gram in tables[len(gram) - 1]:
        return tables[len(gram) - 1][gram]
    return weights[len(gram) - 2].get(gram[:-1], 1.0) * probability(tables, weights, gram[1:])


def estimate(counts, wide):
    """[(probabilities, back-off weights of these as histories)] per order, as ARPA wants them."""
    tables = [unigrams(counts[0], wide)]
    weights = []
    for n in range(2, ORDER + 1):
        table, backoff = discounted(counts[n - 1], lambda gram: probability(tables, weights, gram), DISCOUNT[n])
        tables.append(table)
        weights.append(backoff)
    return tables, weights + [{}]


def pruned(counts, tables, weights, most):
    """The same with about `most` n-grams of two words or more: those that say most beyond their shorter ones, counted
    as often as they were said; and back-off weights for what is left."""
    worth = []
    for n in range(1, ORDER):
        for gram, p in tables[n].items():
            shorter = weights[n - 1][gram[:-1]] * probability(tables, weights, gram[1:])
            worth.append((counts[n][gram] * math.log(p / shorter), gram))
    worth.sort(reverse=True)
    kept = [tables[0], *({} for _ in range(1, ORDER))]
    for _, gram in worth[:most]:
        for longer in range(2, len(gram) + 1):  # a history stays where it has successors
            kept[longer - 1][gram[:longer]] = tables[longer - 1][gram[:longer]]
    left = [{} for _ in range(ORDER)]
    for n in range(1, ORDER):
        sums = {}
        for gram, p in kept[n].items():
            one = sums.setdefault(gram[:-1], [1.0, 1.0])
            one[0] -= p
            one[1] -= probability(kept, left, gram[1:])
        left[n - 1] = {history: max(own, 1e-4) / max(shorter, 1e-4) for history, (own, shorter) in sums.items()}
    return kept, left


def log10(p):
    return f"{math.log10(max(p, 1e-9)):.3f}"


def write_arpa(path, tables, weights):
    """ARPA text, compressed; <s> has no probability of its own and <unk> next to none."""
    first = {(UNKNOWN,): 1e-9, (START,): 1e-9, **tables[0]}
    # Half a megabyte of window: what compresses a little better takes a box several.
    small = zstandard.ZstdCompressionParameters.from_level(19, window_log=19)
    with zstandard.open(path, "wt", zstandard.ZstdCompressor(compression_params=small), encoding="utf-8") as f:
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
        total = sum(probability(tables, weights, (*history, w)) for w in words)
        assert abs(total - 1) < 1e-3, (history, total)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    sentences = list(training_sentences())
    used = dict.fromkeys((language, w) for language, words, _ in sentences for w in words)
    wide = [("zh", w) for w in frequent_words(FREQUENT_WORDS["zh"]) + common_characters()]
    wide += [("yue", w + CANTONESE) for w in frequent_words(FREQUENT_WORDS["yue"]) + common_characters()]
    english = english_words()
    lexicon = build_lexicon([*used, *recorded_words(), *wide, *(("en", w) for w in english)])
    check_lexicon(lexicon)
    with open(model_dir() / "lexicon.tsv", "w", encoding="utf-8") as f:
        for word in sorted(lexicon):
            for units in lexicon[word]:
                print(word, " ".join(units), sep="\t", file=f)

    spoken = [(words, weight) for _, words, weight in sentences if all(w in lexicon for w in words)]
    counts = count_ngrams(spoken)
    tables, weights = estimate(counts, tail(lexicon, counts[0], english))
    tables, weights = pruned(counts, tables, weights, KEPT)
    check_sums(tables, weights, [w for w, in tables[0]])
    write_arpa(model_dir() / "lm.arpa.zst", tables, weights)
    missing = {w for _, words, _ in sentences for w in words} - lexicon.keys()
    print(f"{len(lexicon)} words, n-grams {[len(t) for t in tables]}, "
          f"{len(spoken)} of {len(sentences)} sentences; {len(missing)} words without a reading, "
          f"such as {sorted(missing)[:8]}")


if __name__ == "__main__":
    main()
