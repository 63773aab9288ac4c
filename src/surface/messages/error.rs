//! Errors in this surface's shape.

use serde_json::{Value, json};

/// An error body. `status` is the HTTP status that goes with it and `code` the program's own stable word for what happened.
#[must_use]
pub fn error(status: u16, code: &str, message: &str, request_id: &str) -> Value {
    json!({
        "type": "error",
        "error": {"type": kind(status, code), "message": message},
        "request_id": request_id,
    })
}

/// The vendor's word for a status.
fn kind(status: u16, code: &str) -> &'static str {
    match (status, code) {
        (402, _) | (_, "insufficient_quota") => "billing_error",
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        (404, _) => "not_found_error",
        (408 | 504, _) => "timeout_error",
        (413, _) => "request_too_large",
        (429, _) => "rate_limit_error",
        (503 | 529, _) => "overloaded_error",
        (400..=499, _) => "invalid_request_error",
        (_, _) => "api_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_vendors_word() {
        for (status, code, expected) in [
            (400, "invalid_value", "invalid_request_error"),
            (401, "", "authentication_error"),
            (402, "", "billing_error"),
            (429, "insufficient_quota", "billing_error"),
            (403, "", "permission_error"),
            (404, "", "not_found_error"),
            (409, "", "invalid_request_error"),
            (413, "", "request_too_large"),
            (422, "", "invalid_request_error"),
            (429, "", "rate_limit_error"),
            (500, "", "api_error"),
            (502, "", "api_error"),
            (503, "", "overloaded_error"),
            (504, "", "timeout_error"),
            (529, "", "overloaded_error"),
        ] {
            let body = error(status, code, "m", "req_1");
            let inner = json!({"type": expected, "message": "m"});
            let whole = json!({"type": "error", "error": inner, "request_id": "req_1"});
            assert_eq!(body, whole, "{status} {code}");
        }
    }
}
