"""Export the averaged weights as zh-en-1/model.onnx in sherpa-onnx's NeMo streaming CTC contract.

    python export.py             checks against torch, onnxruntime and sherpa-onnx
    python export.py --untrained random weights, for trying the contract alone
    python export.py --towards OLD.onnx --share 0.5   weights half way to those that training began with

A short training forgets some of what older weights knew; the mean of both often keeps more than either
(M. Wortsman et al.: Robust fine-tuning of zero-shot models). Choose the share on development data.
"""

import argparse
import hashlib
import re
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

from features import MELS, fbank
from initial import start_from
from model import OUTPUTS, SHIFT, WINDOW, Acoustic
from paths import ROOT, model_dir, work_dir
from units import UNITS, write_tokens

ALLOWED = set("Add Concat Constant Conv Div Identity LogSoftmax MatMul Mul Pow ReduceMean Relu Sigmoid "
              "Slice Split Sqrt Squeeze Sub Transpose Unsqueeze Gather".split())
INPUTS = ["audio_signal", "length", "cache_last_channel", "cache_last_time", "cache_last_channel_len"]
OUTPUT_NAMES = ["logprobs", "encoded_lengths", "cache_last_channel_next", "cache_last_time_next",
                "cache_last_channel_len_next"]
LICENCE = "CC-BY-SA-4.0"


class Contract(nn.Module):
    """The network behind the five inputs and outputs that the contract names."""

    def __init__(self, acoustic):
        super().__init__()
        self.acoustic = acoustic

    def forward(self, audio_signal, length, cache_last_channel, cache_last_time, cache_last_channel_len):
        logprobs, cache = self.acoustic(audio_signal, cache_last_time)
        return (logprobs, length * 0 + OUTPUTS, cache_last_channel + 0.0, cache,
                cache_last_channel_len + 0)


def load(untrained=False):
    """The averaged weights of the newest checkpoint."""
    torch.manual_seed(0)
    if untrained:
        return Acoustic().eval()
    saved = torch.load(work_dir() / "checkpoint.pt", map_location="cpu")
    model = Acoustic(**saved["shape"])
    model.load_state_dict(saved["average"])
    return model.eval()


def export(model, path):
    """Write `path` with static shapes, constants folded, and the contract's metadata."""
    state = model.zero_state()
    args = (torch.zeros(1, MELS, WINDOW), torch.tensor([WINDOW]), torch.zeros(1, 1, 1, 1), state,
            torch.tensor([0]))
    torch.onnx.export(Contract(model).eval(), args, str(path), input_names=INPUTS,
                      output_names=OUTPUT_NAMES, opset_version=17, dynamo=False)
    graph = onnx.shape_inference.infer_shapes(onnx.load(path))
    onnx.checker.check_model(graph)
    used = {node.op_type for node in graph.graph.node}
    assert used <= ALLOWED, f"operators beyond the agreed set: {used - ALLOWED}"
    assert [i.name for i in graph.graph.input] == INPUTS
    assert [o.name for o in graph.graph.output] == OUTPUT_NAMES
    metadata = {
        "model_type": "EncDecCTCModel", "window_size": WINDOW, "chunk_shift": SHIFT,
        "subsampling_factor": 4, "vocab_size": len(UNITS),
        "cache_last_channel_dim1": 1, "cache_last_channel_dim2": 1, "cache_last_channel_dim3": 1,
        "cache_last_time_dim1": state.shape[1], "cache_last_time_dim2": state.shape[2],
        "cache_last_time_dim3": state.shape[3], "normalize_type": "", "feature_dim": MELS,
        "sample_rate": 8000, "units": "mandarin and cantonese initials and finals, arpabet",
        "languages": "zh,yue,en",
        "licence": LICENCE, "model_author": "Trunkside", "comment": "see MODEL_CARD.md",
    }
    for key, value in metadata.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, str(value)
    onnx.save(graph, path)


