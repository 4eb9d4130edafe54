"""Numbers, money, dates, times and telephone numbers as people say them, in Mandarin, Cantonese and English."""

ZH = "零一二三四五六七八九"
EN_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
EN_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
EN_ORDINAL = {1: "first", 2: "second", 3: "third", 5: "fifth", 8: "eighth", 9: "ninth",
              12: "twelfth", 20: "twentieth", 30: "thirtieth"}
MONTHS = (
    "january february march april may june july august september october november december"
).split()


def zh_cardinal(n, rng):
    """A cardinal below 100 million: 二百零三, 两千五百, 一万两千."""
    if n >= 10_000:
        high, low = divmod(n, 10_000)
        head = ("两" if high == 2 else zh_cardinal(high, rng)) + "万"
        if low == 0:
            return head
        return head + ("零" if low < 1000 else "") + zh_cardinal(low, rng)
    out, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, unit)
        if digit == 0:
            zero = bool(out)
            continue
        if zero:
            out, zero = out + "零", False
        if digit == 2 and (unit == 1000 or unit == 100 and rng.random() < 0.5):
            out += "两" + name
        elif digit == 1 and unit == 10 and not out:
            out += name
        else:
            out += ZH[digit] + name
    return out or "零"


def en_cardinal(n):
    """A cardinal below a million: two hundred and three."""
    if n < 20:
        return EN_ONES[n]
    if n < 100:
        tens, ones = divmod(n, 10)
        return EN_TENS[tens] + (" " + EN_ONES[ones] if ones else "")
    unit, name = (1000, "thousand") if n >= 1000 else (100, "hundred")
    head, rest = divmod(n, unit)
    joint = " and " if rest < 100 else " "
    return f"{en_cardinal(head)} {name}" + (joint + en_cardinal(rest) if rest else "")


def en_ordinal(n):
    """An ordinal up to thirty-first."""
    if n in EN_ORDINAL:
        return EN_ORDINAL[n]
    if n > 20:
        return f"{EN_TENS[n // 10]} {en_ordinal(n % 10)}"
    return EN_ONES[n] + "th"


def zh_digits(digits, rng):
    """Digit by digit; 1 is 幺 or 一 throughout, as one speaker would."""
    one = "幺" if rng.random() < 0.7 else "一"
    return "".join(one if d == 1 else ZH[d] for d in digits)


def en_digits(digits, rng):
    """Digit by digit, with oh for zero and double five where a speaker might."""
    zero = "oh" if rng.random() < 0.4 else "zero"
    doubles = rng.random() < 0.25
    words, i = [], 0
    while i < len(digits):
        word = zero if digits[i] == 0 else EN_ONES[digits[i]]
        if doubles and i + 1 < len(digits) and digits[i] == digits[i + 1]:
            words += ["double", word]
            i += 2
        else:
            words.append(word)
            i += 1
    return " ".join(words)


def _random_digits(rng, low, high):
    return [rng.randrange(10) for _ in range(rng.randint(low, high))]


def _round_amount(rng):
    return rng.choice([
        rng.randint(1, 99), rng.randint(1, 20) * 10, rng.randint(1, 99) * 100,
        rng.randint(1, 99) * 1000, rng.randint(100, 999), rng.randint(1000, 9999),
        rng.randint(1, 50) * 10_000, rng.randint(10_000, 99_999),
    ])


