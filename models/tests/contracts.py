"""Makes one small random-weight model of every contract, and what the reference engines give.

    pip install torch onnx onnxruntime sherpa-onnx numpy && python contracts.py [GROUP…]

Writes `data/contracts/NAME/`: the ONNX files, `tokens.txt`, `golden.f32` (onnxruntime's outputs
over 20 chunks of streaming state) and `case.json` (sherpa-onnx's text of `data/contracts/speech.wav`, and
of that twice with three seconds of quiet between).
`script-ctc` and `script-transducer` give the same outputs whatever they hear, for tests of the search;
`hotwords.json` beside the second has sherpa-onnx's texts with hot words. `cargo test` reads only those.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import sherpa_onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from streaming_nets import (BANDS, CHUNK, WINDOW, Conformer, Decoder, Headed, Joiner, TOne, Zipformer1,
                            Script, ScriptDecoder, Sum, Zipformer2)

HERE = Path(__file__).parent / "data/contracts"
WAV = HERE / "speech.wav"
CHUNKS, WIDTH, CONTEXT = 20, 16, 2
TOKENS = ["<blk>", "<sos/eos>", "<unk>", "▁the", "▁b", "a", "n", "k", "您", "好", "查", "余", "额",
          "▁card", "s", "ing"]
PIECES = [*TOKENS[2:], "<blk>"]
LETTERS = [" ", "а", "б", "в", "д", "е", "и", "к", "о", "т", "<blk>"]
SIZES = {"encoder_dims": [16, 24], "num_heads": [2, 2], "query_head_dims": [4, 4],
         "value_head_dims": [4, 4], "cnn_module_kernels": [7, 5], "left_context_len": [32, 16],
         "num_encoder_layers": [1, 1]}
SIZES1 = {"encoder_dims": [16], "attention_dims": [16], "cnn_module_kernels": [5],
          "left_context_len": [16], "num_encoder_layers": [1]}


def noise(count, seed):
    """The pseudo-random features that the Rust tests make too: from -12 to 0."""
    values, state = np.empty(count, np.float32), seed
    for i in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = (state >> 8) / 2 ** 24 * 12.0 - 12.0
    return values


def export(model, arguments, file, inputs, outputs, axes, metadata, operators=13):
    torch.onnx.export(model, arguments, str(file), input_names=inputs, output_names=outputs,
                      dynamic_axes=axes, opset_version=operators, dynamo=False)
    proto = onnx.load(file)
    shorten(proto.graph)
    onnx.helper.set_model_props(proto, {key: str(value) for key, value in metadata.items()})
    onnx.save(proto, file)


def shorten(graph):
    """Names as short as they can be, and every constant once: they are most of a small file."""
    kept = {each.name for each in [*graph.input, *graph.output]}
    names = {}
    def short(name):
        if not name or name in kept:
            return name
        return names.setdefault(name, f"v{len(names)}")
    made, kept_nodes = {}, []
    for node in graph.node:
        if node.op_type == "Constant":
            value = node.attribute[0].SerializeToString()
            if value in made:
                names[node.output[0]] = made[value]
                continue
            made[value] = short(node.output[0])
        kept_nodes.append(node)
    for number, node in enumerate(kept_nodes):
        node.doc_string = ""
        node.name = f"{node.op_type}{number}"
        node.input[:] = [short(name) for name in node.input]
        node.output[:] = [short(name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    del graph.value_info[:]
    kept_nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept_nodes]
    del graph.node[:]
    graph.node.extend(kept_nodes)


def listed(sizes):
    return {key: ",".join(map(str, value)) for key, value in sizes.items()}


def state_names(sizes, generation):
    """(name, axis of the batch) of every state."""
    if generation == 1:
        names = ["len", "avg", "key", "val", "val2", "conv1", "conv2"]
        return [(f"cached_{name}_{i}", 2 if name in ("key", "val", "val2") else 1)
                for name in names for i in range(len(sizes["encoder_dims"]))]
    names = ["key", "nonlin_attn", "val1", "val2", "conv1", "conv2"]
    states = [(f"cached_{name}_{i}", 0 if "conv" in name else 1)
              for i in range(sum(sizes["num_encoder_layers"])) for name in names]
    return [*states, ("embed_states", 0), ("processed_lens", 0)]


def export_zipformer(encoder, width, file, generation, is_ctc):
    model = Headed(encoder, width, is_ctc).eval()
    window = WINDOW if generation == 2 else 2 * CHUNK + 7
    level(model.head, model, heard_noise(window), encoder.states(), 0.7 if is_ctc else 0.3)
    with torch.no_grad():
        model.head.bias[0] += 0.5 * is_ctc
    names = state_names(encoder.sizes, generation)
    out = "log_probs" if is_ctc else "encoder_out"
    axes = {"x": {0: "N"}, out: {0: "N"}}
    for name, axis in names:
        axes[name] = axes[f"new_{name}"] = {axis: "N"}
    metadata = {"model_type": "zipformer2" if generation == 2 else "zipformer", "version": 1,
                "T": window, "decode_chunk_len": 2 * CHUNK, **listed(encoder.sizes)}
    export(model, (torch.rand(1, window, BANDS), encoder.states()), file,
           ["x", *(name for name, _ in names)], [out, *(f"new_{name}" for name, _ in names)], axes,
           metadata)


def heard_noise(window):
    """Features that set a head's level."""
    return [torch.from_numpy(noise(window * BANDS, seed)).reshape(1, window, BANDS) for seed in range(2, 10)]