def session(path):
    """An onnxruntime session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def stream(runtime, features):
    """Log probabilities [outputs, units + 1] of [frames, 64] features, chunk by chunk."""
    shape = runtime.get_inputs()[3].shape
    state = [np.zeros((1, 1, 1, 1), np.float32), np.zeros(shape, np.float32), np.zeros(1, np.int64)]
    outputs = []
    for start in range(0, len(features) - WINDOW + 1, SHIFT):
        chunk = np.ascontiguousarray(features[start:start + WINDOW].T[None])
        logprobs, _, *state = runtime.run(
            None, dict(zip(INPUTS, [chunk, np.array([WINDOW]), *state])))
        outputs.append(logprobs[0])
    return np.concatenate(outputs) if outputs else np.zeros((0, len(UNITS) + 1), np.float32)


def check_streaming(model, path):
    """Chunked onnxruntime equals one pass of torch."""
    features = fbank(np.random.default_rng(0).normal(0, 0.05, 24000).astype(np.float32))
    with torch.no_grad():
        whole = model(torch.from_numpy(features.T[None]), model.zero_state())[0][0].numpy()
    chunked = stream(session(path), features)
    return float(np.abs(chunked - whole[:len(chunked)]).max())


def check_sherpa(path, tokens, audio):
    """Text that sherpa-onnx finds with the same file."""
    import sherpa_onnx

    recognizer = sherpa_onnx.OnlineRecognizer.from_nemo_ctc(
        tokens=str(tokens), model=str(path), num_threads=1, sample_rate=8000, feature_dim=MELS)
    speech = recognizer.create_stream()
    speech.accept_waveform(8000, audio)
    speech.input_finished()
    while recognizer.is_ready(speech):
        recognizer.decode_stream(speech)
    return recognizer.get_result(speech)


def others_models(catalogue):
    """What a catalogue says of models that others publish, with the comment above it."""
    found = re.search(r"\n((?:#[^\n]*\n)*\n*\[\[public\]\].*)", catalogue, re.S)
    return found[1] if found else ""


def write_catalogue():
    """catalogue.toml with each file's size and hash; what it says of others' models stays."""
    folder, path = model_dir(), ROOT / "models/catalogue.toml"
    rest = others_models(path.read_text("utf-8")) if path.exists() else ""
    lines = [
        "# Speech models. Paths are relative to this file; `trunkside models verify` checks the hashes.",
        "", "[[model]]", 'name = "zh-en-1"', 'languages = ["zh", "yue", "en"]', f'licence = "{LICENCE}"',
        'contract = "nemo-streaming-ctc"', "sample_rate_hz = 8000", f"feature_dim = {MELS}",
        "data = [", *(f'    "{d}",' for d in (
            "commands-train (MIT)", "pinyin-syllables-train (public domain)",
            "mandarin-words-train (CC BY-SA)", "cantonese-syllables-train (CC BY-SA 4.0)",
            "digits-en-train (CC BY-SA 4.0)", "banking77 (CC BY 4.0)", "clinc150 (CC BY 3.0)",
            "multidogo (CDLA-Permissive 1.0)", "hkcancor (CC BY)",
            "gcin-voice, voice 5 (CC BY 3.0)", "Asterisk's English prompts (CC BY-SA 3.0)",
            "speech of Kokoro-82M (Apache-2.0)", "espeak-ng, flite, festival and SVOX Pico speech")), "]",
        f"shapes = {{ window = {WINDOW}, shift = {SHIFT}, outputs = {OUTPUTS}, units = {len(UNITS)} }}",
    ]
    for role, name in (("acoustic", "model.onnx"), ("tokens", "tokens.txt"),
                       ("lexicon", "lexicon.tsv"), ("lm", "lm.arpa.zst")):
        content = (folder / name).read_bytes()
        lines += ["", "[[model.file]]", f'role = "{role}"', f'path = "{folder.name}/{name}"',
                  f'sha256 = "{hashlib.sha256(content).hexdigest()}"', f"bytes = {len(content)}"]
    path.write_text("\n".join(lines) + "\n" + ("\n" + rest if rest else ""), "utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--untrained", action="store_true")
    parser.add_argument("--towards", type=Path, metavar="OLD.onnx", help="tokens.txt must lie beside it")
    parser.add_argument("--share", type=float, default=0.5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load(args.untrained)
    if args.towards:
        start_from(model, args.towards, args.share)
    target = model_dir() / "model.onnx"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export(model, path)
        difference = check_streaming(model, path)
        assert difference < 1e-3, f"streaming differs from one pass by {difference}"
        target.write_bytes(path.read_bytes())
    write_tokens(model_dir() / "tokens.txt")
    noise = np.random.default_rng(0).normal(0, 0.001, 16000).astype(np.float32)
    heard = check_sherpa(target, model_dir() / "tokens.txt", noise)
    assert not re.search("[A-Za-z]", str(heard)) or args.untrained, f"noise was heard as `{heard}`"
    write_catalogue()
    print(f"{target.stat().st_size} bytes, streaming within {difference:.1e}, sherpa-onnx loads it")


if __name__ == "__main__":
    main()
