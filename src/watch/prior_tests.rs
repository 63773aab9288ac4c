//! When a provider is doubted, and that no schedule of observations doubts it for longer than it should.

use proptest::prelude::*;

use super::*;

const HOLDS: Duration = Duration::from_secs(90);
const NOBODY: Traffic = Traffic { last_success: None, in_a_row: 0 };

fn at(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

/// Observations at seconds, and what is doubted at a last second.
fn check(
    seen: &[(u64, Source, Seen)],
    then: u64,
    traffic: Option<(u64, u32)>,
    expected: Option<Doubt>,
) {
    let start = Instant::now();
    let mut prior = Prior::default();
    for (second, source, what) in seen {
        let observation = Observation { source: *source, seen: *what, holds: HOLDS };
        prior.observe(observation, at(start, *second));
    }
    let traffic = traffic.map_or(NOBODY, |(second, in_a_row)| Traffic {
        last_success: Some(at(start, second)),
        in_a_row,
    });
    assert_eq!(prior.standing(traffic, at(start, then)), expected, "{seen:?} {then} {traffic:?}");
}

const FAILED: Seen = Seen::Failed;
const ANSWERED: Seen = Seen::Answered(Duration::from_millis(5));
const MINOR: Seen = Seen::Told(Condition::Minor);
const MAJOR: Seen = Seen::Told(Condition::Major);

#[test]
fn two_failures_in_a_row_are_doubted_and_one_answer_ends_it() {
    let source = Source::HealthCheck;
    check(&[], 0, None, None);
    check(&[(0, source, FAILED)], 1, None, None);
    check(&[(0, source, FAILED), (30, source, FAILED)], 30, None, Some(Doubt::HealthCheck));
    check(&[(0, source, FAILED), (30, source, ANSWERED), (60, source, FAILED)], 60, None, None);
    let ended = [(0, source, FAILED), (30, source, FAILED), (60, source, ANSWERED)];
    check(&ended, 60, None, None);
    // One of each source is not two of one.
    check(
        &[(0, source, FAILED), (0, Source::Probe, FAILED), (0, Source::Feed, MAJOR)],
        1,
        None,
        None,
    );
}

#[test]
fn a_doubt_runs_out() {
    let twice = [(0, Source::Probe, FAILED), (30, Source::Probe, FAILED)];
    check(&twice, 119, None, Some(Doubt::Probe));
    check(&twice, 120, None, None);
    // What comes after a silence is not in a row with what was before.
    let late =
        [(0, Source::Probe, FAILED), (30, Source::Probe, FAILED), (120, Source::Probe, FAILED)];
    check(&late, 121, None, None);
}

#[test]
fn answers_overrule() {
    let minor = [(0, Source::Feed, MINOR), (60, Source::Feed, MINOR)];
    check(&minor, 70, None, Some(Doubt::FeedMinor));
    check(&minor, 70, Some((65, 1)), None);
    check(&minor, 70, Some((65, 0)), Some(Doubt::FeedMinor));
    let major = [(0, Source::Feed, MINOR), (60, Source::Feed, MAJOR)];
    check(&major, 70, Some((65, 1)), Some(Doubt::FeedMajor));
    check(&major, 70, Some((65, 2)), Some(Doubt::FeedMajor));
    check(&major, 70, Some((65, 3)), None);
    // An answer from before the trouble says nothing of it, and an old one speaks for nobody.
    let later = [(30, Source::Feed, MINOR), (60, Source::Feed, MINOR)];
    check(&later, 70, Some((29, 9)), Some(Doubt::FeedMinor));
    check(&later, 100, Some((40, 9)), Some(Doubt::FeedMinor));
    check(&later, 99, Some((40, 9)), None);
    let checks = [(0, Source::HealthCheck, FAILED), (30, Source::HealthCheck, FAILED)];
    check(&checks, 40, Some((35, 2)), Some(Doubt::HealthCheck));
    check(&checks, 40, Some((35, 3)), None);
}

#[test]
fn the_latency_is_the_median_of_the_latest_probes() {
    let start = Instant::now();
    let mut prior = Prior::default();
    assert_eq!(prior.latency(start), None);
    let probe = |seen| Observation { source: Source::Probe, seen, holds: HOLDS };
    for milliseconds in [900, 800, 1, 2, 3, 4, 50, 60, 70, 80] {
        prior.observe(probe(Seen::Answered(Duration::from_millis(milliseconds))), start);
    }
    // The first two are too long ago.
    assert_eq!(prior.latency(start), Some(Duration::from_millis(50)));
    assert_eq!(prior.latency(at(start, 89)), Some(Duration::from_millis(50)));
    assert_eq!(prior.latency(at(start, 90)), None, "too old");
    prior.observe(probe(FAILED), start);
    assert_eq!(prior.latency(start), None);
    prior.observe(probe(ANSWERED), start);
    assert!(prior.latency(start).is_some());
    prior.forget(Source::Probe);
    assert_eq!(prior.latency(start), None);
    let health = Observation { source: Source::HealthCheck, seen: ANSWERED, holds: HOLDS };
    prior.observe(health, start);
    assert_eq!(prior.latency(start), None, "another page is another way");
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let told = prop_oneof![Just(Condition::Well), Just(Condition::Minor), Just(Condition::Major)];
    prop_oneof![
        told.prop_map(Seen::Told),
        (0_u64..10_000).prop_map(|ms| Seen::Answered(Duration::from_millis(ms))),
        Just(Seen::Failed),
    ]
}

type Look = (u64, usize, Seen, u64);

/// Waits before it, sources, what was seen and for how long it holds.
fn any_looks() -> impl Strategy<Value = Vec<Look>> {
    proptest::collection::vec((0_u64..200, 0_usize..3, any_seen(), 0_u64..400), 0..60)
}

fn any_traffic() -> impl Strategy<Value = Option<(u64, u32)>> {
    proptest::option::of((0_u64..12_000, 0_u32..6))
}

fn is_bad(seen: Seen) -> bool {
    match seen {
        Seen::Failed | Seen::Told(Condition::Minor | Condition::Major) => true,
        Seen::Answered(_) | Seen::Told(Condition::Well) => false,
    }
}

proptest! {
    /// Nobody is doubted without two bad observations of one source in a row, nor after the last one has run out; and however
    /// bad they are, three fresh answers clear any doubt.
    #[test]
    fn no_schedule_doubts_without_cause_or_for_ever(looks in any_looks(), traffic in any_traffic()) {
        let start = Instant::now();
        let mut prior = Prior::default();
        let mut second = 0;
        let mut row = [0_u32; 3];
        let mut silent_from = 0;
        for (wait, source, seen, holds) in looks {
            second += wait;
            let holds_for = Duration::from_secs(holds);
            let observation = Observation { source: Source::ALL[source], seen, holds: holds_for };
            prior.observe(observation, at(start, second));
            silent_from = silent_from.max(second + holds);
            row[source] = if is_bad(seen) { row[source] + 1 } else { 0 };
            let now = at(start, second);
            let traffic = traffic.map_or(NOBODY, |(at_second, in_a_row)| Traffic {
                last_success: Some(at(start, at_second)),
                in_a_row,
            });
            let may_be = row.iter().any(|times| *times >= BELIEVED);
            prop_assert!(may_be || prior.standing(traffic, now).is_none(), "{row:?}");
            let answered = Traffic { last_success: Some(now + Duration::from_nanos(1)), in_a_row: ANSWERS };
            prop_assert_eq!(prior.standing(answered, now + Duration::from_nanos(1)), None);
            // Traffic only ever clears.
            prop_assert!(prior.standing(traffic, now).is_none() || prior.standing(NOBODY, now).is_some());
        }
        for later in [0, 1, 1_000_000] {
            prop_assert_eq!(prior.standing(NOBODY, at(start, silent_from + later)), None);
            prop_assert_eq!(prior.latency(at(start, silent_from + later)), None);
        }
    }

    /// After a good observation a source is not doubted, whatever came before.
    #[test]
    fn one_good_observation_clears(looks in any_looks()) {
        let start = Instant::now();
        let mut prior = Prior::default();
        let mut second = 0;
        for (wait, source, seen, holds) in looks {
            second += wait;
            let holds = Duration::from_secs(holds);
            prior.observe(Observation { source: Source::ALL[source], seen, holds }, at(start, second));
        }
        for source in Source::ALL {
            prior.observe(Observation { source, seen: ANSWERED, holds: HOLDS }, at(start, second));
        }
        prop_assert_eq!(prior.standing(NOBODY, at(start, second)), None);
        prop_assert!(prior.round_trips.len() <= ROUND_TRIPS_MAX);
    }
}
