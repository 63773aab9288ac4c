//! The model against vectors made elsewhere, and the index over the shipped examples against an exact search.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use semroute::chat::Prompt;
use semroute::embed::{Embedder, Embedding};
use serde_json::Value;

use crate::shipped::brain;

/// Made by sentence-transformers; the file says with which versions.
const REFERENCE: &str = include_str!("../golden/minilm_reference.json");

#[test]
fn vectors_equal_those_of_sentence_transformers() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let made_with = reference["made_with"].as_str().unwrap();
    assert!(made_with.contains("sentence-transformers"), "{made_with}");
    let rows = reference["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 12);
    for row in rows {
        let text = row["text"].as_str().unwrap();
        let expected: Vec<f32> = serde_json::from_value(row["vector"].clone()).unwrap();
        let cosine = embed(text).cosine(&Embedding::new(expected).unwrap());
        assert!(cosine > 0.9999, "{cosine} for {text:?}");
    }
}

#[test]
fn texts_of_any_size_and_script_are_read() {
    let megabyte = "All work and no play makes Jack a dull boy. ".repeat(23_831);
    assert!(megabyte.len() > 1_000_000);
    for text in [
        megabyte.as_str(),
        &"漢字かな交じり文".repeat(20_000),
        &"👩🏽‍🚀🏳️‍🌈".repeat(10_000),
        &"e\u{301}\u{323}".repeat(10_000),
        &"x".repeat(100_000),
        "\u{0}\u{feff}\u{202e}\u{fffd}",
        "[CLS] [SEP] [MASK] [PAD] [UNK]",
        "?",
    ] {
        let length: f32 = embed(text).as_slice().iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
    }
}

#[test]
fn a_prompt_is_nearest_to_itself_and_nearer_to_its_own_kind() {
    let asked = embed("How do I reverse a linked list in Rust?");
    assert!((asked.cosine(&embed("How do I reverse a linked list in Rust?")) - 1.0).abs() < 1e-5);
    let near = asked.cosine(&embed("Write code that turns a singly linked list around"));
    let far = asked.cosine(&embed("A lullaby about the sea"));
    assert!(near > far + 0.2, "{near} {far}");
}

#[test]
fn the_shipped_examples_are_found_through_the_graph() {
    let index = brain().snapshot.index();
    assert!(index.uses_graph(), "{index:?}");
    assert!(index.recall() >= 0.98, "{}", index.recall());
}

fn embed(text: &str) -> Embedding {
    let prompt = Prompt::new(text).unwrap();
    brain().embedder.embed(prompt.as_str()).unwrap()
}
