//! Who is tried first among those that are well.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::Place;
use crate::chat::Needs;
use crate::config::{Order, Target};
use crate::health::Known;

/// Another target has to be faster by this share to be tried first instead.
const FASTER_BY: f64 = 0.15;
/// And by so much.
const FASTER_BY_TIME: Duration = Duration::from_millis(50);
/// Share of the requests with which a target is tried first of which nobody knows how fast it is.
const EXPLORED_UNKNOWN: f32 = 0.2;
/// The same for one of which it was known once.
const EXPLORED: f32 = 0.02;
/// Characters of a token, about.
const TOKEN_CHARS: f64 = 4.0;

/// A target that is well.
pub(super) struct Candidate<'a> {
    pub(super) target: &'a Arc<Target>,
    pub(super) known: Known,
    /// How long the way to its provider takes, where that is measured.
    pub(super) way: Option<Duration>,
    /// Where it is listed.
    pub(super) listed: usize,
}

/// The candidates in the order in which they are tried, each with its reason.
pub(super) fn sort<'a>(
    order: &Order,
    candidates: Vec<Candidate<'a>>,
    needs: &Needs,
    leader: Option<&str>,
    dice: &mut Rng,
) -> Vec<(Candidate<'a>, Place)> {
    match order {
        Order::Fixed => with(candidates, |_| Place::Listed),
        Order::Cheapest => cheapest(candidates, needs),
        Order::Fastest => fastest(candidates, needs, leader, dice),
        Order::Weighted(weights) => drawn(candidates, weights, dice),
    }
}

fn with<'a>(
    candidates: Vec<Candidate<'a>>,
    place: impl Fn(&Candidate<'a>) -> Place,
) -> Vec<(Candidate<'a>, Place)> {
    let placed = candidates.into_iter().map(|candidate| {
        let place = place(&candidate);
        (candidate, place)
    });
    placed.collect()
}

/// Those without a price come last, as listed.
fn cheapest<'a>(mut candidates: Vec<Candidate<'a>>, needs: &Needs) -> Vec<(Candidate<'a>, Place)> {
    let cost = |candidate: &Candidate<'_>| {
        let price = candidate.target.abilities.price;
        price.map(|price| price.of(needs.tokens, needs.answer_tokens))
    };
    let most = |candidate: &Candidate<'_>| cost(candidate).unwrap_or(f64::INFINITY);
    candidates.sort_by(|one, other| most(one).total_cmp(&most(other)));
    with(candidates, |candidate| match cost(candidate) {
        Some(usd) => Place::Cheapest { usd },
        None => Place::Listed,
    })
}

/// Those of which nobody knows how fast they are come last, the nearest provider first, else as listed; now and then one of the others than the first is tried
/// first, or nobody would ever know.
fn fastest<'a>(
    mut candidates: Vec<Candidate<'a>>,
    needs: &Needs,
    leader: Option<&str>,
    dice: &mut Rng,
) -> Vec<(Candidate<'a>, Place)> {
    let time = |candidate: &Candidate<'_>| expected(&candidate.known, needs);
    let most = |candidate: &Candidate<'_>| time(candidate).unwrap_or(Duration::MAX);
    let way = |candidate: &Candidate<'_>| match time(candidate) {
        Some(_) => Duration::ZERO,
        None => candidate.way.unwrap_or(Duration::MAX),
    };
    candidates.sort_by_key(|candidate| (most(candidate), way(candidate)));
    let held = candidates.iter().position(|each| Some(each.target.id.as_str()) == leader);
    if let (Some(held), Some(first)) = (held, candidates.first())
        && most(&candidates[held]) < slightly_more(most(first))
    {
        candidates[..=held].rotate_right(1);
    }
    let mut placed = with(candidates, |candidate| match time(candidate) {
        Some(expected) => Place::Fastest { expected },
        None => Place::Listed,
    });
    let unknown = placed.iter().position(|(candidate, _)| time(candidate).is_none());
    let roll = dice.f32();
    let tried = match unknown {
        Some(unknown) if roll < EXPLORED_UNKNOWN => Some(unknown),
        Some(_) | None if placed.len() > 1 && roll < EXPLORED => Some(dice.usize(1..placed.len())),
        Some(_) | None => None,
    };
    if let Some(tried) = tried.filter(|tried| *tried > 0) {
        placed[..=tried].rotate_right(1);
        placed[0].1 = Place::Explored;
    }
    placed
}

fn slightly_more(time: Duration) -> Duration {
    time.saturating_add(time.mul_f64(FASTER_BY).max(FASTER_BY_TIME))
}

/// Until a usual answer is complete.
fn expected(known: &Known, needs: &Needs) -> Option<Duration> {
    let first = known.figures.first?;
    #[expect(clippy::cast_precision_loss, reason = "tokens of one answer")]
    let chars = needs.answer_tokens as f64 * TOKEN_CHARS;
    let speech = known.figures.speed.map_or(0.0, |speed| chars / f64::from(speed.max(1.0)));
    Some(first + Duration::from_secs_f64(speech))
}

/// By lot without putting back: the second is drawn from who is left.
fn drawn<'a>(
    mut candidates: Vec<Candidate<'a>>,
    weights: &[f32],
    dice: &mut Rng,
) -> Vec<(Candidate<'a>, Place)> {
    let weight = |candidate: &Candidate<'_>| weights.get(candidate.listed).copied().unwrap_or(0.0);
    let mut placed = Vec::with_capacity(candidates.len());
    while !candidates.is_empty() {
        let total: f32 = candidates.iter().map(weight).sum();
        let mut left = dice.f32() * total;
        let found = candidates.iter().position(|candidate| {
            left -= weight(candidate);
            left < 0.0
        });
        // Who has no weight is tried when nobody else is left.
        let candidate = candidates.remove(found.unwrap_or(0));
        placed.push((candidate, Place::Drawn));
    }
    placed
}
