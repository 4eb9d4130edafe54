"""Whole requests of the product's intents, from the grammars that understanding is trained on.

What the decision acts on must be heard first, so the language model and the voices say it too. The
notation is that of `firmware/understanding/data/intents`: rules, `<name>`, `[x]`, `(a|b)`; `#` is a few digits.
"""

import re
from pathlib import Path

from opencc import OpenCC

from numbers_spoken import en_slot, yue_slot, zh_slot
from paths import ROOT

INTENTS = ROOT / "firmware/understanding/data/intents"
FRAMES = ("before", "after")
FRAMED = 0.2
_TOKEN = re.compile(r"[()\[\]|]|<[^>]*>|[^()\[\]|<]+")
_DIGITS = {"zh": zh_slot, "yue": yue_slot, "en": en_slot}
PLAIN = {"zh": re.compile(r"[\u4e00-\u9fff，]+"), "yue": re.compile(r"[\u4e00-\u9fff，]+"),
          "en": re.compile(r"[a-z' ]+")}


def rules_of(text):
    """{rule: choices}; a choice is a list of texts, ("rule", name) and ("choice", choices)."""
    bodies = {}
    name = None
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            name, line = line.split(":", 1)
            bodies.setdefault(name.strip(), []).append("")
        bodies[name.strip()][-1] += " " + line.strip()
    return {name: [choice for body in found for choice in _choices(_TOKEN.findall(body), [0])]
            for name, found in bodies.items()}


def _choices(tokens, at):
    """The alternatives up to the bracket that closes them."""
    out = [[]]
    while at[0] < len(tokens):
        token = tokens[at[0]]
        at[0] += 1
        if token in ")]":
            break
        if token == "|":
            out.append([])
        elif token in "([":
            inner = _choices(tokens, at)
            out[-1].append(("choice", inner + [[]] if token == "[" else inner))
        elif token.startswith("<"):
            out[-1].append(("rule", token[1:-1]))
        else:
            out[-1].append(token)
    return out


def _references(choices):
    for choice in choices:
        for part in choice:
            if isinstance(part, tuple):
                yield from [part[1]] if part[0] == "rule" else _references(part[1])


def rules_in(folder):
    """The rules of all of a language's files together."""
    return rules_of("\n".join(path.read_text("utf-8") for path in sorted(Path(folder).glob("*.txt"))))


def whole_requests(rules):
    """The rules that no other rule is made of."""
    return rules.keys() - {name for choices in rules.values() for name in _references(choices)} - set(FRAMES)


class Wishes:
    """A language's intents, said at random."""

    def __init__(self, language, rng, folder=INTENTS):
        rules = {spoken: rules_in(folder / spoken) for spoken in _DIGITS}
        self.language, self.rng, self.rules = language, rng, rules[language]
        self.intents = sorted(set.intersection(*map(whole_requests, rules.values())))
        self.simplify = OpenCC("t2s").convert

    def _say(self, name):
        return self._fill(self.rng.choice(self.rules[name]))

    def _fill(self, choice):
        return "".join(part if isinstance(part, str) else self._say(part[1]) if part[0] == "rule"
                       else self._fill(self.rng.choice(part[1])) for part in choice)

    def wish(self, intent):
        """One request, or None where it is written with what has no spoken form."""
        parts = [self._say(intent).strip()]
        for at, frame in zip((0, 2), FRAMES):
            if frame in self.rules and self.rng.random() < FRAMED:
                parts.insert(at, self._say(frame).strip())
        text = (" " if self.language == "en" else "").join(parts).lower()
        while "#" in text:
            text = text.replace("#", f" {_DIGITS[self.language]('digits', (3, 5), self.rng)} ", 1)
        text = re.sub(" +", " " if self.language == "en" else "", text).strip()
        text = self.simplify(text) if self.language != "en" else text
        return text if PLAIN[self.language].fullmatch(text) else None

    def some(self, count):
        """(intent, text), every intent about as often."""
        for i in range(count):
            intent = self.intents[i % len(self.intents)]
            text = self.wish(intent)
            if text:
                yield intent, text
