//! The breaker by example, and under ten thousand schedules of events.

use super::*;

const LIMITS: config::Breaker = config::Breaker {
    failures: 3,
    open: Duration::from_secs(2),
    open_max: Duration::from_secs(60),
};

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn new() -> Breaker {
    Breaker::new(LIMITS, 1)
}

fn hear(breaker: &mut Breaker, events: &[Event], now: Instant) {
    for event in events {
        let ticket = breaker.admit(now, Entry::Regular).expect("closed");
        breaker.on(*event, ticket, now);
    }
}

fn tripped(now: Instant) -> Breaker {
    let mut breaker = new();
    hear(&mut breaker, &[Event::Failed; 3], now);
    breaker
}

fn until(breaker: &Breaker, now: Instant) -> (Duration, Shut) {
    match breaker.standing(now) {
        Standing::Shut { until, why } => (until - now, why),
        other => panic!("{other:?} instead of shut"),
    }
}

fn probe(breaker: &mut Breaker, event: Event, now: Instant) -> Instant {
    let now = now + until(breaker, now).0;
    let ticket = breaker.admit(now, Entry::Regular).expect("its time is over");
    breaker.on(event, ticket, now);
    now
}

#[tokio::test]
async fn failures_in_a_row_open_it_and_a_success_between_does_not() {
    let now = Instant::now();
    let mut breaker = new();
    let (bad, good) = (Event::Failed, Event::Succeeded);
    hear(&mut breaker, &[bad, bad, good, bad, bad], now);
    assert_eq!(breaker.standing(now), Standing::Ready);
    let (wait, why) = until(&tripped(now), now);
    assert!((1.5..=2.0).contains(&wait.as_secs_f64()) && why == Shut::Failing, "{wait:?}");
}

#[tokio::test]
async fn where_nobody_else_could_answer_more_failures_are_asked_for() {
    let now = Instant::now();
    let mut breaker = new();
    for _ in 0..4 {
        let ticket = breaker.admit(now, Entry::Alone).expect("closed");
        breaker.on(Event::Failed, ticket, now);
    }
    assert_eq!(breaker.standing(now), Standing::Ready);
}

#[tokio::test]
async fn beside_many_answers_three_failures_in_a_row_are_chance() {
    let now = Instant::now();
    for (answers, needed) in [(29, 3), (30, 4), (299, 4), (300, 5)] {
        let mut breaker = new();
        hear(&mut breaker, &vec![Event::Succeeded; answers], now);
        hear(&mut breaker, &vec![Event::Failed; needed - 1], now);
        assert_eq!(breaker.standing(now), Standing::Ready, "{answers}");
        hear(&mut breaker, &[Event::Failed], now);
        until(&breaker, now);
    }
}

#[tokio::test]
async fn every_second_request_failing_opens_it_by_the_ratio() {
    let now = Instant::now();
    let mut breaker = new();
    hear(&mut breaker, &[[Event::Succeeded, Event::Failed]; 4].concat(), now);
    hear(&mut breaker, &[Event::Succeeded], now);
    assert_eq!(breaker.standing(now), Standing::Ready);
    hear(&mut breaker, &[Event::Failed], now);
    until(&breaker, now);
}

/// A probe succeeds, and then every second request fails: it opens by the ratio, each time for longer, and never twice within the
/// shortest time open.
#[tokio::test]
async fn f43_a_target_whose_probes_succeed_and_whose_requests_fail() {
    let start = Instant::now();
    let (mut breaker, mut now) = (tripped(start), start);
    let (mut opened, mut number) = (vec![start], 0);
    while now < after(start, 300) {
        now += Duration::from_millis(50);
        let was_probing = breaker.standing(now) == Standing::Probing;
        let Some(ticket) = breaker.admit(now, Entry::Regular) else { continue };
        number += 1;
        let is_good = was_probing || number % 2 == 0;
        breaker.on(if is_good { Event::Succeeded } else { Event::Failed }, ticket, now);
        if let Standing::Shut { why: Shut::Failing, .. } = breaker.standing(now) {
            opened.push(now);
        }
    }
    let between: Vec<f32> = opened.windows(2).map(|two| (two[1] - two[0]).as_secs_f32()).collect();
    assert!(between.len() > 5, "{between:?}");
    assert!(between.iter().all(|seconds| *seconds >= 1.5), "{between:?}");
    // Two to fifteen seconds open, a quarter less by chance, and half a second of trying.
    assert!(between.iter().skip(4).all(|seconds| *seconds >= 11.0), "{between:?}");
    assert_eq!(breaker.trips(), u32::try_from(opened.len()).unwrap());
}

