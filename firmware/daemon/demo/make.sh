#!/bin/sh
# Speaks the demo's callers and agents into WAV files. The words stand here, Mandarin as pinyin so that
# espeak-ng reads every character as intended: keep them in step with `script` in callers.toml.
# The voice variants are kept out of the acoustic model's training (models/training/voices.py).
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/speak
. ../../../scripts/speak

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