def zh_slot(kind, bounds, rng):
    """The spoken form of one Mandarin slot."""
    if kind == "digits":
        return zh_digits(_random_digits(rng, *bounds), rng)
    if kind == "phone":
        if rng.random() < 0.85:
            return zh_digits([1, rng.randint(3, 9)] + _random_digits(rng, 9, 9), rng)
        return zh_digits([0, rng.randint(1, 9)] + _random_digits(rng, 9, 9), rng)
    if kind == "cardno":
        digits = [6, 2] + _random_digits(rng, 2, 2) if rng.random() < 0.6 else []
        return zh_digits(digits + _random_digits(rng, 4, 12), rng)
    if kind == "number":
        return zh_cardinal(rng.randint(1, rng.choice([10, 100, 1000])), rng)
    if kind == "amount":
        n = _round_amount(rng)
        text = "两" if n == 2 else zh_cardinal(n, rng)
        unit = rng.choice(["块", "块钱", "元", "元", "块"])
        if unit in "块元" and n < 1000 and rng.random() < 0.15:
            return text + unit + ZH[rng.randint(1, 9)] + rng.choice(["", "毛", "角"])
        return text + unit
    if kind == "date":
        day = zh_cardinal(rng.randint(1, 31), rng) + rng.choice(["号", "日"])
        text = zh_cardinal(rng.randint(1, 12), rng) + "月" + day
        if rng.random() < 0.2:
            text = "二零" + ZH[rng.randint(0, 2)] + ZH[rng.randint(0, 9)] + "年" + text
        return text if rng.random() < 0.8 else day
    hour = rng.randint(1, 12)
    text = rng.choice(["", "", "上午", "下午", "早上", "晚上", "中午"])
    text += ("两" if hour == 2 else zh_cardinal(hour, rng)) + "点"
    minute = rng.choice(["", "", "", "半", "一刻", "三刻", "钟",
                         zh_cardinal(rng.randint(11, 59), rng) + "分",
                         "零" + ZH[rng.randint(1, 9)] + "分"])
    return text + minute


def yue_slot(kind, bounds, rng):
    """The spoken form of one Cantonese slot: 一 is never 幺, money is 蚊, 三点三 is a quarter past three."""
    if kind in ("digits", "phone", "cardno"):
        count = {"phone": (8, 8) if rng.random() < 0.6 else (11, 11), "cardno": (4, 16)}.get(kind, bounds)
        return "".join(ZH[d] for d in _random_digits(rng, *count))
    if kind == "amount":
        n = _round_amount(rng)
        text = "两" if n == 2 else zh_cardinal(n, rng)
        if n < 100 and rng.random() < 0.15:
            return text + "个" + ZH[rng.randint(1, 9)]
        return text + rng.choice(["蚊", "蚊", "块", "元"])
    if kind == "date":
        day = zh_cardinal(rng.randint(1, 31), rng) + rng.choice(["号", "号", "日"])
        return zh_cardinal(rng.randint(1, 12), rng) + "月" + day if rng.random() < 0.8 else day
    if kind == "time":
        hour = rng.randint(1, 12)
        text = rng.choice(["", "", "上昼", "下昼", "朝早", "夜晚", "晏昼"])
        text += ("两" if hour == 2 else zh_cardinal(hour, rng)) + "点"
        return text + rng.choice(["", "", "半", "钟", ZH[rng.randint(1, 9)],
                                  zh_cardinal(rng.randint(11, 59), rng) + "分"])
    return zh_slot(kind, bounds, rng)


def en_slot(kind, bounds, rng):
    """The spoken form of one English slot."""
    if kind == "digits":
        return en_digits(_random_digits(rng, *bounds), rng)
    if kind == "phone":
        return en_digits(_random_digits(rng, *rng.choice([(7, 7), (10, 10), (11, 11)])), rng)
    if kind == "cardno":
        return en_digits(_random_digits(rng, 4, 16), rng)
    if kind == "number":
        return en_cardinal(rng.randint(1, rng.choice([10, 100, 1000])))
    if kind == "amount":
        unit = rng.choice(["dollars", "dollars", "pounds", "euros", "yuan"])
        text = en_cardinal(_round_amount(rng)) + " " + unit
        cents = " and " + en_cardinal(rng.randint(1, 99)) + " cents"
        return text + (cents if unit == "dollars" and rng.random() < 0.15 else "")
    if kind == "date":
        month, day = rng.choice(MONTHS), en_ordinal(rng.randint(1, 31))
        return rng.choice([f"the {day} of {month}", f"{month} {day}", f"{month} the {day}"])
    hour = EN_ONES[rng.randint(1, 12)]
    return rng.choice([f"{hour} o'clock", f"{hour} thirty", f"half past {hour}", f"{hour} p m",
                       f"{hour} a m", f"{hour} fifteen", f"quarter past {hour}", f"{hour} forty five"])
