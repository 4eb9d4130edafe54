#!/bin/sh
# Speaks the callers of the end-to-end tests into WAV files. The words stand here, Mandarin as pinyin so
# that espeak-ng reads every character as intended: keep them in step with scripts.tsv.
# The voice variants are kept out of the acoustic model's training (models/training/voices.py).
# complaint_calm and complaint_angry are the same voice and words.
set -eu
cd "$(dirname "$0")"
# shellcheck source=scripts/speak
. ../../scripts/speak

complaint='wo3 yao4 tou2 su4 ni3 men5, tai4 cha4 jin4 le5'
calm  complaint_calm.wav  'cmn-latn-pinyin+f5' 145 50 "$complaint"
angry complaint_angry.wav 'cmn-latn-pinyin+f5' 195 82 "$complaint"
calm balance_zh.wav 'cmn-latn-pinyin+Linda' 150 50 'ni2 hao3, wo2 xiang3 cha2 yi2 xia4 wo3 de5 zhang4 hu4 yu2 e2'
calm lostcard_en.wav 'en-us+m7' 150 50 'hello, I lost my bank card, and I need to block it'
calm phone_zh.wav 'cmn-latn-pinyin+Michael' 140 45 'wo3 de5 dian4 hua4 shi4 yao1 san1 ba1 ling2 ling2 yao1 san1 ba1 ling2 ling2 ling2'
calm agree_zh.wav 'cmn-latn-pinyin+Linda' 145 50 'wo3 tong2 yi4'
calm refuse_zh.wav 'cmn-latn-pinyin+Linda' 145 50 'qing3 bu2 yao4 lu4 yin1'
