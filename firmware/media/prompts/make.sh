#!/bin/sh
# Speaks prompts.toml into {zh,yue,en}/*.wav (mono, 8 kHz, G.711 A-law).
# Needs espeak-ng, sox and Python 3.11. Whole prompts in Mandarin are given as pinyin so that espeak-ng
# reads every character as intended; all else is read from prompts.toml.
set -eu
cd "$(dirname "$0")"
temporary=$(mktemp -d)
trap 'rm -r "$temporary"' EXIT

# speak FILE VOICE WORDS-A-MINUTE PITCH TEXT
speak() {
    espeak-ng -v "$2" -s "$3" -p "$4" -w "$temporary/speech.wav" "$5"
    sox "$temporary/speech.wav" -r 8000 -c 1 -e a-law "$1" \
        highpass 200 norm -9 pad 0.1 0.2
}

# piece FILE VOICE WORDS-A-MINUTE PITCH TEXT: without silence around it, and as loud as the others
piece() {
    espeak-ng -v "$2" -s "$3" -p "$4" -w "$temporary/speech.wav" "$5"
    sox "$temporary/speech.wav" -r 8000 -c 1 "$temporary/trimmed.wav" highpass 200 \
        silence 1 0.005 0.8% reverse silence 1 0.005 0.8% reverse
    loudest=$(sox "$temporary/trimmed.wav" -n stats 2>&1 | awk '/^RMS Pk dB/ { print $4 }')
    sox "$temporary/trimmed.wav" -e a-law "$1" \
        gain -l "$(awk "BEGIN { print -20 - ($loudest) }")" fade t 0.005 0 0.01 pad 0.02 0.03
}

zh='cmn-latn-pinyin+Alicia'
speak zh/greeting.wav "$zh" 150 50 'nin2 hao3, qing3 shuo1 chu1 nin2 xu1 yao4 ban4 li3 de5 ye4 wu4.'
speak zh/transfer.wav "$zh" 150 50 'zheng4 zai4 wei4 nin2 zhuan3 jie1.'
speak zh/queue.wav    "$zh" 150 50 'zuo4 xi2 zheng4 mang2, qing3 shao1 hou4.'
speak zh/apology.wav  "$zh" 150 50 'fei1 chang2 bao4 qian4, xian4 zai4 wu2 ren2 jie1 ting1, wo3 men5 hui4 jin4 kuai4 gei3 nin2 hui2 dian4.'
speak zh/recording_notice.wav  "$zh" 150 50 'tong1 hua4 jiang1 bei4 lu4 yin1, bu4 tong2 yi4 qing3 an4 jiu3.'
speak zh/recording_consent.wav "$zh" 150 50 'tong2 yi4 tong1 hua4 lu4 yin1 qing3 an4 yi1, bu4 tong2 yi4 qing3 an4 jiu3.'
speak zh/not_recorded.wav      "$zh" 150 50 'hao3 de5, bu2 hui4 lu4 yin1.'

# Lines of HOW, LANGUAGE, FILE and TEXT for all that is not spoken above.
python3 - <<'PYTHON' |
import re, tomllib
texts = tomllib.load(open("prompts.toml", "rb"))
for prompt in texts["prompt"]:
    for language in ("zh", "yue", "en"):
        pieces = re.split(r"\{\w+\}", prompt[language])
        if len(pieces) > 1:
            for number, piece in enumerate(pieces, 1):
                print("piece", language, f"{prompt['name']}-{number}", piece.strip(), sep="\t")
        elif language != "zh" or "next" == prompt["name"] or re.match("one_|wait_", prompt["name"]):
            print("speak", language, prompt["name"], prompt[language], sep="\t")
for number in texts["number"]:
    for language in ("zh", "yue", "en"):
        if language in number:
            print("piece", language, f"number_{number['name']}", number[language], sep="\t")
PYTHON
while IFS="$(printf '\t')" read -r how language name text; do
    case $language in
        # Tones are understood better from this variant: our recogniser reads its words, not Alicia's.
        zh) voice='cmn-latn-pinyin+f3'; speed=150 ;;
        yue) voice='yue+f3'; speed=150 ;;
        en) voice='en-gb+Alicia'; speed=155 ;;
    esac
    mkdir -p "$language"
    "$how" "$language/$name.wav" "$voice" "$speed" 50 "$text"
done
