//! A plain HTTP caller, for what the official client would hide.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    headers: reqwest::header::HeaderMap,
}

impl Answer {
    /// Reads a response.
    pub(crate) async fn read(mut response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            body.extend_from_slice(&piece);
        }
        Self { status, body: String::from_utf8(body).unwrap(), headers }
    }

    /// The header `x-semroute-<name>`, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> String {
        let value = self.headers.get(format!("x-semroute-{name}"));
        value.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A chat request with one user turn.
pub(crate) fn chat(text: &str) -> Value {
    json!({"model": "auto", "messages": [{"role": "user", "content": text}]})
}

/// Posts a body and reads the whole response.
pub(crate) async fn post(url: &str, body: &Value) -> Answer {
    Answer::read(request(url, body).send().await.unwrap()).await
}

/// Gets a page.
pub(crate) async fn get(url: &str) -> Answer {
    Answer::read(client().get(url).send().await.unwrap()).await
}

/// A request that has not been sent.
pub(crate) fn request(url: &str, body: &Value) -> RequestBuilder {
    client().post(url).header("content-type", "application/json").body(body.to_string())
}

/// A client of its own, for many requests.
pub(crate) fn client() -> reqwest::Client {
    // The client is built without a choice of cryptography; a second choice is refused, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().build().unwrap()
}