def level(head, run, windows, states, deviation):
    """Sets the head so that every class has its turn: mean 0, the same deviation for each."""
    inner = []
    hook = head.register_forward_hook(lambda _module, inputs, _output: inner.append(inputs[0]))
    with torch.no_grad():
        for window in windows:
            _, states = run(window, states)
        hook.remove()
        found = torch.cat([head(each)[0] for each in inner], dim=-1 if is_turned(head) else 0)
        found = found.T if is_turned(head) else found
        scale = deviation / found.std(dim=0).clamp(min=1e-3)
        head.bias.copy_((head.bias - found.mean(dim=0)) * scale)
        head.weight.mul_(scale.reshape(-1, *(1 for _ in head.weight.shape[1:])))


def is_turned(head):
    """Whether a head gives class after class."""
    return isinstance(head, torch.nn.Conv1d)


def export_joint(folder):
    decoder, joiner = Decoder(len(TOKENS), WIDTH, CONTEXT).eval(), Joiner(WIDTH, len(TOKENS)).eval()
    with torch.no_grad():
        joiner.out.weight.mul_(5.0)
        joiner.out.bias[0] += 0.7  # blanks, as a real one has
    export(decoder, (torch.zeros(1, CONTEXT, dtype=torch.int64),), folder / "decoder.onnx", ["y"],
           ["decoder_out"], {"y": {0: "N"}, "decoder_out": {0: "N"}},
           {"context_size": CONTEXT, "vocab_size": len(TOKENS)})
    names = ["encoder_out", "decoder_out"]
    export(joiner, (torch.zeros(1, WIDTH), torch.zeros(1, WIDTH)), folder / "joiner.onnx", names,
           ["logit"], {name: {0: "N"} for name in [*names, "logit"]}, {"joiner_dim": WIDTH})


def export_t_one(file):
    model = TOne(len(LETTERS)).eval()
    with torch.no_grad():
        model.head.weight.mul_(8.0)
    state = torch.zeros(1, 320 + TOne.DIM, dtype=torch.float16)
    spoken = [torch.from_numpy(samples()[None, at:at + 2400, None] * 32767).to(torch.int32)
              for at in range(0, 12000, 2400)]
    level(model.head, model, spoken, state, 0.7)
    with torch.no_grad():
        model.head.bias[-1] += 0.7
    export(model, (torch.zeros(1, 2400, 1, dtype=torch.int32), state), file, ["signal", "state"],
           ["logprobs", "state_next"],
           {name: {0: "N"} for name in ["signal", "state", "logprobs", "state_next"]},
           {"model_type": "t-one", "sample_rate": 8000, "frame_length_ms": 300,
            "state_dim": 320 + TOne.DIM})


