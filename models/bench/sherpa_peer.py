"""What sherpa-onnx takes for recordings heard by many streams; called by `compare`.

    sherpa_peer.py MODEL_JSON STREAMS SECONDS FILE...
"""

import json
import sys
import time

import numpy as np
import sherpa_onnx

CHUNK_S = 0.16


def linear(codes, alaw):
    """ITU-T G.711 codes to samples in [-1, 1]."""
    codes = (codes ^ 0x55 if alaw else ~codes).astype(np.int32) & 0xFF
    exponent, mantissa = (codes >> 4) & 7, codes & 15
    if alaw:
        size = np.where(exponent == 0, (mantissa << 4) + 8,
                        ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
        sign = np.where(codes & 0x80, 1, -1)
    else:
        size = (((mantissa << 3) + 0x84) << exponent) - 0x84
        sign = np.where(codes & 0x80, -1, 1)
    return (sign * size / 32768).astype(np.float32)


def read(path):
    """Samples of a mono WAV: PCM 16 bit, A-law or mu-law."""
    data = open(path, "rb").read()
    kind, at = None, 12
    while at + 8 <= len(data):
        name, size = data[at:at + 4], int.from_bytes(data[at + 4:at + 8], "little")
        body = data[at + 8:at + 8 + size]
        if name == b"fmt ":
            kind = int.from_bytes(body[:2], "little")
        elif name == b"data" and kind == 1:
            return np.frombuffer(body[:len(body) // 2 * 2], "<i2").astype(np.float32) / 32768
        elif name == b"data" and kind in (6, 7):
            return linear(np.frombuffer(body, np.uint8), kind == 6)
        at += 8 + size + size % 2
    sys.exit(f"{path}: no mono PCM or G.711 samples")


def recognizer(model):
    """sherpa-onnx's recogniser for the model's contract, one thread."""
    files, make = model["files"], sherpa_onnx.OnlineRecognizer
    common = {"tokens": files["tokens"], "num_threads": 1, "sample_rate": model["sample_rate"],
              "feature_dim": model["bands"]}
    contract = model["contract"]
    if contract.startswith("nemo"):
        return make.from_nemo_ctc(model=files["acoustic"], **common)
    if contract.startswith("t-one"):
        del common["feature_dim"]
        return make.from_t_one_ctc(model=files["acoustic"], **common)
    if "transducer" in contract:
        return make.from_transducer(encoder=files.get("encoder", files.get("acoustic")),
                                    decoder=files["decoder"], joiner=files["joiner"], **common)
    if contract.startswith("zipformer2"):
        return make.from_zipformer2_ctc(model=files["acoustic"], **common)
    sys.exit(f"sherpa-onnx has nothing for the contract `{contract}`")


def main():
    model, count, seconds = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    rate = 8000
    recordings = [read(path) for path in sys.argv[4:]]
    engine = recognizer(model)
    chunk, longest = int(CHUNK_S * rate), int(seconds * rate)
    tracks = []
    for number in range(count):
        first = number % len(recordings)
        track = np.concatenate(recordings[first:] + recordings[:first])[:longest]
        tracks.append((engine.create_stream(), track))
    began = time.process_time()
    for start in range(0, max(len(track) for _, track in tracks), chunk):
        for stream, track in tracks:
            if start >= len(track):
                continue
            stream.accept_waveform(rate, track[start:start + chunk])
            while engine.is_ready(stream):
                engine.decode_stream(stream)
            engine.get_result(stream)
    cpu_s = time.process_time() - began
    audio_s = sum(len(track) for _, track in tracks) / rate
    print(json.dumps({"cpu_s": cpu_s, "audio_s": audio_s, "cpu_per_audio": cpu_s / audio_s,
                      "heard": str(engine.get_result(tracks[0][0]))[:80]}))


if __name__ == "__main__":
    main()
