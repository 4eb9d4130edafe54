"""Makes fbank.txt and fbank_nemo.txt: what kaldi-native-fbank gives for the signal of `src/fbank.rs`'s tests.

    pip install kaldi-native-fbank && python fbank.py

The options of the second are those that sherpa-onnx 2.0.1 has for streaming NeMo CTC.
"""

from pathlib import Path

import kaldi_native_fbank as knf


def chirp_and_noise(length):
    state = 1
    for n in range(length):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        noise = ((state >> 16) & 1023) - 512
        square = 6000 if (n * n // 40_000) % 2 == 0 else -6000
        loud = n % 4000 < 3000
        yield (square + noise if loud else int(noise / 64)) / 32768


def write(name, rate, bands, low, high, nemo):
    """Every seventh frame, half a second at 16 kHz, a second at 8 kHz."""
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = bands
    options.mel_opts.low_freq = low
    options.mel_opts.high_freq = high
    if nemo:
        options.frame_opts.remove_dc_offset = False
        options.frame_opts.window_type = "hann"
        options.mel_opts.is_librosa = True
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(rate, list(chirp_and_noise(8000)))
    lines = (" ".join(f"{value:.4f}" for value in fbank.get_frame(frame))
             for frame in range(0, fbank.num_frames_ready, 7))
    (Path(__file__).parent / name).write_text("".join(f"{line}\n" for line in lines))


write("fbank.txt", 8000, 64, 20, -400, nemo=False)
write("fbank_nemo.txt", 16000, 80, 0, 0, nemo=True)
