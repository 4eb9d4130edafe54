"""The modelling units: Mandarin and Cantonese initials and toneless finals, English ARPAbet without stress.

Mandarin units are lower case and English ones upper case, so no symbol clashes. The vowels of
`zi` and `zhi` have their own units, `ii` and `iii`; `v` is ü. A Cantonese initial or final that
sounds like a Mandarin one is that unit; the others are their jyutping and an apostrophe, `aap'`.
New units go to the end, so that older weights can be carried over. The blank is the last id.
"""

import re
from functools import lru_cache

INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s".split()
FINALS = (
    "a o e ai ei ao ou an en ang eng ong er i ia ie iao iou ian in iang ing iong ii iii "
    "u ua uo uai uei uan uen uang v ve van vn"
).split()
ARPABET = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH "
    "UH UW V W Y Z ZH"
).split()
# Jyutping initials and finals to the Mandarin unit that they share.
SHARED = {**{i: i for i in "b p m f d t n l g k h z c s".split()},
          "aa": "a", "aai": "ai", "aau": "ao", "aan": "an", "aang": "ang", "ei": "ei", "ou": "ou",
          "i": "i", "in": "in", "ing": "ing", "u": "u", "ung": "ong", "yu": "v"}
JYUTPING_INITIALS = "b p m f d t n l g k ng gw kw h w z c s j".split()
JYUTPING_FINALS = (
    "aa aai aau aam aan aang aap aat aak a ai au am an ang ap at ak e ei eu em en eng ep et ek "
    "i iu im in ing ip it ik o oi ou on ong ot ok oe oeng oet oek eoi eon eot u ui un ung ut uk "
    "yu yun yut"
).split()
SYLLABIC_NASAL = "m'"
CANTONESE = [f"{j}'" for j in JYUTPING_INITIALS + JYUTPING_FINALS if j not in SHARED] + [SYLLABIC_NASAL]
MANDARIN = INITIALS + FINALS
JYUTPING = list(SHARED.values()) + CANTONESE
UNITS = MANDARIN + ARPABET + CANTONESE
IDS = {unit: i for i, unit in enumerate(UNITS)}
INITIAL_IDS = {IDS[i] for i in INITIALS} | {IDS[f"{j}'"] for j in JYUTPING_INITIALS if j not in SHARED}
BLANK = len(UNITS)

_ZERO_INITIAL = {"yi": "i", "wu": "u", "yu": "v", "yue": "ve", "yuan": "van", "yun": "vn",
                 "you": "iou", "wei": "uei", "wen": "uen", "ye": "ie", "yin": "in", "ying": "ing",
                 "yo": "i o", "weng": "u eng", "ê": "e", "n": "en", "m": "m u", "ng": "eng",
                 "hng": "h eng", "hm": "h en"}


@lru_cache(maxsize=None)
def syllable_units(pinyin):
    """Units of one syllable in pinyin without tone: `liang` gives `l iang`; None if it is none."""
    s = pinyin.replace("ü", "v").replace("u:", "v").rstrip("012345")
    if s in _ZERO_INITIAL:
        return tuple(_ZERO_INITIAL[s].split())
    if s in FINALS and s[0] in "aoe":
        return (s,)
    if s[0] == "y":
        final = ("i" + s[1:]) if s[1] not in "iu" else s[1:]
        return (final,) if final in IDS else None
    if s[0] == "w":
        final = "u" + s[1:]
        return (final,) if final in IDS else None
    match = re.fullmatch(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs])([a-zê]+)", s)
    if not match:
        return None
    initial, final = match.groups()
    if initial in "jqx" and final.startswith("u"):
        final = "v" + final[1:]
    if final == "i":
        final = {"z": "ii", "c": "ii", "s": "ii", "zh": "iii", "ch": "iii", "sh": "iii",
                 "r": "iii"}.get(initial, "i")
    final = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve"}.get(final, final)
    if initial in "bpmf" and final == "uo":
        final = "o"
    if final not in IDS:
        return ("i", "o") if final == "io" else None
    return initial, final


def _jyutping_unit(part):
    return SHARED.get(part, f"{part}'")


@lru_cache(maxsize=None)
def jyutping_units(jyutping):
    """Units of one syllable in jyutping, its tone ignored: `gwong2` gives `gw' ong'`; None if it is none."""
    s = jyutping.rstrip("0123456789")
    if s in ("m", "ng"):  # the two syllabic nasals are one in today's speech
        return (SYLLABIC_NASAL,)
    if s in ("hm", "hng"):
        return "h", SYLLABIC_NASAL
    match = re.fullmatch(r"(ng|gw|kw|[bpmfdtnlgkhwzcsj])?([a-z]+)", s)
    if not match:
        return None
    initial, final = match.groups()
    final = {"eo": "oe"}.get(final, final)
    if final not in JYUTPING_FINALS:
        return None
    return (*([_jyutping_unit(initial)] if initial else []), _jyutping_unit(final))


def arpabet_units(phones):
    """Units of a CMUdict pronunciation: stress marks go, as do the phones it has but we lack."""
    return tuple(re.sub(r"\d", "", p) for p in phones)


def write_tokens(path):
    """tokens.txt: `symbol id` a line, the blank last."""
    with open(path, "w", encoding="utf-8") as f:
        for i, unit in enumerate(UNITS + ["<blk>"]):
            print(unit, i, file=f)
