//! When an attempt is late, and how long it may take at all. Pure.

use std::time::Duration;

use crate::config::Timers;
use crate::health::{Part, Phase};
use crate::plan::{Place, Step};

/// Longest rate limit that a request waits for instead of going on to the next target, and longest wait for what others find out.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(2);
/// Kept back of the time for each target that is left.
pub(super) const RESERVED: Duration = Duration::from_secs(3);
/// An attempt is late from so many times its usual p95 on.
const LATE: u32 = 3;
/// The earliest and the latest that a first content is late, and when it is where nobody knows what is usual.
const FIRST_LATE: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(15), Duration::from_secs(10)];
/// The same for an answer in one piece, which comes at its end.
const WHOLE_LATE: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(60), Duration::from_secs(30)];
/// Nobody waits in vain before so long.
const SILENT_MIN: Duration = Duration::from_millis(300);
/// A limit on the first content that knows how slow a target is: so many times its usual p95.
const GIVE_UP: u32 = 10;
/// The longest of these limits.
const GIVE_UP_MAX: Duration = Duration::from_secs(120);

/// After how long an attempt is late. A probe is not trusted with more than its usual time.
pub(super) fn late_after(step: &Step, part: Part) -> Duration {
    let [least, most, unknown] = bounds(part);
    match (step.usual_p95, step.place) {
        (Some(usual), Place::Probe | Place::Check) => usual.clamp(least / 2, most),
        (Some(usual), _) => late_by(usual, part),
        (None, _) => unknown,
    }
}

/// The same for what is usually there after `usual`.
pub(super) fn late_by(usual: Duration, part: Part) -> Duration {
    let [least, most, _] = bounds(part);
    (usual * LATE).clamp(least, most)
}

/// After how long somebody who still waits does so in vain.
pub(super) fn in_vain_after(usual: Duration) -> Duration {
    (usual * LATE).max(SILENT_MIN)
}

/// How long an attempt may take until it begins to answer: what is configured, or more for who is known to take longer; and never so
/// long that the `left` targets behind it are left no time. That a caller is in a hurry is nobody's fault.
pub(super) fn patience(
    timers: &Timers,
    (step, part): (&Step, Part),
    (left, remaining): (u32, Duration),
) -> (Duration, Phase) {
    let (configured, phase) = match part {
        Part::First => (timers.first_content, Phase::FirstContent),
        Part::Whole => (timers.answer, Phase::Answer),
    };
    let known = step.usual_p95.map_or(Duration::ZERO, |usual| usual * GIVE_UP);
    let own = configured.max(known.min(GIVE_UP_MAX));
    let share = remaining.saturating_sub(RESERVED * left).max(remaining / (left + 1));
    if left > 0 && share < own { (share, Phase::Share) } else { (own, phase) }
}

fn bounds(part: Part) -> [Duration; 3] {
    match part {
        Part::First => FIRST_LATE,
        Part::Whole => WHOLE_LATE,
    }
}
