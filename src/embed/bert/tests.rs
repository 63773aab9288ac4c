//! The pass in bytes against the one in floats, on small models of random weights: other sizes than the shipped model's.

use std::collections::HashMap;
use std::io::Write;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::fast::{Encoder, Scratch};
use super::reference::Reference;
use super::shape::Shape;
use super::weights::{Weights, WeightsError};
use crate::embed::Embedding;
use crate::embed::manifest::Pooling;
use crate::simd::Simd;

/// Sizes with heads of sixteen columns, and panels that fill no tile.
const SHAPE: &str = r#"{"vocab_size": 50, "hidden_size": 80, "num_hidden_layers": 3, "num_attention_heads": 5,
    "intermediate_size": 112, "max_position_embeddings": 40, "type_vocab_size": 1, "layer_norm_eps": 1e-12,
    "hidden_act": "gelu"}"#;

fn shape() -> Shape {
    serde_json::from_str(SHAPE).expect("a shape")
}

fn random(dims: &[usize], mean: f32, spread: f32) -> Tensor {
    Tensor::randn(mean, spread, dims, &Device::Cpu).expect("random numbers")
}

fn tensors(shape: &Shape) -> HashMap<String, Tensor> {
    let Shape { words, width, layers, inner, positions, types, .. } = *shape;
    let mut tensors = HashMap::new();
    let norm = |into: &mut HashMap<String, Tensor>, name: String| {
        into.insert(format!("{name}.LayerNorm.weight"), random(&[width], 1.0, 0.2));
        into.insert(format!("{name}.LayerNorm.bias"), random(&[width], 0.0, 0.2));
    };
    norm(&mut tensors, "embeddings".to_owned());
    for (name, rows) in [("word", words), ("position", positions), ("token_type", types)] {
        let table = random(&[rows, width], 0.0, 0.5);
        tensors.insert(format!("embeddings.{name}_embeddings.weight"), table);
    }
    for layer in 0..layers {
        let name = format!("encoder.layer.{layer}");
        norm(&mut tensors, format!("{name}.attention.output"));
        norm(&mut tensors, format!("{name}.output"));
        for (part, outputs, inputs) in [
            ("attention.self.query", width, width),
            ("attention.self.key", width, width),
            ("attention.self.value", width, width),
            ("attention.output.dense", width, width),
            ("intermediate.dense", inner, width),
            ("output.dense", width, inner),
        ] {
            tensors.insert(format!("{name}.{part}.weight"), random(&[outputs, inputs], 0.0, 0.1));
            tensors.insert(format!("{name}.{part}.bias"), random(&[outputs], 0.0, 0.1));
        }
    }
    tensors
}

/// A safetensors file.
fn file(tensors: &HashMap<String, Tensor>) -> tempfile::NamedTempFile {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, tensor) in tensors.iter().collect::<std::collections::BTreeMap<_, _>>() {
        let start = data.len();
        let flat = tensor.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("floats");
        data.extend(flat.iter().flat_map(|x| x.to_le_bytes()));
        let info = serde_json::json!({
            "dtype": "F32", "shape": tensor.dims(), "data_offsets": [start, data.len()],
        });
        header.insert(name.clone(), info);
    }
    let header = serde_json::to_vec(&header).expect("JSON");
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let length = u64::try_from(header.len()).expect("short").to_le_bytes();
    file.write_all(&[length.as_slice(), &header, &data].concat()).expect("written");
    file
}

#[test]
fn bytes_agree_with_floats_for_models_of_other_sizes() {
    let shape = shape();
    let tensors = tensors(&shape);
    let file = file(&tensors);
    for pooling in [Pooling::Mean, Pooling::Cls] {
        let floats = VarBuilder::from_tensors(tensors.clone(), DType::F32, &Device::Cpu);
        let reference = Reference::from_tensors(&shape, pooling, &floats).expect("a model");
        for simd in Simd::available() {
            let encoder = Encoder::load(file.path(), &shape, pooling, simd).expect("a model");
            let mut scratch = Scratch::default();
            // One scratch for all: what a longer text left must not reach a shorter one.
            for tokens in [40, 1, 17, 3, 33] {
                let ids: Vec<u32> = (0..tokens).map(|token| token * 7 % 50).collect();
                let (mut read, mut expected) = (Vec::new(), Vec::new());
                let collect = &mut |_, view| {
                    read.push(Embedding::new(view).expect("a direction"));
                    true
                };
                encoder.forward(&ids, &mut scratch, collect).expect("room");
                let ran = reference.forward(&ids, &mut |_, view| {
                    expected.push(Embedding::new(view).expect("a direction"));
                    true
                });
                ran.expect("floats");
                assert_eq!((read.len(), expected.len()), (3, 3));
                for (layer, (bytes, float)) in read.iter().zip(&expected).enumerate() {
                    let cosine = bytes.cosine(float);
                    let place = format!("{tokens} tokens, layer {layer}, {}", simd.name());
                    assert!(cosine > 0.995, "{cosine}: {place}, {pooling:?}");
                }
            }
        }
    }
}

#[test]
fn tokens_without_a_place_are_refused() {
    let shape = shape();
    let file = file(&tensors(&shape));
    let encoder = Encoder::load(file.path(), &shape, Pooling::Mean, Simd::best()).expect("a model");
    let refused = |ids: &[u32]| {
        encoder.forward(ids, &mut Scratch::default(), &mut |_, _| true).expect_err("no place");
    };
    refused(&[]);
    refused(&[50]);
    refused(&[0, u32::MAX]);
    refused(&[1; 41]);
}

#[test]
fn sizes_that_fit_no_lanes_and_missing_tensors_are_refused() {
    let mut tensors = tensors(&shape());
    tensors.remove("encoder.layer.2.output.dense.bias");
    let whole = file(&tensors);
    let load = |shape: &Shape| Encoder::load(whole.path(), shape, Pooling::Mean, Simd::best());
    let missing = load(&shape()).expect_err("a tensor is missing").to_string();
    assert!(missing.contains("`encoder.layer.2.output.dense.bias`"), "{missing}");
    let uneven = load(&Shape { width: 72, ..shape() }).expect_err("no lanes").to_string();
    assert_eq!(uneven, "hidden_size is 72; it has to be a multiple of 80");
    let other = load(&Shape { inner: 128, ..shape() }).expect_err("another shape");
    assert!(matches!(other, WeightsError::Tensor { .. }), "{other}");
    let all = Weights::open(whole.path()).and_then(|mut weights| weights.all());
    assert_eq!(all.expect("tensors").len(), tensors.len());
}
