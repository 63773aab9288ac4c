//! How the targets of a tier are tried.

use std::sync::Arc;
use std::time::Duration;

use super::Target;
use super::raw::{RawCommit, RawOnBreak, RawOnRefusal, RawOrder, RawPatience, RawTier};

/// How the targets of a tier are tried.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Who is tried first among those that are well.
    pub order: Order,
    /// From when on an answer belongs to the target that gave its beginning.
    pub commit: Commit,
    /// Whose targets are tried after all of this tier's have failed.
    pub spill: Option<Spill>,
    /// Whether a target with a brief trouble is tried once more.
    pub patience: Patience,
    /// Whether a second target is asked when the first takes too long.
    pub hedge: bool,
    /// What follows when a target refuses the content.
    pub on_refusal: OnRefusal,
    /// What follows when an answer breaks off.
    pub on_break: OnBreak,
}

/// Who is tried first among those that are well.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Order {
    /// As listed.
    #[default]
    Fixed,
    /// Who is expected to have answered first.
    Fastest,
    /// Who is expected to cost least.
    Cheapest,
    /// Drawn by lot, with a share for each target of the tier.
    Weighted(Vec<f32>),
}

/// From when on an answer belongs to the target that gave its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Commit {
    /// From its first content on.
    #[default]
    FirstContent,
    /// From so many events of content on, or after so long.
    Hold {
        /// Events of content.
        events: usize,
        /// The longest that they are held back.
        time: Duration,
    },
    /// From its end on.
    Full,
}

/// Targets of another tier.
#[derive(Debug, Clone)]
pub struct Spill {
    /// The tier's name.
    pub tier: String,
    /// Its targets, those of this tier aside.
    pub targets: Vec<Arc<Target>>,
}

/// Whether a target with a brief trouble is tried once more before the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patience {
    /// Once.
    #[default]
    Brief,
    /// Never.
    None,
}

/// What follows when a target refuses the content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// The refusal is the answer.
    #[default]
    Stop,
    /// The next target is tried.
    TryNext,
}

/// What follows when an answer breaks off after its beginning was passed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBreak {
    /// The next target goes on, if it can.
    #[default]
    Rescue,
    /// An error in the stream.
    Error,
}

/// The policy of a tier, its spill aside.
pub(super) fn policy(raw: &RawTier, targets: &[Arc<Target>]) -> Policy {
    let weight = |target: &Arc<Target>| raw.weights.get(&target.id).copied().unwrap_or(1.0);
    Policy {
        order: match raw.order {
            RawOrder::Fixed => Order::Fixed,
            RawOrder::FastestHealthy => Order::Fastest,
            RawOrder::CheapestHealthy => Order::Cheapest,
            RawOrder::Weighted => Order::Weighted(targets.iter().map(weight).collect()),
        },
        commit: match raw.commit {
            RawCommit::FirstContent => Commit::FirstContent,
            RawCommit::Hold => {
                Commit::Hold { events: raw.hold_events, time: Duration::from_millis(raw.hold_ms) }
            }
            RawCommit::Full => Commit::Full,
        },
        spill: None,
        patience: match raw.patience {
            RawPatience::Brief => Patience::Brief,
            RawPatience::None => Patience::None,
        },
        hedge: raw.hedge,
        on_refusal: match raw.on_refusal {
            RawOnRefusal::Stop => OnRefusal::Stop,
            RawOnRefusal::TryNext => OnRefusal::TryNext,
        },
        on_break: match raw.on_break {
            RawOnBreak::Rescue => OnBreak::Rescue,
            RawOnBreak::Error => OnBreak::Error,
        },
    }
}
