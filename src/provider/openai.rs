//! OpenAI's chat completions. Our callers speak it too, so a request is the caller's own fields with two changes.

use bytes::Bytes;

use crate::chat::ChatRequest;

/// The caller's body for another model. Fields keep their order and their text, known to us or not.
///
/// A streamed request also asks for the token counts, which the receipt needs; they are kept from a caller who did not.
pub(super) fn encode(chat: &ChatRequest, model: &str) -> Bytes {
    let mut body = String::with_capacity(1024);
    let mut asked_for_usage = false;
    for (name, value) in
        chat.written(crate::chat::Surface::Chat).into_iter().flat_map(crate::chat::Fields::iter)
    {
        body.push(if body.is_empty() { '{' } else { ',' });
        push_string(&mut body, name);
        body.push(':');
        match name {
            "model" => push_string(&mut body, model),
            "stream_options" if chat.stream() => {
                asked_for_usage = true;
                body.push_str(&with_usage(value));
            }
            _ => body.push_str(value),
        }
    }
    if chat.stream() && !asked_for_usage {
        body.push_str(r#","stream_options":{"include_usage":true}"#);
    }
    body.push('}');
    Bytes::from(body)
}

/// The caller's stream options with `include_usage` on.
fn with_usage(written: &str) -> String {
    let mut options: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(written).unwrap_or_default();
    options.insert("include_usage".to_owned(), true.into());
    serde_json::Value::Object(options).to_string()
}

fn push_string(body: &mut String, text: &str) {
    body.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        let chat = crate::chat::parse(body.as_bytes()).expect("a good body");
        let encoded = encode(&chat, "m\"1");
        assert_eq!(std::str::from_utf8(&encoded).expect("UTF-8"), expected);
    }

    #[test]
    fn only_the_model_changes() {
        check(
            r#"{ "x_new": {"a": [1.0, 2e3]}, "model":"auto", "messages":[{"role":"user","content":"é"}], "n": null}"#,
            r#"{"x_new":{"a": [1.0, 2e3]},"model":"m\"1","messages":[{"role":"user","content":"é"}],"n":null}"#,
        );
    }

    #[test]
    fn a_stream_always_asks_for_usage() {
        check(
            r#"{"model":"auto","messages":[{"role":"user","content":"x"}],"stream":true}"#,
            r#"{"model":"m\"1","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}"#,
        );
        check(
            r#"{"model":"auto","stream":true,"stream_options":{"include_usage":false,"x":1},"messages":[{"role":"user","content":"x"}]}"#,
            r#"{"model":"m\"1","stream":true,"stream_options":{"include_usage":true,"x":1},"messages":[{"role":"user","content":"x"}]}"#,
        );
    }
}
