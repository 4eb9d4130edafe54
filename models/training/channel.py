"""The telephone channel, applied to clean speech while training; every draw from one generator."""

import io

import numpy as np
import scipy.fft
import soundfile

RATE = 8000


def _alaw_table():
    """What each 16-bit sample becomes after A-law coding and decoding (ITU-T G.711)."""
    x = np.arange(-32768, 32768)
    magnitude = np.where(x >= 0, x, -x - 1) >> 3
    shift = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 1)
    decoded = ((magnitude >> shift) << shift) + (1 << (shift - 1))
    return (np.where(x >= 0, decoded, -decoded) * 8 / 32768).astype(np.float32)


def _ulaw_table():
    """The same for µ-law."""
    x = np.arange(-32768, 32768)
    magnitude = np.minimum(np.abs(x), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(int) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    decoded = ((2 * mantissa + 33) << (exponent + 2)) - 132
    return (np.where(x >= 0, decoded, -decoded) / 32768).astype(np.float32)


ALAW, ULAW = _alaw_table(), _ulaw_table()


def companded(samples, table):
    """Through G.711 and back."""
    return table[np.clip(samples * 32768, -32768, 32767).astype(np.int32) + 32768]


def mobile(samples):
    """Through GSM 06.10 full rate and back, as from a mobile telephone."""
    coded = io.BytesIO()
    soundfile.write(coded, np.clip(samples, -1, 1), RATE, format="WAV", subtype="GSM610")
    coded.seek(0)
    return soundfile.read(coded, dtype="float32")[0][:len(samples)]


def linear_filtered(samples, rng, speed):
    """Resampled by `speed` (pitch, formants and pace together), in a room, over a line: one transform.

    The line has a band edge below and above, a tilt and a resonance; a quarter of calls have a
    short decaying echo of a room or a speakerphone.
    """
    size = scipy.fft.next_fast_len(len(samples) + 1600, real=True)
    spectrum = scipy.fft.rfft(samples, size)
    hz = np.linspace(0, RATE / 2, len(spectrum), dtype=np.float32)
    gain_db = np.zeros_like(hz)
    if rng.random() < 0.75:
        low, high = rng.uniform(120, 350), rng.uniform(3000, 3700)
        gain_db -= rng.uniform(6, 30) * np.log2(np.maximum(low / np.maximum(hz, 20), 1))
        gain_db -= rng.uniform(40, 200) * np.log2(np.maximum(hz / high, 1))
    gain_db += rng.uniform(-4, 5) * np.log2(np.maximum(hz, 100) / 1000)
    centre, width = rng.uniform(300, 3000), rng.uniform(100, 800)
    gain_db += rng.uniform(-8, 8) * np.exp(-((hz - centre) / width) ** 2)
    spectrum = spectrum * 10 ** (gain_db / 20)
    if rng.random() < 0.25:
        length = int(rng.uniform(0.05, 0.2) * RATE)
        decay = np.exp(-np.arange(length) / (length / rng.uniform(4, 8)))
        room = rng.normal(0, 1, length).astype(np.float32) * decay
        room *= rng.uniform(0.1, 0.5) / np.sqrt((room ** 2).sum())
        room[0] = 1
        spectrum = spectrum * scipy.fft.rfft(room.astype(np.float32), size)
    out_size = scipy.fft.next_fast_len(int(size / speed), real=True)
    bins = out_size // 2 + 1
    resized = np.zeros(bins, np.complex64)
    kept = min(bins, len(spectrum))
    resized[:kept] = spectrum[:kept]
    out = scipy.fft.irfft(resized, out_size).astype(np.float32) * (out_size / size)
    return out[:int((len(samples) + 400) / speed)]


def noise(count, rng, babble):
    """Unit-power background: coloured noise, hum, a tone, babble of other speakers, or a mixture."""
    kind = rng.random()
    if kind < 0.35 and babble is not None:
        out = np.zeros(count, np.float32)
        for _ in range(rng.integers(1, 6)):
            out += babble(count, rng)
    elif kind < 0.85:
        size = scipy.fft.next_fast_len(count, real=True)
        white = scipy.fft.rfft(rng.standard_normal(size, dtype=np.float32))
        hz = np.linspace(1, RATE / 2, len(white), dtype=np.float32)
        shape = np.maximum(hz, 60) ** -rng.uniform(0, 1.2)
        centre = rng.uniform(100, 3000)
        shape *= 1 + rng.uniform(0, 6) * np.exp(-((hz - centre) / rng.uniform(50, 600)) ** 2)
        out = scipy.fft.irfft(white * shape, size)[:count].astype(np.float32)
        if rng.random() < 0.3:
            swing = np.interp(np.arange(count), np.linspace(0, count, 12), rng.uniform(0.1, 1, 12))
            out *= swing.astype(np.float32)
    elif kind < 0.93:
        t = np.arange(count, dtype=np.float32) / RATE
        base = rng.choice([50, 60])
        out = sum(rng.uniform(0, 1) * np.sin(2 * np.pi * base * k * t + rng.uniform(0, 6))
                  for k in range(1, 10))
    else:
        out = music(count, rng)
    power = float(np.sqrt(np.mean(out ** 2)))
    return (out / power if power > 0 else out).astype(np.float32)


def music(count, rng):
    """Notes of a scale with harmonics, as music on hold or a ring-back tone."""
    out = np.zeros(count, np.float32)
    t = np.arange(count, dtype=np.float32) / RATE
    start = 0
    while start < count:
        length = int(rng.uniform(0.15, 0.8) * RATE)
        tone = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14]) / 12) * rng.choice([1, 2])
        stop = min(count, start + length)
        local = t[:stop - start]
        for k in range(1, 4):
            out[start:stop] += np.sin(2 * np.pi * tone * k * local) / k * np.exp(-local * rng.uniform(0, 4))
        start += length
    return out


