//! The one integration-test binary.

mod fetch;
mod support;
