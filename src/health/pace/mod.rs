//! Soft signs: how long a target takes to its first content and to its end, and how fast it speaks, against what it is used to.
//!
//! Kept apart by the length of the prompt, because a long one takes longer to read, and a target that is slow with long ones may be
//! well with short ones. A target that got slow is *degraded*: it stands behind the others, but is asked now and then, and comes back
//! when it answers as it used to. Slowness alone never shuts a target.

mod histogram;
mod track;

use std::time::Duration;

use tokio::time::Instant;

use histogram::Histogram;
use track::Track;

/// Time between two looks at a target's pace.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Answers of the last minute from which on they say something.
const ANSWERS_MIN: f32 = 20.0;
/// The first content is late from so many times the usual p95 on, and at least `LATE_BY` later.
const LATE: f32 = 2.5;
/// In milliseconds.
const LATE_BY: f32 = 1_000.0;
/// It is on time again below this, or `ON_TIME_BY` above the usual.
const ON_TIME: f32 = 1.5;
/// In milliseconds.
const ON_TIME_BY: f32 = 500.0;
/// Speech is slow below this share of the usual median.
const SLOW: f32 = 0.4;
/// And as usual above this one.
const AS_USUAL: f32 = 0.7;
/// Looks in a row that find it slow until it is degraded.
const BAD_LOOKS: u8 = 2;
/// Looks in a row that find it well until it is not.
const GOOD_LOOKS: u8 = 3;
/// How often a degraded target is asked in its old place, to see whether it is back.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Nobody knows whether what was slow so long ago still is.
const FORGOTTEN: Duration = Duration::from_secs(5 * 60);

/// The length of a prompt, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Up to 1,000.
    Short,
    /// Up to 8,000.
    Middling,
    /// Up to 32,000.
    Long,
    /// More.
    Huge,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Short, Self::Middling, Self::Long, Self::Huge];

    /// A stable word for explanations.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Middling => "middling",
            Self::Long => "long",
            Self::Huge => "huge",
        }
    }

    /// Of a prompt of so many tokens.
    #[must_use]
    pub fn of(tokens: u64) -> Self {
        match tokens {
            0..=1_000 => Self::Short,
            1_001..=8_000 => Self::Middling,
            8_001..=32_000 => Self::Long,
            _ => Self::Huge,
        }
    }
}

/// How fast an answer came.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Of a stream, until its first content.
    pub first: Option<Duration>,
    /// Of an answer in one piece, until its end.
    pub whole: Option<Duration>,
    /// Characters a second between the first and the last content of a stream.
    pub speed: Option<f32>,
}

/// How a target stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tempo {
    /// As far as known as fast as ever.
    Usual,
    /// Slower than it used to be.
    Degraded,
    /// The same, but it is time to see whether it still is.
    DueForCheck,
    /// Several requests wait for it much longer than usual, and nobody has had an answer since they began to.
    Silent,
}

/// What a target is expected to take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Figures {
    /// Median until the first content of a stream.
    pub first: Option<Duration>,
    /// Median characters a second.
    pub speed: Option<f32>,
}

/// How one target answers prompts of every length.
#[derive(Debug, Default)]
pub struct Pace {
    lanes: [Option<Box<Lane>>; 4],
}

/// What is remembered of a target over a restart: for each length that it has answered, what it is used to.
pub type Memory = Vec<(u8, [Vec<f32>; 3])>;

impl Pace {
    /// Takes up what was known before a restart.
    #[must_use]
    pub fn recall(memory: Memory) -> Self {
        let mut pace = Self::default();
        for (place, [first, whole, speed]) in memory {
            if let Some(lane) = pace.lanes.get_mut(usize::from(place)) {
                let recall = |counts: Vec<f32>| Track::recall(Histogram::recall(&counts));
                let [first, whole, speed] = [first, whole, speed].map(recall);
                *lane = Some(Box::new(Lane { first, whole, speed, ..Lane::default() }));
            }
        }
        pace
    }

    /// What is to be remembered.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let lanes = (0_u8..).zip(&self.lanes);
        let known = lanes.filter_map(|(place, lane)| Some((place, lane.as_ref()?)));
        known
            .map(|(place, lane)| {
                let tracks = [&lane.first, &lane.whole, &lane.speed];
                (place, tracks.map(|track| track.usual().counts().to_vec()))
            })
            .collect()
    }

    /// Hears how fast an answer came.
    pub fn hear(&mut self, size: Size, sample: Sample, now: Instant) {
        if let Some(lane) = self.lanes.get_mut(size as usize) {
            lane.get_or_insert_default().hear(sample, now);
        }
    }

    /// How it stands with prompts of this length. One request at a time learns that it is due for a check.
    pub fn ask(&mut self, size: Size, now: Instant) -> Tempo {
        self.lane_mut(size).map_or(Tempo::Usual, |lane| lane.ask(now))
    }

    /// Whether it is slower than it used to be, for whoever only looks.
    #[must_use]
    pub fn is_degraded(&self, size: Size) -> bool {
        let lane = self.lanes.get(size as usize).and_then(Option::as_ref);
        lane.is_some_and(|lane| matches!(lane.state, State::Degraded { .. }))
    }

    /// The 95th percentile of what it is used to take until its first content, or until the end of an answer in one piece.
    #[must_use]
    pub fn usual_p95(&self, size: Size, part: Part) -> Option<Duration> {
        let lane = self.lanes.get(size as usize)?.as_ref()?;
        let track = match part {
            Part::First => &lane.first,
            Part::Whole => &lane.whole,
        };
        track.expected(0.95).map(milliseconds)
    }

    /// What it is expected to take.
    pub fn figures(&mut self, size: Size, now: Instant) -> Figures {
        let Some(lane) = self.lane_mut(size) else { return Figures::default() };
        let first = lane.first.typical(now).map(milliseconds);
        Figures { first, speed: lane.speed.typical(now) }
    }

    fn lane_mut(&mut self, size: Size) -> Option<&mut Lane> {
        self.lanes.get_mut(size as usize)?.as_deref_mut()
    }
}

