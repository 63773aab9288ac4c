//! Permits of the whole table: ten thousand schedules, and slots that are never lost.

use std::time::Duration;

use super::*;
use crate::config::{Abilities, Credential, Dialect, Provider};
use crate::health::{Outcome, Shut};

const LIMITS: config::Breaker = config::Breaker {
    failures: 3,
    open: Duration::from_secs(2),
    open_max: Duration::from_secs(60),
};

fn target(name: &str) -> Arc<Target> {
    let url = format!("http://{name}/v1");
    let provider = Provider::new(name, Dialect::OpenAi, &url, Credential::NotNeeded);
    Arc::new(Target::new(Arc::new(provider), "model", Arc::new(Abilities::default())))
}

fn is_full(table: &HealthTable, target: &Target, now: Instant) -> bool {
    let board = table.board.lock();
    board.deployments.get(&target.scopes.deployment).is_some_and(|known| known.limit.is_full(now))
}

fn outcome(dice: &mut fastrand::Rng) -> Outcome {
    match dice.u8(..10) {
        0 => Outcome::RateLimited { retry_after: None },
        1 => Outcome::RateLimited { retry_after: Some(Duration::from_secs(1)) },
        2 => Outcome::Overloaded,
        3 => Outcome::ServerError,
        4 => Outcome::ClientGone,
        _ => Outcome::Served,
    }
}

/// Permits are taken, begin, end and are dropped in every order, over reloads that forget the target: what is counted is always what is
/// out, and at the end everything is free again.
fn check(seed: u64) {
    let (mut dice, target) = (fastrand::Rng::with_seed(seed), target("a"));
    let table = HealthTable::new(LIMITS, std::iter::once(&target));
    let mut now = Instant::now();
    let mut out: Vec<Permit> = Vec::new();
    let count = || {
        let board = table.board.lock();
        board.deployments.get(&target.scopes.deployment).map_or(0, |known| known.limit.in_flight())
    };
    let mut forgotten = 0;
    for _ in 0..dice.usize(10..200) {
        now += Duration::from_millis(dice.u64(..200));
        match dice.u8(..12) {
            0..=6 => {
                let full = is_full(&table, &target, now);
                let permit = table.admit(&target, Entry::Regular, now);
                assert!(!(full && permit.is_some()), "seed {seed}: beyond the limit");
                out.extend(permit);
            }
            7 | 8 if !out.is_empty() => {
                let permit = out.swap_remove(dice.usize(..out.len()));
                permit.record(outcome(&mut dice), now);
            }
            9 if !out.is_empty() => drop(out.swap_remove(dice.usize(..out.len()))),
            10 if !out.is_empty() => {
                let place = dice.usize(..out.len());
                out[place].began(now);
            }
            11 if dice.u8(..20) == 0 => {
                table.list(LIMITS, std::iter::empty());
                table.list(LIMITS, std::iter::once(&target));
                forgotten += out.len();
                out.drain(..).for_each(drop);
            }
            _ => {}
        }
        assert_eq!(count(), out.len(), "seed {seed}, {forgotten} forgotten");
    }
    out.drain(..).for_each(|permit| permit.record(outcome(&mut dice), now));
    assert_eq!(count(), 0, "seed {seed}: a slot leaked");
    let later = now + Duration::from_secs(600);
    assert!(table.admit(&target, Entry::Regular, later).is_some(), "seed {seed}: a black hole");
}

#[tokio::test]
async fn no_schedule_leaks_a_slot() {
    (0..10_000).for_each(check);
}

/// In a crowd a rate limit without a time means too many at once; alone it shuts the target. Either way the next request is not given
/// to it at once.
#[tokio::test]
async fn one_too_many_lowers_the_limit_and_shuts_nobody() {
    let (target, now) = (target("a"), Instant::now());
    let table = HealthTable::new(LIMITS, std::iter::once(&target));
    let admit = || table.admit(&target, Entry::Regular, now);
    let mut out: Vec<Permit> = (0..50).filter_map(|_| admit()).collect();
    let refused = Outcome::RateLimited { retry_after: None };
    out.pop().into_iter().for_each(|permit| permit.record(refused, now));
    assert_eq!((table.standing(&target, now), out.len()), (Standing::Ready, 49));
    assert!(admit().is_none() && is_full(&table, &target, now));
    out.drain(..).for_each(|permit| permit.record(Outcome::Served, now));
    admit().into_iter().for_each(|permit| permit.record(refused, now));
    assert!(matches!(table.standing(&target, now), Standing::Shut { why: Shut::RateLimited, .. }));
}

/// What says that nothing is left stands behind until then, and at most five minutes.
#[tokio::test]
async fn a_rest_ends_by_itself_and_is_no_failure() {
    let (target, now) = (target("a"), Instant::now());
    let table = HealthTable::new(LIMITS, std::iter::once(&target));
    for (wait, lasts) in [(2, 2), (1_000_000, 300), (1, 300)] {
        table.rest(&target, Some(Duration::from_secs(wait)), now);
        let until = now + Duration::from_secs(lasts);
        assert_eq!(table.standing(&target, now), Standing::Shut { until, why: Shut::Exhausted });
        assert_eq!(table.standing(&target, until), Standing::Ready);
        assert!(table.admit(&target, Entry::Regular, now).is_some(), "asked all the same");
    }
    table.rest(&target, None, now);
    let end = now + Duration::from_secs(300);
    assert_eq!(table.standing(&target, end), Standing::Ready);
}
