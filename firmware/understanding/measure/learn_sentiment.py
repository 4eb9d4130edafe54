#!/usr/bin/env python3
"""Learns how much each n-gram of Chinese characters shows that a clause is good, bad or neither.

Trains on this crate's own text only: the lists of `data/sentiment`, the clauses of `said.*.txt`, the texts of
`felt.*.txt` and, as neither, the requests of the intents' grammars and kept sentences. Writes `data/sentiment/learnt.*.txt`.

    python3 measure/learn_sentiment.py          # needs numpy, scipy, scikit-learn
"""

import glob
import os
import random
import re

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "")
BAD, GOOD, NEITHER = range(3)
LABELS = {"+": GOOD, "-": BAD, "=": NEITHER}
# Requests that complain of something are not neither.
COMPLAINING = ("complaint", "fault_report", "charge_dispute", "missing_parcel", "damaged_goods",
               "suspicious_login", "fraud_report", "public_issue", "transfer_problem",
               "card_problem", "delivery_chase")
FRAMES = ("before", "after", "want", "ask", "how", "bring", "out_of_scope")
ADVERBS = ["", "", "很", "太", "真", "比较", "非常", "特别", "有点", "实在", "确实", "还是", "也",
           "都", "真的", "的"]
LONGEST_GRAM = 4
# What ends a clause.
BREAKS = "[，。,.！!？?；;…]+"
# A clause shows less than the whole that it is of: chosen on a tenth of those texts, and so that plain requests stay so.
FELT = 0.5
# How closely weights follow the texts, against how small they are: chosen on that tenth too.
FIDELITY = 4
# An n-gram that weighs less is left out of the file.
LEAST = 0.25


def lines(name):
    with open(DATA + name, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip() and line[0] != "#"]


def table():
    text = "".join("".join(lines("traditional.txt")).split())
    return {ord(a): b for a, b in zip(text[::2], text[1::2])}


SIMPLIFIED = table()


def fold(text):
    return text.translate(SIMPLIFIED).lower()


def of_lists(name):
    """The words of a list of feelings, stronger ones counting more."""
    seen = set()
    for line in lines(name):
        head, terms = line.split(":", 1)
        sense, _, strength = head.partition(" ")
        if sense not in ("satisfied", "angry", "dissatisfied"):
            continue
        for term in map(fold, terms.split()):
            if len(term) > 1 and not term.isascii() and term not in seen:
                seen.add(term)
                yield term, GOOD if sense == "satisfied" else BAD, 0.3 + 0.2 * float(strength or 1)


def said(name, chance):
    """Clauses of `said`: aspects with their predicates, and whole ones."""
    for line in lines(name):
        if line[0] in "+-=":
            yield fold(line[2:]), LABELS[line[0]], 1.0
            continue
        aspects, good, bad = (part.split() for part in line.split("|"))
        for label, predicates in ((GOOD, good), (BAD, bad)):
            for predicate in predicates:
                for aspect in chance.sample(aspects, min(3, len(aspects))):
                    adverb = len(predicate) <= 3 and chance.random() < 0.5
                    middle = chance.choice(ADVERBS) if adverb else ""
                    yield fold(aspect + middle + predicate), label, 0.5
                yield fold(predicate), label, 0.5


def felt(name):
    """The clauses of texts whose writers were pleased or not on the whole."""
    for line in lines(name):
        clauses = [clause for clause in re.split(BREAKS, fold(line[2:])) if clause]
        for clause in clauses:
            yield clause, LABELS[line[0]], FELT / len(clauses) ** 0.5


def rules(language):
    found, name = {}, None
    for path in sorted(glob.glob(f"{DATA}intents/{language}/*.txt")):
        for line in lines(os.path.relpath(path, DATA)):
            if line[0] in " \t":
                found[name] += " " + line.strip()
            else:
                name, body = line.split(":", 1)
                found[name] = found[name] + " | " + body if name in found else body
    return found


