//! An embedder on another machine: any server that answers `POST /embeddings` as OpenAI does, so that a whole fleet can share
//! one with a GPU.
//!
//! Only the words of the exchange are here. How they travel is given from outside, and so are the tests' servers.

use serde::Deserialize;
use serde_json::json;

use super::{EmbedError, Embedder, Embedding, Features};

/// Sends the body of a request and waits for the body of its answer; an error is said in words.
pub type Ask = dyn Fn(String) -> Result<String, String> + Send + Sync;

/// A model behind a server.
pub struct Remote {
    ask: Box<Ask>,
    model: String,
    stops: [usize; 1],
    fingerprint: String,
}

/// The part of an answer that is read.
#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    embedding: Vec<f32>,
}

impl Remote {
    /// The model called `model` behind a server, whose vectors have so many dimensions. `address` only tells servers apart.
    #[must_use]
    pub fn new(address: &str, model: &str, dimensions: usize, ask: Box<Ask>) -> Self {
        let fingerprint = format!("remote/{address}/{model}/{dimensions}");
        Self { ask, model: model.to_owned(), stops: [dimensions], fingerprint }
    }

    /// What is wrong never shows the answer's text: servers repeat what they were asked.
    fn parse(&self, answer: &str) -> Result<Embedding, String> {
        let answer: Answer = serde_json::from_str(answer).map_err(|error| {
            format!("its answer is no list of vectors (column {})", error.column())
        })?;
        let [Row { embedding }] = answer.data.as_slice() else {
            return Err(format!("it gave {} vectors for one text", answer.data.len()));
        };
        let [wanted] = self.stops;
        if embedding.len() != wanted {
            let found = embedding.len();
            return Err(format!(
                "its vectors have {found} dimensions and not {wanted}; correct `dimensions`"
            ));
        }
        Embedding::new(embedding.clone())
            .map_err(|_degenerate| "its vector has no direction".to_owned())
    }
}

impl Embedder for Remote {
    fn stops(&self) -> &[usize] {
        &self.stops
    }

    fn read(
        &self,
        text: &str,
        _enough: &mut dyn FnMut(&[f32]) -> bool,
    ) -> Result<Features, EmbedError> {
        let body = json!({ "model": self.model, "input": text, "encoding_format": "float" });
        let vector = (self.ask)(body.to_string()).and_then(|answer| self.parse(&answer));
        let failed =
            |reason| EmbedError::Model { reason: format!("the remote embedder: {reason}") };
        vector.map(Features::from).map_err(failed)
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: Result<&str, &str>) -> Result<Features, EmbedError> {
        let answer = answer.map(str::to_owned).map_err(str::to_owned);
        let ask = move |body: String| {
            let body: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(body["model"], "m");
            assert_eq!(body["input"], "hi \"there\"");
            answer.clone()
        };
        Remote::new("http://x/v1", "m", 2, Box::new(ask)).read_fully("hi \"there\"")
    }

    fn refused(answer: Result<&str, &str>, expected: &str) {
        let error = read(answer).expect_err(expected).to_string();
        assert!(error.contains("remote embedder") && error.contains(expected), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_vector_is_taken_and_made_one_long() {
        let answer = r#"{"object":"list","data":[{"index":0,"embedding":[3.0,4]}],"usage":{}}"#;
        assert_eq!(read(Ok(answer)).expect("features").as_slice(), [0.6, 0.8]);
    }

    #[test]
    fn everything_else_is_refused() {
        refused(Err("it answered 401"), "it answered 401");
        refused(Ok(""), "no list of vectors");
        refused(Ok(r#"{"error":{"message":"secret"}}"#), "no list of vectors");
        refused(Ok(r#"{"data":[{"embedding":"c2VjcmV0"}]}"#), "no list of vectors");
        refused(Ok(r#"{"data":[{"embedding":[1,null]}]}"#), "no list of vectors");
        refused(Ok(r#"{"data":[]}"#), "0 vectors for one text");
        refused(Ok(r#"{"data":[{"embedding":[1,2]},{"embedding":[1,2]}]}"#), "2 vectors");
        refused(Ok(r#"{"data":[{"embedding":[1,2,3]}]}"#), "3 dimensions and not 2");
        refused(Ok(r#"{"data":[{"embedding":[0,0]}]}"#), "no direction");
        refused(Ok(r#"{"data":[{"embedding":[1e39,1]}]}"#), "");
    }

    #[test]
    fn servers_models_and_lengths_have_fingerprints_of_their_own() {
        let print = |address: &str, model: &str, dimensions| {
            let remote = Remote::new(address, model, dimensions, Box::new(Ok));
            remote.fingerprint().to_owned()
        };
        let all = [print("a", "m", 2), print("b", "m", 2), print("a", "n", 2), print("a", "m", 3)];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one));
        }
    }
}