/// Which part of an answer is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first content of a stream.
    First,
    /// All of it.
    Whole,
}

/// Prompts of one length.
#[derive(Debug, Default)]
struct Lane {
    first: Track,
    whole: Track,
    speed: Track,
    state: State,
    looked: Option<Instant>,
    heard: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Usual { bad_looks: u8 },
    Degraded { good_looks: u8, good: u32, bad: u32, checked: Instant },
}

impl Default for State {
    fn default() -> Self {
        Self::Usual { bad_looks: 0 }
    }
}

impl Lane {
    fn hear(&mut self, sample: Sample, now: Instant) {
        let is_well = self.is_well(&sample);
        let first = sample.first.map(|first| first.as_secs_f32() * 1000.0);
        let whole = sample.whole.map(|whole| whole.as_secs_f32() * 1000.0);
        for (value, track) in
            [(first, &mut self.first), (whole, &mut self.whole), (sample.speed, &mut self.speed)]
        {
            if let Some(value) = value {
                track.add(value, now);
            }
        }
        self.heard = Some(now);
        if let State::Degraded { good, bad, .. } = &mut self.state {
            *if is_well { good } else { bad } += 1;
        }
        self.look(now);
    }

    /// Whether a degraded target has answered as it used to.
    fn is_well(&self, sample: &Sample) -> bool {
        let in_time = sample.first.zip(self.first.expected(0.95)).is_none_or(|(first, usual)| {
            first.as_secs_f32() * 1000.0 < (usual * ON_TIME).max(usual + ON_TIME_BY)
        });
        let is_fast = sample.speed.zip(self.speed.expected(0.5));
        in_time && is_fast.is_none_or(|(speed, usual)| speed > usual * AS_USUAL)
    }

    fn ask(&mut self, now: Instant) -> Tempo {
        self.look(now);
        let forgotten = self.heard.is_none_or(|heard| now - heard > FORGOTTEN);
        match &mut self.state {
            State::Usual { .. } => Tempo::Usual,
            State::Degraded { .. } if forgotten => {
                self.state = State::default();
                Tempo::Usual
            }
            State::Degraded { checked, .. } if now - *checked >= CHECK_EVERY => {
                *checked = now;
                Tempo::DueForCheck
            }
            State::Degraded { .. } => Tempo::Degraded,
        }
    }

    /// Looks at the last minute, not more often than every ten seconds.
    fn look(&mut self, now: Instant) {
        if now - *self.looked.get_or_insert(now) < LOOK_EVERY {
            return;
        }
        self.looked = Some(now);
        let is_slow = self.is_slow(now);
        self.state = match self.state {
            State::Usual { bad_looks } if is_slow => {
                if bad_looks + 1 < BAD_LOOKS {
                    State::Usual { bad_looks: bad_looks + 1 }
                } else {
                    State::Degraded { good_looks: 0, good: 0, bad: 0, checked: now }
                }
            }
            State::Usual { .. } => State::default(),
            State::Degraded { good_looks, good, bad, checked } => {
                let good_looks = match (good, bad) {
                    (0, 0) => good_looks,
                    (_, 0) => good_looks + 1,
                    _ => 0,
                };
                if good_looks < GOOD_LOOKS {
                    State::Degraded { good_looks, good: 0, bad: 0, checked }
                } else {
                    State::default()
                }
            }
        };
    }

    fn is_slow(&mut self, now: Instant) -> bool {
        let (first, speed) = (self.first.minute(now), self.speed.minute(now));
        let enough = |seen: &Histogram| seen.total() >= ANSWERS_MIN;
        let is_late =
            first.quantile(0.95).zip(self.first.expected(0.95)).is_some_and(|(here, usual)| {
                enough(&first) && here > (usual * LATE).max(usual + LATE_BY)
            });
        let is_slow = speed.quantile(0.5).zip(self.speed.expected(0.5));
        is_late || is_slow.is_some_and(|(here, usual)| enough(&speed) && here < usual * SLOW)
    }
}

fn milliseconds(value: f32) -> Duration {
    Duration::from_secs_f32((value / 1000.0).max(0.0))
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
