//! Which providers fail, how, and for how long: a schedule that a seed decides. Computes only.

use std::ops::Range;

use serde::Serialize;

/// How many providers there are.
pub(super) const PROVIDERS: usize = 4;
/// Most of them that fail at once: one always answers, so that no request may be lost.
pub(super) const FAILING_MAX: usize = PROVIDERS - 1;
/// About how many spells a run has.
const SPELLS: u32 = 120;
/// Requests of a spell, so that a breaker can trip in it.
const SPELL_REQUESTS_MIN: u32 = 16;

/// How a provider fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fault {
    /// The connection is reset when the request has come.
    Reset,
    /// Nobody listens.
    Refused,
    /// 503 without a hint.
    Unavailable,
    /// 429 with a hint.
    RateLimited,
    /// 500 with a page for browsers.
    ServerError,
    /// Takes the request and never answers.
    Hang,
    /// The head comes at once, the first token too late; an unstreamed answer comes too late as a whole.
    SlowStart,
    /// 200, and the first event is an error; unstreamed, the body is one.
    InBandError,
    /// 200 with a page for browsers.
    Garbage,
}

impl Fault {
    pub(super) const ALL: [Self; 9] = [
        Self::Reset,
        Self::Refused,
        Self::Unavailable,
        Self::RateLimited,
        Self::ServerError,
        Self::Hang,
        Self::SlowStart,
        Self::InBandError,
        Self::Garbage,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Refused => "refused",
            Self::Unavailable => "503",
            Self::RateLimited => "429",
            Self::ServerError => "500",
            Self::Hang => "hang",
            Self::SlowStart => "slow_start",
            Self::InBandError => "in_band_error",
            Self::Garbage => "garbage",
        }
    }
}

/// What is wrong with each provider.
pub(super) type Faults = [Option<Fault>; PROVIDERS];

/// Some requests during which nothing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) requests: Range<u32>,
    pub(super) faults: Faults,
}

impl Spell {
    pub(super) fn failing(&self) -> usize {
        self.faults.iter().flatten().count()
    }
}

/// The spells of a run. Ways to fail, how many fail and which ones are each dealt like cards, so that a short run has all of them
/// too.
pub(super) fn schedule(requests: u32, seed: u64) -> Vec<Spell> {
    let mut chance = Chance(seed);
    let mut ways = Deck::new(&Fault::ALL);
    let mut counts = Deck::new(&(1..=FAILING_MAX).collect::<Vec<usize>>());
    let mut providers = Deck::new(&(0..PROVIDERS).collect::<Vec<usize>>());
    let length = (requests / SPELLS).max(SPELL_REQUESTS_MIN);
    let (mut spells, mut begin) = (Vec::new(), 0);
    while begin < requests {
        let end = begin.saturating_add(length).min(requests);
        let mut faults = [None; PROVIDERS];
        for _ in 0..counts.deal(&mut chance).unwrap_or(1) {
            // A provider that is dealt twice in a row would make fewer fail than were meant to.
            let free = std::iter::repeat_with(|| providers.deal(&mut chance)).take(2 * PROVIDERS);
            let free = free.flatten().find(|who| faults.get(*who) == Some(&None));
            if let Some(fault) = free.and_then(|who| faults.get_mut(who)) {
                *fault = ways.deal(&mut chance);
            }
        }
        spells.push(Spell { requests: begin..end, faults });
        begin = end;
    }
    spells
}

/// Cards that are all dealt once before any is dealt again.
struct Deck<T> {
    all: Vec<T>,
    left: Vec<T>,
}

impl<T: Copy> Deck<T> {
    fn new(all: &[T]) -> Self {
        Self { all: all.to_vec(), left: Vec::new() }
    }

    fn deal(&mut self, chance: &mut Chance) -> Option<T> {
        if self.left.is_empty() {
            self.left.clone_from(&self.all);
        }
        let card = chance.below(self.left.len());
        (card < self.left.len()).then(|| self.left.swap_remove(card))
    }
}

/// `SplitMix64`: the same numbers for the same seed on every machine.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(mixed % limit).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        assert_eq!(schedule(5_000, 7), schedule(5_000, 7));
        assert_ne!(schedule(5_000, 7), schedule(5_000, 8));
    }

    #[test]
    fn every_way_to_fail_and_every_count_occurs_and_one_provider_always_answers() {
        for (requests, seed) in [(200, 1), (400, 2), (20_000, 1), (20_000, 9)] {
            let spells = schedule(requests, seed);
            let failing: Vec<usize> = spells.iter().map(Spell::failing).collect();
            assert!(failing.iter().all(|count| (1..=FAILING_MAX).contains(count)), "{failing:?}");
            assert!((1..=FAILING_MAX).all(|count| failing.contains(&count)), "{failing:?}");
            for fault in Fault::ALL {
                let has = spells.iter().any(|spell| spell.faults.contains(&Some(fault)));
                assert!(has, "{requests} requests, seed {seed}: {fault:?}");
            }
            for who in 0..PROVIDERS {
                let states = || spells.iter().map(|spell| spell.faults[who]);
                assert!(states().any(|state| state.is_some()) && states().any(|s| s.is_none()));
            }
        }
    }

    #[test]
    fn spells_cover_the_requests_without_a_gap() {
        for requests in [1, 16, 17, 400, 20_000, 20_001] {
            let spells = schedule(requests, 3);
            let all: Vec<u32> = spells.into_iter().flat_map(|spell| spell.requests).collect();
            assert_eq!(all, (0..requests).collect::<Vec<u32>>());
        }
    }
}
