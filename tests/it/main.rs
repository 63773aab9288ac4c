//! The one integration-test binary.

mod failover;
mod fetch;
mod support;
mod surface;