def export_nemo(file):
    model = Conformer(len(PIECES)).eval()
    length = torch.tensor([Conformer.WINDOW])
    def run(window, states):
        out, _, *states = model(window.transpose(1, 2), length, *states)
        return out, states
    level(model.head, run, heard_noise(Conformer.WINDOW), model.states(), 0.7)
    with torch.no_grad():
        model.head.bias[-1] += 0.7
    caches = ["cache_last_channel", "cache_last_time", "cache_last_channel_len"]
    inputs = ["audio_signal", "length", *caches]
    outputs = ["logprobs", "encoded_lengths", *(f"{name}_next" for name in caches)]
    axes = {name: {0: "N"} for name in [*inputs, *outputs]}
    axes["audio_signal"][2] = axes["logprobs"][1] = "frames"
    for end in ("", "_next"):
        axes[f"cache_last_channel{end}"][2] = axes[f"cache_last_time{end}"][3] = "past"
    _, *channel = model.states()[0].shape
    _, *time = model.states()[1].shape
    sizes = {f"{name}_dim{axis + 1}": size for name, shape in zip(caches, (channel, time))
             for axis, size in enumerate(shape)}
    export(model, (torch.rand(1, BANDS, Conformer.WINDOW), length, *model.states()), file, inputs, outputs, axes,
           {"vocab_size": len(PIECES) - 1, "window_size": Conformer.WINDOW, "chunk_shift": Conformer.SHIFT,
            "normalize_type": "", "subsampling_factor": Conformer.SUBSAMPLING, "version": 1,
            "model_type": "EncDecHybridRNNTCTCBPEModel", **sizes}, operators=17)


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def stream(network, windows):
    """The first output of every window, state going round."""
    names = [each.name for each in network.get_inputs()]
    found = []
    if is_nemo(network):
        states = [state.numpy() for state in Conformer(len(PIECES)).states()]
        for window in windows:
            length = np.array([window.shape[1]])
            heard = [window.transpose(0, 2, 1), length, *states]
            out, _, *states = network.run(None, dict(zip(names, heard)))
            found.append(out)
        return np.concatenate(found, axis=1)[0]
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(float16)": np.float16}
    states = [np.zeros([each if isinstance(each, int) else 1 for each in state.shape],
                       kinds[state.type]) for state in network.get_inputs()[1:]]
    for window in windows:
        out, *states = network.run(None, dict(zip(names, [window, *states])))
        found.append(out)
    return np.concatenate(found, axis=1)[0].astype(np.float32)


def is_nemo(network):
    return "chunk_shift" in network.get_modelmeta().custom_metadata_map


def golden(folder, acoustic):
    """Outputs over 20 chunks; of a transducer also the logits along fixed contexts."""
    network = session(acoustic)
    shape = network.get_inputs()[0]
    if shape.type == "tensor(int32)":
        values = noise(CHUNKS * 2400, 1) / 12.0 * 2.0 + 1.0
        whole = (values * np.float32(32767.0)).astype(np.int32)
        windows = whole.reshape(CHUNKS, 1, 2400, 1)
    else:
        frames = Conformer.WINDOW if is_nemo(network) else shape.shape[1]
        all_frames = noise(((CHUNKS - 1) * 2 * CHUNK + frames) * BANDS, 1).reshape(-1, BANDS)
        windows = [all_frames[None, i * 2 * CHUNK:i * 2 * CHUNK + frames] for i in range(CHUNKS)]
    found = stream(network, windows)
    parts = [found.ravel()]
    joint = [next(folder.glob(f"{part}*.onnx"), None) for part in ("decoder", "joiner")]
    if all(joint):
        decoder, joiner = map(session, joint)
        for t, frame in enumerate(found):
            context = np.array([[t % len(TOKENS) - (t == 0), 3 * t % len(TOKENS)]], np.int64)
            said = decoder.run(None, {"y": context})[0]
            parts.append(joiner.run(None, {"encoder_out": frame[None], "decoder_out": said})[0][0])
    np.concatenate(parts).astype("<f4").tofile(folder / "golden.f32")


def codes():
    """The A-law recording."""
    data = WAV.read_bytes()
    return data[data.index(b"data") + 8:]


def with_gap():
    return codes() + bytes([0xD5]) * 24_000 + codes()


def samples(data=codes()):
    """A-law as floats (ITU-T G.711)."""
    code = np.frombuffer(data, np.uint8).astype(np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    size = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << (exponent - 1).clip(0))
    return np.where(code & 0x80, 8 * size, -8 * size).astype(np.float32) / 32768.0


