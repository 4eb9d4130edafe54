"""Makes the tiny model of the tests, and what onnxruntime gives for it.

    pip install numpy onnx onnxruntime && python tiny.py

The network follows the NeMo streaming CTC contract of `zh-en-1` and hears tones: each unit is a
frequency, anything else is the blank. So tests can play words as tones and know what must come.
"""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent / "data"
UNITS = "b m a i AH IY S T".split()
TONES_HZ = [500, 800, 1100, 1500, 1900, 2300, 2700, 3100]
BANDS, WINDOW, SHIFT, OUTPUTS, REACH, PAST = 64, 21, 16, 4, 9, 2
CLASSES = len(UNITS) + 1
METADATA = {
    "model_type": "EncDecCTCModel", "window_size": WINDOW, "chunk_shift": SHIFT,
    "subsampling_factor": 4, "vocab_size": len(UNITS), "cache_last_channel_dim1": 1,
    "cache_last_channel_dim2": 1, "cache_last_channel_dim3": 1, "cache_last_time_dim1": 1,
    "cache_last_time_dim2": CLASSES, "cache_last_time_dim3": PAST, "normalize_type": "",
    "feature_dim": BANDS, "sample_rate": 8000, "units": "tones", "languages": "zh,en",
    "licence": "Apache-2.0",
}
LEXICON = [("爸", "b a"), ("八", "b a"), ("比", "b i"), ("妈", "m a"), ("米", "m i"),
           ("爸妈", "b a m a"), ("at", "AH T"), ("us", "AH S"), ("see", "S IY"), ("tea", "T IY"),
           ("seat", "S IY T")]
UNIGRAMS = {"爸": -1.2, "八": -1.0, "比": -1.4, "妈": -1.2, "米": -1.4, "爸妈": -1.5, "at": -1.2,
            "us": -1.4, "see": -1.2, "tea": -1.4, "seat": -1.6}


def mel(hz):
    return 1127.0 * np.log(1.0 + hz / 700.0)


def weights():
    """[classes, bands, reach]: a unit's own bands against all, over the middle of its reach."""
    edges = np.linspace(mel(20.0), mel(3600.0), BANDS + 2)
    kernel = np.zeros((CLASSES, BANDS, REACH), np.float32)
    for unit, hz in enumerate(TONES_HZ):
        near = np.abs(edges[1:-1] - mel(hz)) < 1.2 * (edges[1] - edges[0])
        kernel[unit, :, 2:7] -= 1.0 / BANDS / 5
        kernel[unit, near, 2:7] += 1.0 / near.sum() / 5
    bias = np.zeros(CLASSES, np.float32)
    bias[-1] = 5.5  # a tone stands 8 to 12 above the mean of all bands; noise about 1
    return 2.0 * kernel, 2.0 * bias


