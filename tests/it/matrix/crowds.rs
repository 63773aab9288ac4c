//! F48, and what providers say of what is left: crowds that a target does not take, and targets that ask for a rest in time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::{asked, by_default};
use crate::support::{Act, Answer, Gateway, Room, Upstream, chat};

/// Requests a second.
const RATE: u32 = 200;
/// Of them together.
const REQUESTS: u32 = 600;
/// That the fallback takes at once, and how long it has each of them.
const PLACES: usize = 50;
const HELD: Duration = Duration::from_millis(400);
/// Who is turned away learns it within this.
const AT_ONCE: Duration = Duration::from_millis(900);

/// One answer and how long it took.
type Timed = (Answer, Duration);

/// A steady crowd at the gateway, whatever becomes of the requests before.
async fn crowd(gateway: Arc<Gateway>) -> Vec<Timed> {
    let (start, mut callers) = (Instant::now(), JoinSet::new());
    for number in 0..REQUESTS {
        sleep_until(start + Duration::from_secs(1) * number / RATE).await;
        let gateway = Arc::clone(&gateway);
        callers.spawn(async move {
            let asked = Instant::now();
            let answer = gateway.ask(&chat("hi")).await;
            (answer, asked.elapsed())
        });
    }
    callers.join_all().await
}

/// The first target is down and the second one takes fifty at once: it is kept busy, hardly ever refuses, and is not set aside for
/// it; the rest of the callers are turned away with a time.
#[tokio::test]
async fn f48_a_crowd_that_the_fallback_does_not_take() {
    let (room, a) = (Room::of(PLACES), Upstream::always("a", Act::status(503, "")).await);
    let b = Upstream::always("b", Act::answer("b answers").behind_wait(HELD).within(&room)).await;
    let gateway = Arc::new(Gateway::over(&[&a, &b]).await);
    let started = Instant::now();
    let answers = crowd(Arc::clone(&gateway)).await;
    let lasted = started.elapsed();

    let (served, shed): (Vec<Timed>, Vec<Timed>) =
        answers.into_iter().partition(|(answer, _)| answer.status == 200);
    // As much as fifty places can give in the time, less what finding the limit costs.
    let most =
        lasted.as_secs_f64() / HELD.as_secs_f64() * f64::from(u32::try_from(PLACES).unwrap());
    let share = f64::from(u32::try_from(served.len()).unwrap()) / most;
    assert!(share > 0.6, "{} served of {most:.0} that could be, {} shed", served.len(), shed.len());
    assert!(!shed.is_empty(), "nobody was turned away");
    for (answer, took) in &shed {
        assert!(answer.status == 503 || answer.status == 429, "{answer:?}");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!(wait <= 2, "{answer:?}");
        assert!(*took < AT_ONCE, "{took:?}: {answer:?}");
    }
    for (answer, took) in &served {
        assert!(*took < HELD + AT_ONCE, "{took:?}: {answer:?}");
    }
    let refused = b.call_count() - served.len();
    assert!(refused * 8 < b.call_count(), "{refused} of {} refused", b.call_count());
    assert_eq!(gateway.state(&b).await, "ready");
}

/// A target that takes everybody has no limit, however many come at once.
#[tokio::test]
async fn f48_a_crowd_that_is_taken() {
    let a = Upstream::always("a", Act::answer("a answers").behind_wait(HELD)).await;
    let gateway = Arc::new(Gateway::over(&[&a]).await);
    let mut callers = JoinSet::new();
    for _ in 0..300 {
        let gateway = Arc::clone(&gateway);
        callers.spawn(async move { gateway.ask(&chat("hi")).await.status });
    }
    assert_eq!(callers.join_all().await, [200; 300]);
    assert_eq!(a.call_count(), 300);
}

fn left(remaining: &str, reset: &str) -> Act {
    let answer = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"a answers"}}]}"#;
    let headers = [
        ("content-type", "application/json"),
        ("x-ratelimit-remaining-requests", remaining),
        ("x-ratelimit-reset-requests", reset),
    ];
    Act::response(200, &headers, answer)
}

/// A good answer says that nothing is left: the next target is asked until the reset, and then the first one again, as if nothing had
/// been. Alone it is asked all the same.
#[tokio::test]
async fn a_target_that_has_nothing_left_is_asked_after_the_others() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next([left("1", "9s"), left("0", "700ms")]);
    let gateway = Gateway::with(&[&a, &b], by_default).await;
    let said = |answer: Answer| (answer.said(), answer.header("x-semroute-attempts").to_owned());
    let by = |name: &str| (format!("{name} answers"), "1".to_owned());
    assert_eq!(said(gateway.ask(&chat("hi")).await), by("a"));
    assert_eq!(said(gateway.ask(&chat("hi")).await), by("a"));
    assert_eq!(gateway.state(&a).await, "exhausted");
    assert_eq!(said(gateway.ask(&chat("hi")).await), by("b"));
    gateway.until_state(&a, "ready").await;
    assert_eq!(said(gateway.ask(&chat("hi")).await), by("a"));
    assert_eq!(asked(&[&a, &b]), [3, 1]);

    let alone = Upstream::always("a", left("0", "60s")).await;
    let only = Gateway::with(&[&alone], |config: &mut Value| by_default(config)).await;
    for _ in 0..3 {
        assert_eq!(only.ask(&chat("hi")).await.status, 200);
    }
    assert_eq!(alone.call_count(), 3);
}
