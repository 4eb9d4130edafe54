"""Synthetic voices: which may train, which are held out, and how to speak with each.

The variants in `SHIPPED` speak the prompts, the demo and the end-to-end tests; those in
`DEVELOPMENT` are for measuring; three are in both. None is ever trained on.
"""

import subprocess
from dataclasses import dataclass

import numpy as np
import py_nanotts
from scipy.signal import resample_poly

SHIPPED = ("Alicia", "Michael", "f5", "m7", "Linda")
DEVELOPMENT = ("f5", "m7", "Linda", "travis", "klatt4", "Henrique")
TRAINING = (
    "f1 f2 f3 f4 m1 m2 m3 m4 m5 m6 m8 adam Alex Andy Annie antonio aunty belinda benjamin boris "
    "caleb david Denis Diogo ed edward edward2 Gene Gene2 grandma grandpa Gustave Hugo iven iven2 "
    "iven3 iven4 Jacky john kaukovalta klatt klatt2 klatt3 klatt5 klatt6 Lee marcelo Marco Mario "
    "max michel miguel mike Mr norbert pablo paul pedro quincy RicishayMax RicishayMax2 rob robert "
    "robosoft robosoft3 robosoft5 sandro steph steph2 steph3 Storm victor whisper whisperf Zac "
    "anika croak Nguyen AnxiousAndy"
).split()
ENGLISH = "en-us en-gb en-gb-x-rp en-gb-scotland en-029 en-gb-x-gbclan en-gb-x-gbcwmd".split()
FLITE_TRAINING = ("kal", "rms", "slt")
FLITE_DEVELOPMENT = ("awb",)
FESTIVAL_TRAINING = ("ked_diphone", "kal_diphone", "cmu_us_slt_arctic_hts")
PICO_TRAINING = ("en-US", "en-GB")


@dataclass
class Voice:
    """One way of speaking: an engine's voice with its pitch and pace."""

    engine: str
    name: str
    pitch: int = 50
    pace: int = 165
    loudness: int = 100
    gap: int = 0

    @staticmethod
    def draw(language, split, rng):
        """A voice of the split (`train`, `dev`); a fifth of English is flite's or festival's."""
        if language == "en-natural":
            return Voice._natural(split, rng)
        if language == "en" and split == "train" and rng.random() < 0.12:
            return Voice("festival", rng.choice(FESTIVAL_TRAINING), pace=rng.randint(85, 125))
        if language == "en" and rng.random() < 0.12:
            name = rng.choice(FLITE_TRAINING if split == "train" else FLITE_DEVELOPMENT)
            return Voice("flite", name, pitch=rng.randint(80, 220), pace=rng.randint(85, 125))
        variant = rng.choice(TRAINING if split == "train" else DEVELOPMENT)
        base = {"zh": "cmn-latn-pinyin", "yue": "yue-latn-jyutping"}.get(language) or rng.choice(ENGLISH)
        wide = (115, 230) if split == "train" else (130, 190)
        return Voice("espeak", f"{base}+{variant}", pitch=rng.randint(15, 85),
                     pace=rng.randint(*wide), gap=rng.choice([0, 0, 0, 0, 2, 5]))

    @staticmethod
    def _natural(split, rng):
        """An English voice that was made of a person's recordings."""
        if split == "dev":
            return Voice("flite", rng.choice(FLITE_DEVELOPMENT), pitch=rng.randint(80, 220), pace=rng.randint(85, 125))
        engine = rng.choice(["pico", "pico", "flite"])
        name = rng.choice(PICO_TRAINING if engine == "pico" else FLITE_TRAINING)
        return Voice(engine, name, pitch=rng.randint(80, 220), pace=rng.randint(80, 130))

    def say(self, text):
        """Mono samples at 8 kHz in [-1, 1]; `text` is pinyin for Mandarin, jyutping for Cantonese."""
        if self.engine == "pico":
            spoken = py_nanotts.NanoTTS().speak(text, voice=self.name, speed=100 / self.pace, pitch=(self.pitch / 150) ** 0.4)
            return to_8k(np.frombuffer(spoken, "<i2").astype(np.float32) / 32768, 16000)
        if self.engine == "flite":
            command = ["flite", "-voice", self.name, "--setf", f"duration_stretch={self.pace / 100}",
                       "--setf", f"int_f0_target_mean={self.pitch}", "-t", text, "-o", "/dev/stdout"]
        elif self.engine == "festival":
            command = ["text2wave", "-eval", f"(voice_{self.name})", "-eval",
                       f"(Parameter.set 'Duration_Stretch {self.pace / 100})"]
        else:
            command = ["espeak-ng", "-v", self.name, "-p", str(self.pitch), "-s", str(self.pace),
                       "-g", str(self.gap), "--stdout", text]
        words = text.encode() if self.engine == "festival" else None
        wav = subprocess.run(command, capture_output=True, check=True, input=words).stdout
        header = wav.find(b"data") + 8
        rate = int.from_bytes(wav[24:28], "little")
        samples = np.frombuffer(wav[header:header + (len(wav) - header) // 2 * 2], "<i2")
        return to_8k(samples.astype(np.float32) / 32768, rate)


def to_8k(samples, rate):
    """Resampled to 8 kHz."""
    if rate == 8000:
        return samples
    up, down = {22050: (160, 441), 16000: (1, 2), 32000: (1, 4), 48000: (1, 6), 24000: (1, 3)}[rate]
    return resample_poly(samples, up, down).astype(np.float32)