def heard(recogniser, lead=0.0, audio=samples()):
    stream = recogniser.create_stream()
    if lead:
        stream.accept_waveform(8000, np.zeros(int(lead * 8000), np.float32))
    stream.accept_waveform(8000, audio)
    stream.accept_waveform(8000, np.zeros(int(0.66 * 8000), np.float32))
    stream.input_finished()
    while recogniser.is_ready(stream):
        recogniser.decode_stream(stream)
    return recogniser.get_result(stream).strip()


def case(folder, contract, files):
    tokens = str(folder / "tokens.txt")
    recogniser = sherpa_onnx.OnlineRecognizer
    lead = 0.3 if contract == "t-one-ctc" else 0.0
    searches = {}
    if contract.endswith("transducer"):
        parts = dict(zip(("encoder", "decoder", "joiner"), (str(folder / file) for file in files)))
        for name, method in [("greedy", "greedy_search"), ("beam", "modified_beam_search")]:
            searches[name] = recogniser.from_transducer(tokens=tokens, **parts, decoding_method=method,
                                                        max_active_paths=4)
    else:
        make = {"t-one-ctc": recogniser.from_t_one_ctc, "nemo-streaming-ctc": recogniser.from_nemo_ctc,
                "zipformer2-ctc": recogniser.from_zipformer2_ctc}[contract]
        searches["greedy"] = make(tokens=tokens, model=str(folder / files[0]))
    texts = {name: heard(search, lead) for name, search in searches.items()}
    texts["greedy_with_gap"] = heard(searches["greedy"], lead, samples(with_gap()))
    found = {"contract": contract, "files": files, "text": texts}
    (folder / "case.json").write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n",
                                      "utf-8")
    print(folder.name, found)


HOT_WORDS = {"余额": 0.0, "您好": 0.5, "查额": 1.0, "好查": -0.25}  # added to the common score


def script():
    """Outputs of 40 ms: every third one hesitates between two or three characters."""
    random = np.random.default_rng(11)
    characters = [TOKENS.index(each) for each in "您好查余额"]
    table = np.full((60, len(TOKENS)), -6.0, np.float32)
    table[:, 0] = 2.0
    for at in range(4, 54, 3):
        chosen = random.choice(characters, 3, replace=False)
        table[at, chosen] = 3.0 + random.normal(0.0, 1.0, 3)
        table[at, 0] = random.uniform(-2.0, 2.0)
    return torch.from_numpy(table).log_softmax(dim=-1)


def export_script(file, is_ctc):
    """The contract of zipformer2 around a table."""
    model = Script(SIZES, script()).eval()
    names = state_names(SIZES, 2)
    out = "log_probs" if is_ctc else "encoder_out"
    axes = {"x": {0: "N"}, out: {0: "N"}}
    for name, axis in names:
        axes[name] = axes[f"new_{name}"] = {axis: "N"}
    metadata = {"model_type": "zipformer2", "version": 1, "T": WINDOW, "decode_chunk_len": 2 * CHUNK,
                **listed(SIZES)}
    export(model, (torch.rand(1, WINDOW, BANDS), model.states()), file,
           ["x", *(name for name, _ in names)], [out, *(f"new_{name}" for name, _ in names)], axes,
           metadata)


def script_models():
    for name, is_ctc in [("script-ctc", True), ("script-transducer", False)]:
        folder = folder_of(name)
        write_tokens(folder, TOKENS)
        export_script(folder / ("model.onnx" if is_ctc else "encoder.onnx"), is_ctc)
        if is_ctc:
            case(folder, "zipformer2-ctc", ["model.onnx"])
            continue
        size = len(TOKENS)
        export(ScriptDecoder(size, CONTEXT).eval(), (torch.zeros(1, CONTEXT, dtype=torch.int64),),
               folder / "decoder.onnx", ["y"], ["decoder_out"], {"y": {0: "N"}, "decoder_out": {0: "N"}},
               {"context_size": CONTEXT, "vocab_size": size})
        names = ["encoder_out", "decoder_out"]
        export(Sum(), (torch.zeros(1, size), torch.zeros(1, size)), folder / "joiner.onnx", names,
               ["logit"], {name: {0: "N"} for name in [*names, "logit"]}, {"joiner_dim": size})
        case(folder, "zipformer2-transducer", ["encoder.onnx", "decoder.onnx", "joiner.onnx"])
        hot_words(folder)