#[tokio::test]
async fn half_open_gives_one_permit_and_a_success_closes() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    assert_eq!(breaker.admit(after(now, 1), Entry::Regular), None);
    let ticket = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    assert_eq!(breaker.admit(after(now, 2), Entry::Regular), None);
    breaker.on(Event::Succeeded, ticket, after(now, 3));
    assert_eq!(breaker.standing(after(now, 3)), Standing::Ready);
}

#[tokio::test]
async fn a_probe_that_began_to_answer_lets_others_in_and_may_still_fail() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    let early = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    let ticket = breaker.on(Event::Began, early, after(now, 2));
    assert_eq!(breaker.standing(after(now, 2)), Standing::Ready);
    breaker.on(Event::Failed, ticket, after(now, 9));
    hear(&mut breaker, &[Event::Failed; 2], after(now, 9));
    until(&breaker, after(now, 9));
}

#[tokio::test]
async fn each_failed_probe_doubles_the_time_to_a_quarter_minute_and_later_to_the_limit() {
    let mut now = Instant::now();
    let start = now;
    let mut breaker = tripped(now);
    for seconds in [2.0, 4.0, 8.0, 15.0, 15.0, 15.0] {
        let wait = until(&breaker, now).0.as_secs_f64();
        assert!((seconds * 0.75..=seconds).contains(&wait), "{wait} instead of {seconds}");
        now = probe(&mut breaker, Event::Failed, now);
    }
    while now < start + EARLY {
        now = probe(&mut breaker, Event::Failed, now);
    }
    now = probe(&mut breaker, Event::Failed, now);
    assert!(until(&breaker, now).0 > Duration::from_secs(44));
}

#[tokio::test]
async fn an_outage_of_a_minute_is_found_out_by_few_probes_and_soon_over() {
    for seed in 0..1_000 {
        let mut now = Instant::now();
        let end = after(now, 60);
        let mut breaker = Breaker::new(LIMITS, seed);
        hear(&mut breaker, &[Event::Failed; 3], now);
        let mut attempts = 3;
        loop {
            now += until(&breaker, now).0;
            let ticket = breaker.admit(now, Entry::Regular).expect("its time is over");
            if now >= end {
                break;
            }
            breaker.on(Event::Failed, ticket, now);
            attempts += 1;
        }
        assert!(attempts <= 10, "seed {seed}: {attempts} attempts");
        assert!(now - end <= Duration::from_secs(15), "seed {seed}: back after {:?}", now - end);
    }
}

#[tokio::test]
async fn a_clean_minute_shortens_the_next_time() {
    let mut now = Instant::now();
    let mut breaker = tripped(now);
    for _ in 0..3 {
        now = probe(&mut breaker, Event::Failed, now);
    }
    now = probe(&mut breaker, Event::Succeeded, now);
    for (clean, seconds) in [(0, 15.0), (240, 8.0)] {
        let mut again = now + Duration::from_secs(clean);
        let mut next = Breaker {
            rng: breaker.rng.clone(),
            attempts: Window::default(),
            wanted: Window::default(),
            ..breaker
        };
        hear(&mut next, &[Event::Failed; 3], again);
        let wait = until(&next, again).0.as_secs_f64();
        assert!((seconds * 0.75..=seconds).contains(&wait), "{clean}: {wait}");
        again = probe(&mut next, Event::Succeeded, again);
        assert_eq!(next.standing(again), Standing::Ready);
        breaker = next;
    }
}

#[tokio::test]
async fn a_busy_target_that_is_back_gets_a_growing_share() {
    let start = Instant::now();
    let mut breaker = tripped(start);
    let mut now = probe(&mut breaker, Event::Succeeded, start);
    let mut shares = Vec::new();
    for _second in 0..40 {
        let asked = (0..100).filter(|_| breaker.ask(now) == Standing::Ready).count();
        shares.push(asked);
        now += Duration::from_secs(1);
    }
    // The first second may not know yet that it is busy.
    assert!(
        shares[1] < 40 && shares[15] > 30 && shares[15] < 85 && shares[35] == 100,
        "{shares:?}"
    );
}

