"""Times the embedder beside onnxruntime on one core, in turns.

    python3 -m venv .venv-peers && .venv-peers/bin/pip install -r benches/peers-requirements.txt
    cargo build --release
    .venv-peers/bin/python benches/peers.py target/release/semroute MODEL_FOLDER

MODEL_FOLDER holds model.safetensors and config.json (`semroute models verify` says where). The graph is written here from the
weights, with onnxruntime's own fused operators, and quantised by its own tool: per channel, dynamic. Prints one JSON object.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

TOKENS = (16, 64, 256)
ROUNDS = 5
SECONDS = 0.6


def read_tensors(path):
    """The 32-bit float tensors of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    start = 8 + length
    tensors = {}
    for name, info in json.loads(data[8:start]).items():
        if info.get("dtype") == "F32":
            low, high = info["data_offsets"]
            flat = np.frombuffer(data[start + low : start + high], np.float32)
            tensors[name] = flat.reshape(info["shape"])
    return tensors


class Graph:
    """Collects nodes and weights; every method returns the name of what it makes."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name, array):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, name, outputs=1, domain="com.microsoft", **attributes):
        names = [name] + [f"{name}.{extra}" for extra in range(1, outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, name=name, domain=domain, **attributes))
        return name


def build(tensors, config):
    """A BERT encoder with the mean of its last layer, in fused operators."""
    graph, heads, epsilon = Graph(), config["num_attention_heads"], config["layer_norm_eps"]
    take = lambda name: graph.weight(name, tensors[name])
    turned = lambda name: graph.weight(name, tensors[name].T)
    norm = lambda name: [take(f"{name}.weight"), take(f"{name}.bias")]
    table = lambda name: take(f"embeddings.{name}_embeddings.weight")
    tables = [table("word"), table("position"), table("token_type")]
    hidden = graph.node(
        "EmbedLayerNormalization",
        ["ids", "types", *tables, *norm("embeddings.LayerNorm")],
        "embedded",
        outputs=2,
        epsilon=epsilon,
    )
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{number}"
        part = lambda kind, end: tensors[f"{name}.attention.self.{kind}.{end}"]
        joined = [np.concatenate([part(kind, end) for kind in ("query", "key", "value")]) for end in ("weight", "bias")]
        weights = graph.weight(f"{name}.joined", joined[0].T)
        bias = graph.weight(f"{name}.joined.bias", joined[1])
        mixed = graph.node("Attention", [hidden, weights, bias], f"{name}.attention", num_heads=heads)
        dense = f"{name}.attention.output.dense"
        mixed = graph.node("MatMul", [mixed, turned(f"{dense}.weight")], f"{name}.mixed", domain="")
        inputs = [mixed, hidden, *norm(f"{name}.attention.output.LayerNorm"), take(f"{dense}.bias")]
        hidden = graph.node("SkipLayerNormalization", inputs, f"{name}.middle", epsilon=epsilon)
        dense = f"{name}.intermediate.dense"
        wide = graph.node("MatMul", [hidden, turned(f"{dense}.weight")], f"{name}.wide", domain="")
        wide = graph.node("BiasGelu", [wide, take(f"{dense}.bias")], f"{name}.gelu")
        dense = f"{name}.output.dense"
        narrow = graph.node("MatMul", [wide, turned(f"{dense}.weight")], f"{name}.narrow", domain="")
        inputs = [narrow, hidden, *norm(f"{name}.output.LayerNorm"), take(f"{dense}.bias")]
        hidden = graph.node("SkipLayerNormalization", inputs, f"{name}.out", epsilon=epsilon)
    graph.node("ReduceMean", [hidden], "mean", domain="", axes=[1], keepdims=0)
    shape = ["batch", "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT32, shape) for name in ("ids", "types")]
    output = helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["batch", config["hidden_size"]])
    made = helper.make_graph(graph.nodes, "bert", inputs, [output], graph.weights)
    versions = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(made, opset_imports=versions, ir_version=9)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def sessions(folder):
    """onnxruntime in floats and in bytes, and how well the two agree."""
    config = json.loads((folder / "config.json").read_text())
    model = build(read_tensors(folder / "model.safetensors"), config)
    with tempfile.TemporaryDirectory() as scratch:
        plain, small = Path(scratch) / "plain.onnx", Path(scratch) / "small.onnx"
        onnx.save(model, plain)
        extra = {"DefaultTensorType": TensorProto.FLOAT}
        quantize_dynamic(plain, small, per_channel=True, weight_type=QuantType.QInt8, extra_options=extra)
        return {"onnxruntime-f32": session(plain), "onnxruntime-int8": session(small)}


def feed(rng, tokens):
    ids = rng.integers(1996, 29000, (1, tokens), dtype=np.int32)
    return {"ids": ids, "types": np.zeros_like(ids)}


def time_session(model, tokens, rng):
    """Milliseconds of single runs, for a while."""
    feeds = [feed(rng, tokens) for _ in range(8)]
    taken, started = [], time.perf_counter()
    for run in range(1_000_000):
        before = time.perf_counter()
        model.run(None, feeds[run % len(feeds)])
        taken.append(1e3 * (time.perf_counter() - before))
        if len(taken) >= 5 and time.perf_counter() - started > SECONDS:
            return taken


def time_semroute(binary):
    """What `semroute bench embed` measured, by path, depth and tokens."""
    command = [binary, "bench", "embed", "--json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["rows"]
    return {(f"semroute-{row['path']}-{row['layers']}-layers", row["tokens"]): row["min_ms"] for row in rows}


def main():
    binary, folder = sys.argv[1], Path(sys.argv[2])
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    peers, rng, best = sessions(folder), np.random.default_rng(0), {}
    vectors = [model.run(None, feed(np.random.default_rng(1), 32))[0][0] for model in peers.values()]
    for _ in range(ROUNDS):
        found = time_semroute(binary)
        for name, model in peers.items():
            found |= {(name, tokens): min(time_session(model, tokens, rng)) for tokens in TOKENS}
        best = {key: min(value, best.get(key, value)) for key, value in found.items()}
    bytes_ms = {tokens: best["onnxruntime-int8", tokens] for tokens in TOKENS}
    rows = [
        {"who": who, "tokens": tokens, "min_ms": round(ms, 3), "to_int8": round(ms / bytes_ms[tokens], 3)}
        for (who, tokens), ms in sorted(best.items(), key=lambda item: (item[0][1], item[1]))
    ]
    cosine = float(vectors[0] @ vectors[1] / np.linalg.norm(vectors[0]) / np.linalg.norm(vectors[1]))
    print(json.dumps({"onnxruntime": onnxruntime.__version__, "int8_cosine": round(cosine, 4), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
