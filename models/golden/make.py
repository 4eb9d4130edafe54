"""Make the golden case: telephone speech, its features and onnxruntime's log probabilities.

    python models/golden/make.py      (in the environment of models/training/requirements.txt)

    case.wav       mono, 8 kHz, A-law: a branch phrase by a synthetic voice that was never trained on
    features.f32   little-endian f32 [frames, 64], kaldi-native-fbank
    logprobs.f32   little-endian f32 [outputs, units + 1] over every whole chunk
    case.json      shapes, chunking, expected text's units and the greedy path
"""

import json
import subprocess
import sys
from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
import soundfile
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "training"))

from export import session, stream  # noqa: E402
from features import HIGH_HZ, LOW_HZ, MELS, NYQUIST_HZ  # noqa: E402
from model import SHIFT, WINDOW  # noqa: E402
from paths import model_dir  # noqa: E402
from pronounce import text_units, zh_pinyin  # noqa: E402
from train import greedy  # noqa: E402
from units import UNITS  # noqa: E402

TEXT = "我要投诉"


def speak(path):
    """A-law at 8 kHz, with silence before and after."""
    voice = ["espeak-ng", "-v", "cmn-latn-pinyin+f5", "-s", "150", "--stdout", zh_pinyin(TEXT)]
    wav = subprocess.run(voice, capture_output=True, check=True).stdout
    subprocess.run(["sox", "-t", "wav", "--ignore-length", "-", "-r", "8000", "-e", "a-law", path, "norm", "-12",
                    "pad", "0.2", "0.5"], input=wav, check=True)


def features(samples):
    """Kaldi's filter banks as sherpa-onnx computes them."""
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = 8000
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = MELS
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = HIGH_HZ - NYQUIST_HZ
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(8000, samples.tolist())
    bank.input_finished()
    return np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])


def main():
    speak(HERE / "case.wav")
    samples, rate = soundfile.read(HERE / "case.wav", dtype="float32")
    assert rate == 8000
    frames = features(samples)
    logprobs = stream(session(model_dir() / "model.onnx"), frames)
    frames.astype("<f4").tofile(HERE / "features.f32")
    logprobs.astype("<f4").tofile(HERE / "logprobs.f32")
    case = {
        "wav": "case.wav", "features": "features.f32", "features_shape": list(frames.shape),
        "logprobs": "logprobs.f32", "logprobs_shape": list(logprobs.shape),
        "window_size": WINDOW, "chunk_shift": SHIFT, "model": "zh-en-1", "text": TEXT,
        "units": list(text_units("zh", TEXT)),
        "greedy": [UNITS[u] for u in greedy(torch.from_numpy(logprobs))],
        "features_tolerance": 0.005, "logprobs_tolerance": 0.0005,
    }
    (HERE / "case.json").write_text(json.dumps(case, ensure_ascii=False, indent=1) + "\n", "utf-8")
    print(case)


if __name__ == "__main__":
    main()
