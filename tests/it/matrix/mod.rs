//! The fault matrix: what an upstream or a caller may do, one named test each, with both sides' view of it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod answers;
mod before;
mod callers;
mod crowds;
mod health;
mod streams;
mod tls;
mod uploads;

use serde_json::{Value, json};

use crate::support::Upstream;

/// A second try on the same target and rescue after a break, as a tier has them by default.
fn by_default(config: &mut Value) {
    for tier in ["general", "safety"] {
        let tier = config["tiers"][tier].as_object_mut().unwrap();
        tier.remove("patience");
        tier.remove("on_break");
    }
}

/// How often each of them was asked.
fn asked(upstreams: &[&Upstream]) -> Vec<usize> {
    upstreams.iter().map(|upstream| upstream.call_count()).collect()
}

/// The same for a configuration with other timers.
fn with_timers(config: &mut Value, timers: &[(&str, u64)]) {
    by_default(config);
    for (name, milliseconds) in timers {
        config["timers"][*name] = json!(milliseconds);
    }
}
