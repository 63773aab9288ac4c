//! An error, in the shape that a surface's clients look for.

use serde_json::{Value, json};

use super::messages;
use crate::chat::Surface;

/// What is wrong, in OpenAI's four fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Sent with it.
    pub status: u16,
    /// Such as `invalid_request_error`.
    pub kind: String,
    /// Such as `model_not_found`.
    pub code: String,
    /// For the caller to read.
    pub message: String,
    /// The field that is wrong.
    pub param: Option<String>,
}

/// Writes an error.
#[must_use]
pub fn fault(surface: Surface, fault: &Fault, request: &str) -> Value {
    match surface {
        Surface::Chat | Surface::Responses | Surface::Completions => json!({"error": {
            "message": fault.message,
            "type": fault.kind,
            "param": fault.param,
            "code": fault.code,
        }}),
        Surface::Messages => messages::error(fault.status, &fault.code, &fault.message, request),
    }
}

/// The last event of a stream that the gateway itself cuts off. It is an error in every dialect: a clean end would pass for a
/// whole answer.
#[must_use]
pub fn cut_off(surface: Surface, code: &str, message: &str) -> String {
    let cut = Fault {
        status: 500,
        kind: "server_error".to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        param: None,
    };
    let mut data = fault(surface, &cut, "");
    let name = match surface {
        Surface::Chat | Surface::Completions => return format!("data: {data}\n\n"),
        Surface::Messages => "error",
        Surface::Responses => {
            data["type"] = json!("error");
            data["code"] = json!(code);
            data["message"] = json!(message);
            "error"
        }
    };
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_surface_has_its_own_shape() {
        let wrong = Fault {
            status: 429,
            kind: "rate_limit_error".to_owned(),
            code: "rate_limit_exceeded".to_owned(),
            message: "slow down".to_owned(),
            param: None,
        };
        let chat = json!({"error": {"message": "slow down", "type": "rate_limit_error", "param": null, "code": "rate_limit_exceeded"}});
        assert_eq!(fault(Surface::Chat, &wrong, "r"), chat);
        let messages = json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, "request_id": "r"});
        assert_eq!(fault(Surface::Messages, &wrong, "r"), messages);
    }

    #[test]
    fn a_cut_stream_ends_in_an_error_that_clients_of_the_surface_look_for() {
        for (surface, begins) in [
            (Surface::Chat, "data: {\"error\":{"),
            (Surface::Completions, "data: {\"error\":{"),
            (Surface::Messages, "event: error\ndata: {\"error\":{"),
            (Surface::Responses, "event: error\ndata: {"),
        ] {
            let event = cut_off(surface, "server_shutdown", "bye");
            assert!(event.starts_with(begins) && event.ends_with("}\n\n"), "{event}");
            let (_, data) = event.split_once("data: ").expect("data");
            let data: Value = serde_json::from_str(data.trim()).expect("JSON");
            let is_named = matches!(surface, Surface::Messages | Surface::Responses);
            assert_eq!(data["type"] == "error", is_named, "{event}");
            assert!(data["error"].is_object(), "{event}");
        }
    }
}