def alternatives(text):
    depth, parts = 0, [""]
    for char in text:
        depth += (char in "([") - (char in ")]")
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def expand(text, grammar, chance, depth=0):
    out, at = "", 0
    while at < len(text) and depth < 9:
        if text[at] in "([":
            open_, end = 1, at + 1
            while end < len(text) and open_:
                open_ += (text[end] in "([") - (text[end] in ")]")
                end += 1
            if text[at] == "(" or chance.random() < 0.5:
                part = chance.choice(alternatives(text[at + 1:end - 1]))
                out += expand(part, grammar, chance, depth + 1)
            at = end
        elif text[at] == "<":
            end = text.index(">", at)
            part = chance.choice(alternatives(grammar.get(text[at + 1:end], "")))
            out += expand(part, grammar, chance, depth + 1)
            at = end + 1
        else:
            out += text[at]
            at += 1
    return out


def requests(language, chance):
    """What callers ask for without a feeling: kept sentences and 60 of each intent's grammar."""
    kept = [line.split("\t") for line in lines(f"intents/kept/{language}.tsv")]
    found = [fold(row[0]) for row in kept if len(row) == 2 and row[1] not in COMPLAINING]
    grammar, labels = rules(language), {row[1] for row in kept if len(row) == 2}
    for name in sorted(grammar):
        whole = [part for part in alternatives(grammar[name]) if part]
        if name in labels and name not in COMPLAINING:
            found += [fold(expand(chance.choice(whole), grammar, chance)) for _ in range(60)]
        elif name in FRAMES:
            found += [fold(expand(part, grammar, chance)) for part in whole]
    return [(text, NEITHER, 1.0) for text in dict.fromkeys(found)]


def grams(text):
    # Figures are numbers of houses, cards and days: they show nothing.
    text = "".join(filter(str.isalpha, text))
    lengths = range(1, LONGEST_GRAM + 1)
    return {text[at:at + n] for n in lengths for at in range(len(text) - n + 1)}


def learn(examples):
    index, row_of, column_of = {}, [], []
    for row, (text, _, _) in enumerate(examples):
        for gram in sorted(grams(text)):
            row_of.append(row)
            column_of.append(index.setdefault(gram, len(index)))
    labels = np.array([label for _, label, _ in examples])
    weights = np.array([weight for _, _, weight in examples])
    for label in (GOOD, NEITHER):
        weights[labels == label] *= weights[labels == BAD].sum() / weights[labels == label].sum()
    matrix = csr_matrix((np.ones(len(row_of)), (row_of, column_of)))
    # No constant: a clause of which nothing is known is as likely good as bad.
    model = LogisticRegression(max_iter=200, C=FIDELITY, fit_intercept=False)
    model.fit(matrix, labels, sample_weight=weights)
    against = model.coef_[:2] - model.coef_[2]
    return {gram: against[:, at] for gram, at in index.items()}


def write(language, weights):
    kept = {gram: pair for gram, pair in weights.items() if abs(pair).max() >= LEAST}
    with open(f"{DATA}sentiment/learnt.{language}.txt", "w", encoding="utf-8") as file:
        file.write("# Written by measure/learn_sentiment.py: n-gram, its weight for bad and for good\n"
                   "# against neither, in hundredths.\n")
        for gram, (bad, good) in sorted(kept.items()):
            file.write(f"{gram} {round(100 * bad)} {round(100 * good)}\n")
    print(language, len(kept), "n-grams")


def main():
    chance = random.Random(1)
    mandarin = (list(said("sentiment/said.zh.txt", chance)) + list(of_lists("sentiment/zh.txt"))
                + list(felt("sentiment/felt.zh.txt")) + requests("zh", chance))
    write("zh", learn(mandarin))
    cantonese = (list(said("sentiment/said.yue.txt", chance)) + list(of_lists("sentiment/yue.txt"))
                 + list(felt("sentiment/felt.yue.txt")) + requests("yue", chance))
    # Cantonese speakers use much of written Chinese.
    cantonese += [(text, label, 0.4 * weight) for text, label, weight in mandarin]
    write("yue", learn(cantonese))


if __name__ == "__main__":
    main()