def hot_words(folder):
    """sherpa-onnx's texts for several scores, along 4 and 16 paths."""
    parts = {part: str(folder / f"{part}.onnx") for part in ("encoder", "decoder", "joiner")}
    found = []
    for paths in (4, 16):
        for score in (0.0, 0.5, 1.0, 2.0, 3.0):
            weights = {word: score + more if score else 0.0 for word, more in HOT_WORDS.items()}
            with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
                lines = [f"{word} :{weight}\n" for word, weight in weights.items() if weight]
                file.write("".join(lines))
                file.flush()
                recogniser = sherpa_onnx.OnlineRecognizer.from_transducer(
                    tokens=str(folder / "tokens.txt"), **parts, max_active_paths=paths,
                    decoding_method="modified_beam_search", modeling_unit="cjkchar",
                    hotwords_file=file.name if lines else "", hotwords_score=1.0)
                text = heard(recogniser)
            found.append({"paths": paths, "weights": weights, "text": text})
            print(folder.name, found[-1])
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    (folder / "hotwords.json").write_text(text, "utf-8")


def write_tokens(folder, tokens):
    lines = [f"{token} {i}" for i, token in enumerate(tokens)]
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", "utf-8")


def folder_of(name):
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def in_one_file(name, contract, tokens, export_to):
    folder = folder_of(name)
    write_tokens(folder, tokens)
    export_to(folder / "model.onnx")
    golden(folder, folder / "model.onnx")
    case(folder, contract, ["model.onnx"])


def zipformers_and_t_one():
    rng = torch.Generator().manual_seed(7)

    in_one_file("zipformer2-ctc", "zipformer2-ctc", TOKENS,
                lambda file: export_zipformer(Zipformer2(SIZES, rng), len(TOKENS), file, 2, True))

    for name, make, generation in [("zipformer2-transducer", lambda: Zipformer2(SIZES, rng), 2),
                                   ("zipformer-transducer", lambda: Zipformer1(SIZES1), 1)]:
        folder = folder_of(name)
        write_tokens(folder, TOKENS)
        export_zipformer(make(), WIDTH, folder / "encoder.onnx", generation, False)
        export_joint(folder)
        golden(folder, folder / "encoder.onnx")
        case(folder, name, ["encoder.onnx", "decoder.onnx", "joiner.onnx"])

    in_one_file("t-one-ctc", "t-one-ctc", LETTERS, export_t_one)


def nemo():
    in_one_file("nemo-ctc", "nemo-streaming-ctc", PIECES, export_nemo)


def quantised():
    """The files of others with weights of 8 bits, as the exports of each contract have them."""
    for name, contract, tokens, kinds in [
            ("zipformer2-ctc", "zipformer2-ctc", TOKENS, {"model": SIGNED}),
            ("zipformer2-transducer", "zipformer2-transducer", TOKENS,
             {"encoder": SIGNED, "decoder": {**SIGNED, "op_types_to_quantize": ["MatMul", "Gather"]},
              "joiner": SIGNED}),
            ("nemo-ctc", "nemo-streaming-ctc", PIECES, {"model": {"weight_type": QuantType.QUInt8}})]:
        whole, folder = folder_of(name), folder_of(f"{name}-int8")
        write_tokens(folder, tokens)
        files = [f"{part}.int8.onnx" for part in kinds]
        for part, kind in kinds.items():
            quantize_dynamic(str(whole / f"{part}.onnx"), str(folder / f"{part}.int8.onnx"), **kind)
        golden(folder, folder / files[0])
        case(folder, contract, files)


SIGNED = {"weight_type": QuantType.QInt8, "op_types_to_quantize": ["MatMul"]}
GROUPS = {"script": script_models, "contracts": zipformers_and_t_one, "nemo": nemo, "int8": quantised}


def main():
    for group in sys.argv[1:] or GROUPS:
        torch.manual_seed(7)
        GROUPS[group]()


if __name__ == "__main__":
    main()