def packets_lost(samples, rng):
    """Some 20 ms packets gone: silence, or the last packet again, fading."""
    samples = samples.copy()
    rate, burst, conceal = rng.uniform(0.005, 0.06), rng.uniform(0, 0.5), rng.random() < 0.6
    lost = False
    for start in range(160, len(samples) - 160, 160):
        lost = rng.random() < (burst if lost else rate)
        if lost:
            samples[start:start + 160] = samples[start - 160:start] * 0.7 if conceal else 0
    return samples


def telephone(samples, rng, speed=1.0, babble=None):
    """Clean speech (or silence) as the far end of a call hears it."""
    out = linear_filtered(samples, rng, speed)
    lead, tail = int(rng.uniform(0.02, 0.7) * RATE), int(rng.uniform(0.15, 0.9) * RATE)
    if rng.random() < 0.2 and len(out) > 2000:  # a recording that begins within the first sound
        out = out[int(rng.uniform(0.06, 0.13) * RATE):]
        lead = lead if rng.random() < 0.6 else 0
    out = np.concatenate([np.zeros(lead, np.float32), out, np.zeros(tail, np.float32)])
    power = np.sqrt(np.mean(out[lead:len(out) - tail] ** 2)) + 1e-9
    level = 10 ** (rng.uniform(-38, -12) / 20)
    if power > 1e-6:
        out *= level / power
    if rng.random() < 0.7:
        snr_db = rng.uniform(3, 40)
        out += noise(len(out), rng, babble) * (level * 10 ** (-snr_db / 20))
    if rng.random() < 0.1:
        limit = np.abs(out).max() * rng.uniform(0.2, 0.8)
        out = np.clip(out, -limit, limit)
    if rng.random() < 0.1:
        out = mobile(out)
    law = rng.random()
    if law < 0.9:
        out = companded(out, ALAW if law < 0.55 else ULAW)
    if rng.random() < 0.15:
        out = packets_lost(out, rng)
    return out.astype(np.float32)