#[tokio::test]
async fn a_quiet_target_that_is_back_gets_every_request() {
    let start = Instant::now();
    let mut breaker = tripped(start);
    let mut now = probe(&mut breaker, Event::Succeeded, start);
    for _ in 0..20 {
        now += Duration::from_secs(3);
        assert_eq!(breaker.ask(now), Standing::Ready);
    }
}

#[tokio::test]
async fn a_probe_without_a_verdict_gives_its_permit_back() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    probe(&mut breaker, Event::Undecided, now);
    assert!(breaker.admit(after(now, 2), Entry::Regular).is_some());
}

#[tokio::test]
async fn a_lost_permit_is_free_again_after_its_lease() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    let lost = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    let later = after(now, 2) + LEASE;
    let ticket = breaker.admit(later, Entry::Regular).expect("the lease is over");
    breaker.on(Event::Failed, lost, later);
    breaker.on(Event::Succeeded, ticket, later);
    assert_eq!(breaker.standing(later), Standing::Ready);
}

#[tokio::test]
async fn results_from_before_a_trip_change_nothing() {
    let now = Instant::now();
    let mut breaker = new();
    let early = breaker.admit(now, Entry::Regular).expect("closed");
    hear(&mut breaker, &[Event::Failed; 3], now);
    breaker.on(Event::Succeeded, early, now);
    until(&breaker, now);
    let ticket = breaker.admit(after(now, 2), Entry::Regular).expect("its time is over");
    breaker.on(Event::Failed, early, after(now, 2));
    breaker.on(Event::Succeeded, ticket, after(now, 2));
    assert_eq!(breaker.standing(after(now, 2)), Standing::Ready);
}

#[tokio::test]
async fn a_rate_limit_holds_as_long_as_it_says_and_a_tenth_longer_at_most() {
    for (hint, seconds) in [(7, 7.0), (0, 1.0), (1_000_000, 300.0)] {
        let now = Instant::now();
        let mut breaker = new();
        let retry_after = Some(Duration::from_secs(hint));
        hear(&mut breaker, &[Event::RateLimited { retry_after }], now);
        let (wait, why) = until(&breaker, now);
        assert!((seconds..=seconds * 1.1).contains(&wait.as_secs_f64()), "{wait:?}");
        assert_eq!(why, Shut::RateLimited);
        assert_eq!(breaker.admit(now, Entry::LastResort), None, "a rate limit is no last resort");
    }
}

#[tokio::test]
async fn rate_limits_without_a_hint_double() {
    let mut now = Instant::now();
    let mut breaker = new();
    hear(&mut breaker, &[Event::RateLimited { retry_after: None }], now);
    for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        let wait = until(&breaker, now).0.as_secs_f64();
        assert!((seconds * 0.5..=seconds).contains(&wait), "{wait} instead of {seconds}");
        now = probe(&mut breaker, Event::RateLimited { retry_after: None }, now);
    }
}

#[tokio::test]
async fn of_two_rate_limits_that_arrive_together_the_longer_one_holds() {
    let now = Instant::now();
    let mut breaker = new();
    let tickets = [0, 1].map(|_| breaker.admit(now, Entry::Regular).expect("closed"));
    for (ticket, seconds) in tickets.into_iter().zip([2, 60]) {
        let retry_after = Some(Duration::from_secs(seconds));
        breaker.on(Event::RateLimited { retry_after }, ticket, now);
    }
    assert!(until(&breaker, now).0 >= Duration::from_secs(60));
}

#[tokio::test]
async fn a_refused_key_is_left_alone_for_longer_each_time() {
    let mut now = Instant::now();
    let mut breaker = new();
    let refused = Event::Refused(Shut::CredentialRefused);
    hear(&mut breaker, &[refused], now);
    for minutes in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(
            until(&breaker, now),
            (Duration::from_secs(minutes * 60), Shut::CredentialRefused)
        );
        now = probe(&mut breaker, refused, now);
    }
}

#[tokio::test]
async fn the_last_resort_opens_early_for_one_request() {
    let now = Instant::now();
    let mut breaker = tripped(now);
    let ticket = breaker.admit(now, Entry::LastResort).expect("last resort");
    assert_eq!(breaker.admit(now, Entry::LastResort), None);
    breaker.on(Event::Succeeded, ticket, now);
    assert_eq!(breaker.standing(now), Standing::Ready);
}

#[tokio::test]
async fn who_is_disabled_is_never_tried() {
    let now = Instant::now();
    let mut breaker = new();
    breaker.disable();
    assert_eq!(
        (breaker.ask(now), breaker.admit(now, Entry::LastResort)),
        (Standing::Disabled, None)
    );
    breaker.enable();
    assert_eq!(breaker.standing(now), Standing::Ready);
}