def network():
    kernel, bias = weights()
    smooth = np.tile(np.array([0.2, 0.3, 0.5], np.float32), (CLASSES, 1))[:, None, :]
    constants = {
        "kernel": kernel, "bias": bias, "smoothing": smooth, "zero": np.zeros(1, np.int64),
        "nought": np.zeros(1, np.float32), "count": np.array([OUTPUTS], np.int64),
        "starts": np.array([OUTPUTS], np.int64), "ends": np.array([OUTPUTS + PAST], np.int64),
        "axes": np.array([2], np.int64), "cache_shape": np.array([1, CLASSES, PAST], np.int64),
        "next_shape": np.array([1, 1, CLASSES, PAST], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["audio_signal", "kernel", "bias"], ["logits"], "hear",
                         strides=[4]),
        helper.make_node("Reshape", ["cache_last_time", "cache_shape"], ["past"], "recall"),
        helper.make_node("Concat", ["past", "logits"], ["joined"], "join", axis=2),
        helper.make_node("Conv", ["joined", "smoothing"], ["smoothed"], "smooth", group=CLASSES),
        helper.make_node("Transpose", ["smoothed"], ["turned"], "turn", perm=[0, 2, 1]),
        helper.make_node("LogSoftmax", ["turned"], ["logprobs"], "normalise", axis=-1),
        helper.make_node("Slice", ["joined", "starts", "ends", "axes"], ["kept"], "keep"),
        helper.make_node("Reshape", ["kept", "next_shape"], ["cache_last_time_next"], "renew"),
        helper.make_node("Add", ["cache_last_channel", "nought"], ["cache_last_channel_next"]),
        helper.make_node("Add", ["cache_last_channel_len", "zero"],
                         ["cache_last_channel_len_next"]),
        helper.make_node("Mul", ["length", "zero"], ["none"], "ignore"),
        helper.make_node("Add", ["none", "count"], ["encoded_lengths"], "counted"),
    ]
    real, whole = TensorProto.FLOAT, TensorProto.INT64
    caches = [("cache_last_channel", real, [1, 1, 1, 1]),
              ("cache_last_time", real, [1, 1, CLASSES, PAST]),
              ("cache_last_channel_len", whole, [1])]
    inputs = [("audio_signal", real, [1, BANDS, WINDOW]), ("length", whole, [1]), *caches]
    outputs = [("logprobs", real, [1, OUTPUTS, CLASSES]), ("encoded_lengths", whole, [1]),
               *((f"{name}_next", kind, shape) for name, kind, shape in caches)]
    graph = helper.make_graph(
        nodes, "tones", [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {key: str(value) for key, value in METADATA.items()})
    onnx.checker.check_model(model, full_check=True)
    return model


def write_words(folder):
    with open(folder / "tokens.txt", "w", encoding="utf-8") as f:
        for i, unit in enumerate([*UNITS, "<blk>"]):
            print(unit, i, file=f)
    with open(folder / "lexicon.tsv", "w", encoding="utf-8") as f:
        for word, units in LEXICON:
            print(word, units, sep="\t", file=f)
    with open(folder / "lm.arpa", "w", encoding="utf-8") as f:
        print("\\data\\", f"ngram 1={len(UNIGRAMS) + 3}", "ngram 2=4", "", "\\1-grams:", sep="\n",
              file=f)
        print("-1.0\t</s>\n-99\t<s>\t-0.3\n-4.0\t<unk>", file=f)
        for word, probability in UNIGRAMS.items():
            print(probability, word, -0.3, sep="\t", file=f)
        print("", "\\2-grams:", "-0.5\t<s> 爸", "-0.3\t爸 妈", "-0.3\t比 八", "-0.3\tsee us", "",
              "\\end\\", sep="\n", file=f)


def write_catalogue(folder):
    lines = ['[[model]]', 'name = "tones"', 'languages = ["zh", "en"]', 'licence = "Apache-2.0"',
             'contract = "nemo-streaming-ctc"', "sample_rate_hz = 8000", f"feature_dim = {BANDS}",
             "data = []"]
    roles = [("acoustic", "model.onnx"), ("tokens", "tokens.txt"), ("lexicon", "lexicon.tsv"),
             ("lm", "lm.arpa")]
    for role, name in roles:
        content = (folder / "tones" / name).read_bytes()
        lines += ["", "[[model.file]]", f'role = "{role}"', f'path = "tones/{name}"',
                  f'sha256 = "{hashlib.sha256(content).hexdigest()}"', f"bytes = {len(content)}"]
    (folder / "catalogue.toml").write_text("\n".join(lines) + "\n", "utf-8")


def write_golden(folder, model, chunks=20, seed=1):
    """golden.txt: per chunk one line of features (band after band), one of log probabilities."""
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(seed)
    state = [np.zeros((1, 1, 1, 1), np.float32), np.zeros((1, 1, CLASSES, PAST), np.float32),
             np.zeros(1, np.int64)]
    with open(folder / "golden.txt", "w", encoding="ascii") as f:
        for _ in range(chunks):
            features = rng.normal(-6, 3, (1, BANDS, WINDOW)).astype(np.float32).round(2)
            names = [each.name for each in session.get_inputs()]
            values = [features, np.array([WINDOW], np.int64), *state]
            logprobs, _, *state = session.run(None, dict(zip(names, values)))
            print(*(f"{value:g}" for value in features.ravel()), file=f)
            print(*(f"{value:.6f}" for value in logprobs.ravel()), file=f)


if __name__ == "__main__":
    (HERE / "tones").mkdir(parents=True, exist_ok=True)
    tones = network()
    onnx.save(tones, HERE / "tones/model.onnx")
    write_words(HERE / "tones")
    write_catalogue(HERE)
    write_golden(HERE / "tones", tones)
