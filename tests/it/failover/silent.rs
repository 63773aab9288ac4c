//! A target that hangs, long before anybody's own limit has run out.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Act, Gateway, Upstream, chat, streamed};

/// Answers after which a gateway knows what is usual for a target.
const LEARNT: usize = 25;
/// Far below every limit of one request, which is 2 seconds at least.
const SOON: Duration = Duration::from_millis(1_500);

#[tokio::test]
async fn a_target_that_several_wait_for_in_vain_is_left_by_all_of_them() {
    for body in [chat("hi"), streamed("hi")] {
        let (a, b) = (Upstream::always("a", Act::hang()).await, Upstream::start("b").await);
        a.next((0..LEARNT).map(|_| Act::answer("a answers")));
        let gateway = Arc::new(Gateway::over(&[&a, &b]).await);
        for _ in 0..LEARNT {
            assert_eq!(gateway.ask(&body).await.said(), "a answers");
        }
        let (mut callers, started) = (JoinSet::new(), Instant::now());
        for _ in 0..6 {
            let (gateway, body) = (Arc::clone(&gateway), body.clone());
            callers.spawn(async move { gateway.ask(&body).await });
        }
        while let Some(answer) = callers.join_next().await {
            assert_eq!(answer.unwrap().said(), "b answers");
        }
        assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
        a.until_abandoned(6).await;
        assert_eq!(gateway.state(&a).await, "failing");
        assert_eq!(
            (gateway.ask(&body).await.said().as_str(), a.call_count()),
            ("b answers", LEARNT + 6)
        );
    }
}

#[tokio::test]
async fn one_request_that_takes_long_is_no_reason_to_leave_a_target() {
    let (a, b) = (Upstream::start("a").await, Upstream::start("b").await);
    a.next((0..LEARNT).map(|_| Act::answer("a answers")));
    a.next([Act::default().wait(Duration::from_millis(900))]);
    let gateway = Arc::new(Gateway::over(&[&a, &b]).await);
    for _ in 0..LEARNT {
        gateway.ask(&chat("hi")).await;
    }
    let slow = tokio::spawn({
        let gateway = Arc::clone(&gateway);
        async move { gateway.ask(&chat("hi")).await }
    });
    a.until_called(LEARNT + 1).await;
    for _ in 0..5 {
        assert_eq!(gateway.ask(&chat("hi")).await.said(), "a answers");
    }
    assert_eq!(slow.await.unwrap().said(), "b answers");
    assert_eq!(b.call_count(), 1, "asked after the first one had closed the connection");
}
