//! The HTTP surface as client libraries and strangers meet it.

mod bad_bodies;
mod bad_requests;
mod keys;
mod models;
mod operations;
mod operators;
mod other_dialects;
mod reloads;
mod routing;

/// A response as it came over the socket refuses the request with this status and code.
fn check_raw(response: &str, status: u16, code: &str) {
    let begins = format!("HTTP/1.1 {status} ");
    assert!(response.starts_with(&begins) && response.contains(code), "{response}");
}
