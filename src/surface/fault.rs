//! An error, in the shape that a surface's clients look for.

use serde_json::{Value, json};

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
        Surface::Messages => json!({
            "type": "error",
            "error": {"type": kind(fault.status), "message": fault.message},
            "request_id": request,
        }),
    }
}

/// Anthropic's word for a status.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        status if status >= 500 => "api_error",
        _ => "invalid_request_error",
    }
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
        assert_eq!(kind(422), "invalid_request_error");
        assert_eq!(kind(502), "api_error");
    }
}
