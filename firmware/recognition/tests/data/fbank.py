"""Makes fbank.txt: what kaldi-native-fbank gives for the signal of `src/fbank.rs`'s test.

    pip install kaldi-native-fbank && python fbank.py > fbank.txt
"""

import kaldi_native_fbank as knf


def chirp_and_noise(length):
    state = 1
    for n in range(length):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        noise = ((state >> 16) & 1023) - 512
        square = 6000 if (n * n // 40_000) % 2 == 0 else -6000
        loud = n % 4000 < 3000
        yield (square + noise if loud else int(noise / 64)) / 32768


options = knf.FbankOptions()
options.frame_opts.samp_freq = 8000
options.frame_opts.dither = 0
options.frame_opts.snip_edges = False
options.mel_opts.num_bins = 64
options.mel_opts.low_freq = 20
options.mel_opts.high_freq = -400
fbank = knf.OnlineFbank(options)
fbank.accept_waveform(8000, list(chirp_and_noise(8000)))
for frame in range(0, fbank.num_frames_ready, 7):
    print(" ".join(f"{value:.4f}" for value in fbank.get_frame(frame)))
