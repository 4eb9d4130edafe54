#!/bin/sh
# Speaks prompts.toml into {zh,en}/*.wav (mono, 8 kHz, G.711 A-law).
# Needs espeak-ng and sox. Mandarin is given as pinyin so that espeak-ng reads every
# character as intended.
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

zh='cmn-latn-pinyin+Alicia'
speak zh/greeting.wav "$zh" 150 50 'nin2 hao3, qing3 shuo1 chu1 nin2 xu1 yao4 ban4 li3 de5 ye4 wu4.'
speak zh/transfer.wav "$zh" 150 50 'zheng4 zai4 wei4 nin2 zhuan3 jie1.'
speak zh/queue.wav    "$zh" 150 50 'zuo4 xi2 zheng4 mang2, qing3 shao1 hou4.'
speak zh/apology.wav  "$zh" 150 50 'fei1 chang2 bao4 qian4, xian4 zai4 wu2 ren2 jie1 ting1, wo3 men5 hui4 jin4 kuai4 gei3 nin2 hui2 dian4.'
speak zh/recording_notice.wav  "$zh" 150 50 'tong1 hua4 jiang1 bei4 lu4 yin1, bu4 tong2 yi4 qing3 an4 jiu3.'
speak zh/recording_consent.wav "$zh" 150 50 'tong2 yi4 tong1 hua4 lu4 yin1 qing3 an4 yi1, bu4 tong2 yi4 qing3 an4 jiu3.'
speak zh/not_recorded.wav      "$zh" 150 50 'hao3 de5, bu2 hui4 lu4 yin1.'

en='en-gb+Alicia'
speak en/greeting.wav "$en" 155 50 'Hello, please say what you need.'
speak en/transfer.wav "$en" 155 50 'I am putting you through now.'
speak en/queue.wav    "$en" 155 50 'All our agents are busy, please wait a moment.'
speak en/apology.wav  "$en" 155 50 'We are very sorry, no one can take your call now. We will call you back as soon as we can.'
speak en/recording_notice.wav  "$en" 155 50 'This call is recorded. To decline, press nine.'
speak en/recording_consent.wav "$en" 155 50 'May we record this call? Press one to agree, or nine to decline.'
speak en/not_recorded.wav      "$en" 155 50 'All right, this call is not recorded.'
