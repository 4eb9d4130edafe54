#!/bin/sh
# Speaks callers.toml into WAV files (mono, 8 kHz, G.711 A-law).
# Needs espeak-ng and sox. The voice variants are kept out of the acoustic model's training
# (models/training/voices.py). An angry voice is faster, higher, louder and wider in pitch.
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

calm caller1.wav 'cmn-latn-pinyin+Michael' 145 45 \
    'ni2 hao3, wo2 xiang3 cha2 yi2 xia4 wo3 de5 zhang4 hu4 yu2 e2, wo3 de5 dian4 hua4 shi4 yao1 san1 ba1 ling2 ling2 yao1 san1 ba1 ling2 ling2 ling2'
angry caller2.wav 'cmn-latn-pinyin+f5' 195 82 \
    'wo3 yao4 tou2 su4, wo3 de5 bao1 guo3 dao4 xian4 zai4 hai2 mei2 shou1 dao4, tai4 cha4 jin4 le5'
calm caller3.wav 'en-us+m7' 150 50 \
    'hello, I lost my bank card, and I need to block it'
calm agent1.wav 'cmn-latn-pinyin+Linda' 155 50 \
    'nin2 hao3, wo3 shi4 zuo4 xi2, qing3 wen4 you3 shen2 me5 ke2 yi3 bang1 nin2'
calm agent2.wav 'en-gb+Michael' 155 50 \
    'hello, how can I help you today'
