"""Kaldi filter banks at 8 kHz, equal to kaldi-native-fbank's (checked by `python features.py`).

Two training-time liberties leave the default untouched: another hop, or one a frame, stretches time
without moving pitch, and a warped frequency axis moves formants as another vocal tract would.
"""

from functools import lru_cache

import numpy as np
import scipy.fft

MELS, WINDOW, HOP, FFT = 64, 200, 80, 256
LOW_HZ, HIGH_HZ, NYQUIST_HZ = 20.0, 3600.0, 4000.0
FORMANTS_HZ = (500.0, 1500.0, 2600.0)
_POVEY = (np.hanning(WINDOW) ** 0.85).astype(np.float32)


def _mel(hz):
    return 1127.0 * np.log(1.0 + np.asarray(hz) / 700.0)


@lru_cache(maxsize=64)
def mel_matrix(warp=1.0):
    """[129, 64] triangular filters; `warp` scales frequency, bent so that 4 kHz stays in place.

    Three warps scale `FORMANTS_HZ` each by its own, as mouths differ in more than their length.
    """
    hz = np.arange(FFT // 2 + 1) * (2 * NYQUIST_HZ / FFT)
    if isinstance(warp, tuple):
        hz = np.interp(hz, [0.0, *FORMANTS_HZ, NYQUIST_HZ], [0.0, *np.multiply(FORMANTS_HZ, warp), NYQUIST_HZ])
    else:
        knee = 2800.0 * min(1.0, 1.0 / warp)
        hz = np.where(hz < knee, hz * warp,
                      knee * warp + (hz - knee) * (NYQUIST_HZ - knee * warp) / (NYQUIST_HZ - knee))
    edges = np.linspace(_mel(LOW_HZ), _mel(HIGH_HZ), MELS + 2)
    mel = _mel(hz)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((mel - left) / (centre - left), (right - mel) / (right - centre))
    weights = np.maximum(weights, 0.0)
    weights[-1] = 0.0
    return weights.astype(np.float32)


def fbank(samples, hop=HOP, warp=1.0):
    """[frames, 64] log mel energies of float samples in [-1, 1]; `hop` in samples, or an array of one a frame."""
    if np.ndim(hop):
        starts = np.concatenate([[0], np.cumsum(hop)]).astype(np.int64)
        starts = starts[starts < len(samples) - HOP // 2]
        before = WINDOW // 2 - HOP // 2
    else:
        starts = np.arange((len(samples) + hop // 2) // hop) * hop
        before = WINDOW // 2 - hop // 2
    if len(starts) == 0:
        return np.zeros((0, MELS), np.float32)
    after = max(0, int(starts[-1]) - before + WINDOW - len(samples))
    padded = np.concatenate([samples[:before][::-1], samples, samples[-after:][::-1] if after else []])
    padded = np.ascontiguousarray(padded, dtype=np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[starts]
    windows = windows - windows.mean(1, keepdims=True)
    emphasised = windows.copy()
    emphasised[:, 1:] -= 0.97 * windows[:, :-1]
    emphasised[:, 0] *= 0.03
    spectrum = scipy.fft.rfft(emphasised * _POVEY, FFT, axis=1)
    power = spectrum.real ** 2 + spectrum.imag ** 2
    return np.log(np.maximum(power @ mel_matrix(warp), np.finfo(np.float32).eps))


def check():
    """The greatest difference from kaldi-native-fbank on noise and silence."""
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = 8000
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = MELS
    options.mel_opts.low_freq = LOW_HZ
    options.mel_opts.high_freq = -400
    rng = np.random.default_rng(0)
    worst = 0.0
    for samples in (rng.normal(0, 0.1, 8123), np.sin(np.arange(4000) * 0.7) * 0.3, np.zeros(1600),
                    np.concatenate([np.zeros(4000), rng.normal(0, 0.01, 2345)])):
        theirs = knf.OnlineFbank(options)
        theirs.accept_waveform(8000, samples.astype(np.float32).tolist())
        theirs.input_finished()
        expected = np.stack([theirs.get_frame(i) for i in range(theirs.num_frames_ready)])
        ours = fbank(samples.astype(np.float32))
        assert ours.shape == expected.shape, (ours.shape, expected.shape)
        worst = max(worst, float(np.abs(ours - expected).max()))
    return worst


if __name__ == "__main__":
    print(f"greatest difference from kaldi-native-fbank: {check():.2e}")
