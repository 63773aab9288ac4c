//! What callers see when providers fail: nothing, as long as one of them answers.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests may fail like tests"
)]

mod committed;
mod health;
mod hung_up;
mod leaks;
mod limits;
mod outcomes;
mod passing;
mod policy;
mod relayed;
mod silent;
mod streamed;
mod whole;

use serde_json::{Value, json};

use crate::support::{Act, Gateway, Upstream};

/// A way to fail, and what `/status` says of a target that fails in this way for the first time, when one failure is enough.
struct Fault {
    name: &'static str,
    act: Act,
    remembered: &'static str,
}

fn fault(name: &'static str, act: Act, remembered: &'static str) -> Fault {
    Fault { name, act, remembered }
}

/// `a` fails, so `b` gives a clean answer, and only `a` is remembered for it.
async fn check(fault: Fault, body: &Value) {
    println!("{} {body}", fault.name);
    let a = Upstream::always("a", fault.act).await;
    check_next(&a, body, (fault.remembered, one_failure_is_enough)).await;
    assert_eq!(a.call_count(), 1);
}

/// The same for one that says nothing, so that a timer has to run out.
async fn check_silent(a: &Upstream, body: &Value) {
    check_next(a, body, ("failing", impatient)).await;
}

async fn check_next(a: &Upstream, body: &Value, how: (&str, fn(&mut Value))) {
    let (remembered, change) = how;
    let b = Upstream::start("b").await;
    let gateway = Gateway::with(&[a, &b], change).await;
    let answer = gateway.ask(body).await;
    assert_eq!((answer.status, answer.said().as_str()), (200, "b answers"), "{answer:?}");
    assert_eq!(answer.header("x-semroute-attempts"), "2");
    assert_eq!(answer.header("x-semroute-target"), "b/model-b");
    if body["stream"] == json!(true) {
        assert_eq!(answer.events().last(), Some(&"[DONE]"));
    }
    assert!(!format!("{answer:?}").contains("key-of-"), "{answer:?}");
    assert_eq!(b.call_count(), 1);
    let states = (gateway.state(a).await, gateway.state(&b).await);
    assert_eq!(states, (remembered.to_owned(), "ready".to_owned()));
}

fn one_failure_is_enough(config: &mut Value) {
    config["breaker"]["failures"] = json!(1);
}

/// The same with timers that a test can wait for; with all others, a busy machine would decide who answers.
fn impatient(config: &mut Value) {
    one_failure_is_enough(config);
    for timer in ["first_content_ms", "idle_ms", "answer_ms"] {
        config["timers"][timer] = json!(300);
    }
}