/// F43: probes succeed and every second request after them fails.
#[tokio::test]
async fn what_flaps_is_left_alone_for_longer_each_time() {
    let mut now = Instant::now();
    let mut breaker = tripped(now);
    let mut waits = Vec::new();
    for _ in 0..5 {
        waits.push(until(&breaker, now).0);
        now = probe(&mut breaker, Event::Succeeded, now);
        let mut failing = false;
        while breaker.standing(now) == Standing::Ready {
            failing = !failing;
            hear(&mut breaker, &[if failing { Event::Failed } else { Event::Succeeded }], now);
            now += Duration::from_millis(100);
        }
    }
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(1_400)), "{waits:?}");
    assert!(waits.is_sorted() || waits.last() > waits.first(), "{waits:?}");
}

#[tokio::test]
async fn a_day_with_one_error_in_a_hundred_opens_nothing() {
    for (per_second, seed) in [(0.3, 1), (1.0, 2), (20.0, 3)] {
        let start = Instant::now();
        let mut breaker = Breaker::new(LIMITS, seed);
        let mut dice = Rng::with_seed(seed);
        let mut at = 0.0;
        while at < 86_400.0 {
            let now = start + Duration::from_secs_f64(at);
            let event = if dice.f32() < 0.01 { Event::Failed } else { Event::Succeeded };
            hear(&mut breaker, &[event], now);
            assert_eq!(
                breaker.standing(now),
                Standing::Ready,
                "{per_second} a second, seed {seed}"
            );
            at += 1.0 / per_second;
        }
    }
}

/// Whatever happens: never two live probes, a deadline only moves forward while it is open, results of another epoch change nothing,
/// and once everyone is silent the target is tried again. The seed is in the message of what fails.
#[tokio::test]
async fn no_schedule_leaks_the_permit_or_black_holes_the_target() {
    for seed in 0..10_000 {
        schedule(seed);
    }
}

fn schedule(seed: u64) {
    let mut dice = Rng::with_seed(seed);
    let mut now = Instant::now();
    let mut breaker = Breaker::new(LIMITS, seed);
    let mut held: Vec<Ticket> = Vec::new();
    for _ in 0..dice.usize(1..200) {
        match dice.u8(0..4) {
            0 => now += Duration::from_millis(dice.u64(0..90_000)),
            1 => {
                let entry = [Entry::Regular, Entry::Alone, Entry::LastResort][dice.usize(0..3)];
                let is_open = matches!(breaker.state, State::Open { .. } | State::HalfOpen { .. });
                if let Some(ticket) = breaker.admit(now, entry) {
                    let is_second = is_open && held.iter().any(|each| each.epoch == ticket.epoch);
                    assert!(!is_second, "seed {seed}: two live probes");
                    held.push(ticket);
                }
            }
            _ if held.is_empty() => {}
            _ => {
                let ticket = held.swap_remove(dice.usize(0..held.len()));
                let (event, before) = (any_event(&mut dice), breaker.standing(now));
                let is_stale = ticket.epoch != breaker.epoch;
                let told = breaker.on(event, ticket, now);
                if event == Event::Began {
                    held.push(told);
                }
                let after = breaker.standing(now);
                match (before, after) {
                    (Standing::Shut { until: was, .. }, Standing::Shut { until: is, .. }) => {
                        assert!(is >= was, "seed {seed}: a deadline moved back");
                    }
                    _ => {
                        assert!(!is_stale || before == after, "seed {seed}: a late result counted");
                    }
                }
            }
        }
    }
    now += LEASE + *RATE_LIMIT.end() * 2 + REFUSED_MAX;
    assert!(breaker.admit(now, Entry::Regular).is_some(), "seed {seed}: never tried again");
}

fn any_event(dice: &mut Rng) -> Event {
    match dice.u8(0..9) {
        0 | 1 => Event::Succeeded,
        2 | 3 => Event::Failed,
        4 => Event::Undecided,
        5 => Event::Began,
        6 => Event::RateLimited { retry_after: Some(Duration::from_secs(dice.u64(0..400))) },
        7 => Event::RateLimited { retry_after: None },
        _ => {
            let why = [Shut::QuotaGone, Shut::CredentialRefused, Shut::ModelMissing];
            Event::Refused(why[dice.usize(0..3)])
        }
    }
}
