//! The limit by example, and against a target that has one of its own.

use super::*;

/// A limit with so many slots taken.
fn crowd(count: u32, now: Instant) -> (Limit, Vec<Slot>) {
    let mut limit = Limit::new(1);
    let slots = (0..count).map(|_| limit.take(now).unwrap()).collect();
    (limit, slots)
}

/// How many more it lets in.
fn room(limit: &mut Limit, now: Instant) -> u32 {
    let mut more = Vec::new();
    while more.len() < 10_000
        && let Some(slot) = limit.take(now)
    {
        more.push(slot);
    }
    let count = u32::try_from(more.len()).unwrap();
    for slot in more {
        limit.end(slot, Load::Unsaid, now);
    }
    count
}

#[tokio::test]
async fn there_is_no_limit_until_a_target_shows_one() {
    let now = Instant::now();
    let (mut limit, slots) = crowd(5_000, now);
    for slot in slots {
        limit.end(slot, Load::Answered, now);
    }
    assert_eq!(room(&mut limit, now), 10_000);
}

#[tokio::test]
async fn a_sign_in_a_crowd_cuts_the_limit_once() {
    // Under way, what it says, what of it is allowed then, who is to blame.
    for (count, load, allowed, blame) in [
        (100, Load::Refused, 90, Blame::Crowd),
        (100, Load::Overloaded, 50, Blame::Target),
        (1_000, Load::Refused, 900, Blame::Crowd),
        (22, Load::Refused, 20, Blame::Crowd),
        (30, Load::Overloaded, 20, Blame::Target),
        (20, Load::Refused, 10_000, Blame::Target),
        (1, Load::Refused, 10_000, Blame::Target),
        (100, Load::Unsaid, 10_000, Blame::Target),
    ] {
        let now = Instant::now();
        let (mut limit, mut slots) = crowd(count, now);
        assert_eq!(limit.end(slots.pop().unwrap(), load, now), blame, "{count} {load:?}");
        let later = slots.pop().map(|slot| limit.end(slot, load, now));
        assert!(later.is_none_or(|later| later == blame || count < 23), "{count} {load:?}");
        for slot in slots {
            limit.end(slot, Load::Unsaid, now);
        }
        assert_eq!(room(&mut limit, now), allowed, "{count} {load:?}");
    }
}

/// A target that takes fifty at once is kept nearly busy, and few are refused.
#[tokio::test]
async fn the_limit_settles_where_the_target_has_its_own() {
    let (mut limit, mut now) = (Limit::new(1), Instant::now());
    let (mut under_way, mut refused, mut answered) = (Vec::new(), 0, 0);
    for round in 0..200 {
        for slot in under_way.drain(..) {
            limit.end(slot, Load::Answered, now);
        }
        while let Some(slot) = limit.take(now).filter(|_| refused < 1_000) {
            if under_way.len() < 50 {
                under_way.push(slot);
            } else {
                refused += 1;
                limit.end(slot, Load::Refused, now);
            }
        }
        answered += under_way.len();
        now += Duration::from_secs(1);
        assert!(under_way.len() >= 44 || round == 0, "{} in round {round}", under_way.len());
    }
    assert!(refused <= 50, "{refused} refused of {answered}");
}

#[tokio::test]
async fn a_limit_grows_again_and_is_forgotten() {
    let now = Instant::now();
    let (mut limit, mut slots) = crowd(1_000, now);
    limit.end(slots.pop().unwrap(), Load::Overloaded, now);
    for slot in slots {
        limit.end(slot, Load::Answered, now);
    }
    let mut rounds = 0;
    while room(&mut limit, now) < 1_500 {
        let round: Vec<Slot> = std::iter::from_fn(|| limit.take(now)).collect();
        // Whoever waits takes the place of who was answered.
        let mut next = Vec::new();
        for mut slot in round {
            limit.answered(&mut slot);
            limit.end(slot, Load::Answered, now);
            next.extend(std::iter::from_fn(|| limit.take(now)));
        }
        for slot in next {
            limit.end(slot, Load::Unsaid, now);
        }
        rounds += 1;
        assert!(rounds < 60, "{} after {rounds} rounds", room(&mut limit, now));
    }
    assert_eq!(room(&mut limit, now + FORGOTTEN), 10_000);
}

#[tokio::test]
async fn a_slot_of_another_limit_is_not_given_back_here() {
    let now = Instant::now();
    let (mut old, mut new) = (Limit::new(1), Limit::new(2));
    let (left, _kept) = (old.take(now).unwrap(), new.take(now).unwrap());
    new.end(left, Load::Refused, now);
    assert_eq!(new.in_flight, 1);
}
