//! The breaker by example, and under any schedule of events.

use proptest::prelude::*;

use super::*;

const LIMITS: config::Breaker = config::Breaker {
    failures: 3,
    open: Duration::from_secs(2),
    open_max: Duration::from_secs(60),
};

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn tripped(now: Instant) -> Breaker {
    let mut breaker = Breaker::new(LIMITS);
    for _ in 0..LIMITS.failures {
        let ticket = breaker.admit(now, Entry::Regular).expect("closed");
        breaker.on(Event::Failed, ticket, now);
    }
    breaker
}

#[tokio::test]
async fn failures_in_a_row_open_it_and_a_success_between_does_not() {
    let now = Instant::now();
    let mut breaker = Breaker::new(LIMITS);
    for event in [Event::Failed, Event::Failed, Event::Succeeded, Event::Failed, Event::Failed] {
        let ticket = breaker.admit(now, Entry::Regular).expect("closed");
        breaker.on(event, ticket, now);
    }
    assert_eq!(breaker.standing(now), Standing::Ready);
    let until = after(now, 2);
    assert_eq!(tripped(now).standing(now), Standing::Shut { until, why: Shut::Failing });
}

#[tokio::test]
async fn half_open_gives_one_permit_and_a_success_closes() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    assert_eq!(breaker.admit(after(now, 1), Entry::Regular), None);
    let probe = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    assert_eq!(breaker.admit(after(now, 2), Entry::Regular), None);
    breaker.on(Event::Succeeded, probe, after(now, 3));
    assert_eq!(breaker.standing(after(now, 3)), Standing::Ready);
}

#[tokio::test]
async fn each_failed_probe_doubles_the_time_up_to_the_limit() {
    let mut now = Instant::now();
    let mut breaker = tripped(now);
    for seconds in [2, 4, 8, 16, 32, 60, 60] {
        let Standing::Shut { until, .. } = breaker.standing(now) else { panic!("open") };
        assert_eq!(until, after(now, seconds));
        now = until;
        let probe = breaker.admit(now, Entry::Regular).expect("its time is over");
        breaker.on(Event::Failed, probe, now);
    }
}

#[tokio::test]
async fn a_probe_without_a_verdict_gives_its_permit_back() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    let probe = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    breaker.on(Event::Undecided, probe, after(now, 2));
    assert!(breaker.admit(after(now, 2), Entry::Regular).is_some());
}

#[tokio::test]
async fn a_lost_permit_is_free_again_after_its_lease() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    let lost = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    let later = after(now, 2) + LEASE;
    let probe = breaker.admit(later, Entry::Regular).expect("the lease is over");
    breaker.on(Event::Failed, lost, later);
    breaker.on(Event::Succeeded, probe, later);
    assert_eq!(breaker.standing(later), Standing::Ready);
}

#[tokio::test]
async fn results_from_before_a_trip_change_nothing() {
    let now = Instant::now();
    let mut breaker = Breaker::new(LIMITS);
    let early = breaker.admit(now, Entry::Regular).expect("closed");
    for _ in 0..LIMITS.failures {
        let ticket = breaker.admit(now, Entry::Regular).expect("closed");
        breaker.on(Event::Failed, ticket, now);
    }
    breaker.on(Event::Succeeded, early, now);
    assert!(matches!(breaker.standing(now), Standing::Shut { .. }));
    let probe = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    breaker.on(Event::Failed, early, after(now, 2));
    breaker.on(Event::Succeeded, probe, after(now, 2));
    assert_eq!(breaker.standing(after(now, 2)), Standing::Ready);
}

#[tokio::test]
async fn a_rate_limit_holds_as_long_as_it_says_and_no_longer_than_the_limit() {
    for (hint, seconds) in [(Some(7), 7), (None, 5), (Some(0), 1), (Some(1_000_000), 300)] {
        let now = Instant::now();
        let mut breaker = Breaker::new(LIMITS);
        let ticket = breaker.admit(now, Entry::Regular).expect("closed");
        let retry_after = hint.map(Duration::from_secs);
        breaker.on(Event::RateLimited { retry_after }, ticket, now);
        let until = after(now, seconds);
        assert_eq!(breaker.standing(now), Standing::Shut { until, why: Shut::RateLimited });
        assert_eq!(breaker.admit(now, Entry::LastResort), None, "a rate limit is no last resort");
    }
}

#[tokio::test]
async fn the_last_resort_opens_early_for_one_request() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    let probe = breaker.admit(now, Entry::LastResort).expect("last resort");
    assert_eq!(breaker.admit(now, Entry::LastResort), None);
    breaker.on(Event::Succeeded, probe, now);
    assert_eq!(breaker.standing(now), Standing::Ready);
}

/// What a random schedule does next.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit(Entry),
    Tell { which: usize, event: Event },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        Just(Event::Succeeded),
        Just(Event::Failed),
        Just(Event::Undecided),
        (0_u64..400).prop_map(|seconds| Event::RateLimited {
            retry_after: Some(Duration::from_secs(seconds))
        }),
    ];
    let step = prop_oneof![
        (0_u64..90).prop_map(Step::Wait),
        prop_oneof![Just(Entry::Regular), Just(Entry::LastResort)].prop_map(Step::Admit),
        (0_usize..8, event).prop_map(|(which, event)| Step::Tell { which, event }),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    /// Whatever happens: never two live probes, and once everyone is silent the target is tried again.
    #[test]
    fn no_schedule_leaks_the_permit_or_black_holes_the_target(steps in steps()) {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(LIMITS);
        let mut held: Vec<Ticket> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
                Step::Admit(entry) => {
                    let probing = !matches!(breaker.state, State::Closed { .. });
                    if let Some(ticket) = breaker.admit(now, entry) {
                        prop_assert!(!(probing && held.contains(&ticket)), "two live probes");
                        held.push(ticket);
                    }
                }
                Step::Tell { which, event } => {
                    if which < held.len() {
                        let ticket = held.swap_remove(which);
                        breaker.on(event, ticket, now);
                    }
                }
            }
        }
        now += LEASE + *RATE_LIMIT.end() + LIMITS.open_max;
        prop_assert!(breaker.admit(now, Entry::Regular).is_some());
    }
}
