#!/bin/sh
# Speaks scripts.tsv into WAV files (mono, 8 kHz, G.711 A-law) for the end-to-end tests.
# Needs espeak-ng and sox. The voice variants are kept out of the acoustic model's training
# (models/training/voices.py). complaint_calm and complaint_angry are the same voice and words.
set -eu
cd "$(dirname "$0")"
temporary=$(mktemp -d)
trap 'rm -r "$temporary"' EXIT

# telephone FILE LEVEL-DB: the last spoken text as a telephone file, peak at LEVEL-DB
telephone() {
    sox "$temporary/speech.wav" -r 8000 -c 1 -e a-law "$1" \
        highpass 200 norm "$2" pad 0.4 0.6
}
# calm FILE VOICE WORDS-A-MINUTE PITCH TEXT
calm() {
    espeak-ng -v "$2" -s "$3" -p "$4" -w "$temporary/speech.wav" "$5"
    telephone "$1" -12
}
# angry FILE VOICE WORDS-A-MINUTE PITCH TEXT
angry() {
    espeak-ng -m -v "$2" -s "$3" -p "$4" -w "$temporary/speech.wav" \
        "<speak><prosody range=\"x-high\">$5</prosody></speak>"
    sox "$temporary/speech.wav" "$temporary/loud.wav" gain -6 compand 0.005,0.05 6:-40,-14,-6 -4
    mv "$temporary/loud.wav" "$temporary/speech.wav"
    telephone "$1" -1.5
}

complaint='wo3 yao4 tou2 su4 ni3 men5, tai4 cha4 jin4 le5'
calm  complaint_calm.wav  'cmn-latn-pinyin+f5' 145 50 "$complaint"
angry complaint_angry.wav 'cmn-latn-pinyin+f5' 195 82 "$complaint"
calm balance_zh.wav 'cmn-latn-pinyin+Linda' 150 50 'ni2 hao3, wo2 xiang3 cha2 yi2 xia4 wo3 de5 zhang4 hu4 yu2 e2'
calm lostcard_en.wav 'en-us+m7' 150 50 'hello, I lost my bank card, and I need to block it'
calm phone_zh.wav 'cmn-latn-pinyin+Michael' 140 45 'wo3 de5 dian4 hua4 shi4 yao1 san1 ba1 ling2 ling2 yao1 san1 ba1 ling2 ling2 ling2'
calm agree_zh.wav 'cmn-latn-pinyin+Linda' 145 50 'wo3 tong2 yi4'
calm refuse_zh.wav 'cmn-latn-pinyin+Linda' 145 50 'qing3 bu2 yao4 lu4 yin1'
