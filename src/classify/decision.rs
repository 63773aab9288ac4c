//! What was decided and why; the value that travels into headers, logs and explanations.

use std::sync::Arc;

use super::vote::Tally;
use crate::config::{QueryType, Target, Tier};
use crate::embed::{EmbedError, Features};

/// What is known of the prompt when it is time to decide.
#[derive(Debug)]
pub enum Reading {
    /// What the embedder saw in it.
    Features(Features),
    /// There is no text to read, or no need to.
    Nothing,
    /// The embedder failed or was late.
    Failed(EmbedError),
}

/// Who should answer.
#[derive(Debug, Clone)]
pub enum Goal {
    /// Any target of a tier, in its order.
    Tier(Arc<Tier>),
    /// One target and no other, because the caller named it.
    Target(Arc<Target>),
}

impl Goal {
    /// The targets that may answer, in order.
    #[must_use]
    pub fn targets(&self) -> &[Arc<Target>] {
        match self {
            Self::Tier(tier) => &tier.targets,
            Self::Target(target) => std::slice::from_ref(target),
        }
    }

    /// The tier's name; a target that was named belongs to none.
    #[must_use]
    pub fn tier_name(&self) -> Option<&str> {
        match self {
            Self::Tier(tier) => Some(&tier.name),
            Self::Target(_) => None,
        }
    }
}

/// Who should answer a conversation, and why.
#[derive(Debug)]
pub struct Decision {
    /// Who.
    pub goal: Goal,
    /// What kind of prompt it is, as far as the examples tell; also given when it was too uncertain to be followed.
    pub query_type: Option<Arc<QueryType>>,
    /// The winning tier's share of the vote, 0 to 1.
    pub confidence: f32,
    /// The lead over the second tier, 0 to 1.
    pub margin: f32,
    /// Why this tier.
    pub reason: Reason,
    /// The examples that voted, nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// Why a tier was chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// The vote is clear enough.
    Matched,
    /// The vote is below what its query type asks for, so the default tier answers.
    LowConfidence {
        /// The query type's `min_confidence`.
        needed: f32,
    },
    /// The caller named the tier.
    Asked,
    /// The caller named the target.
    Pinned,
    /// No user turn has text, so the default tier answers.
    NothingToRead,
    /// No vector, so the default tier answers.
    EmbedderFailed {
        /// In the embedder's words.
        error: String,
    },
}

impl Reason {
    /// A stable word for headers, logs and metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::LowConfidence { .. } => "low_confidence",
            Self::Asked => "asked",
            Self::Pinned => "pinned",
            Self::NothingToRead => "nothing_to_read",
            Self::EmbedderFailed { .. } => "embedder_failed",
        }
    }

    /// One sentence for a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Matched => "the nearest examples agree".to_owned(),
            Self::LowConfidence { needed } => {
                format!("the vote is below {needed:.2}, so the default tier answers")
            }
            Self::Asked => "the caller asked for this tier".to_owned(),
            Self::Pinned => "the caller asked for this target".to_owned(),
            Self::NothingToRead => "no text to read, so the default tier answers".to_owned(),
            Self::EmbedderFailed { error } => {
                format!("the prompt could not be read ({error}), so the default tier answers")
            }
        }
    }
}

/// An example that voted.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Its place among the snapshot's examples.
    pub row: usize,
    /// Its label.
    pub query_type: Arc<QueryType>,
    /// How near it is, -1 to 1.
    pub cosine: f32,
}

impl Decision {
    pub(super) fn asked(tier: &Arc<Tier>) -> Self {
        Self::without_vote(Goal::Tier(Arc::clone(tier)), Reason::Asked)
    }

    pub(super) fn pinned(target: &Arc<Target>) -> Self {
        Self::without_vote(Goal::Target(Arc::clone(target)), Reason::Pinned)
    }

    pub(super) fn fallback(default_tier: &Arc<Tier>, reason: Reason) -> Self {
        Self::without_vote(Goal::Tier(Arc::clone(default_tier)), reason)
    }

    pub(super) fn voted(
        default_tier: &Arc<Tier>,
        neighbours: Vec<Neighbour>,
        tally: Option<Tally>,
    ) -> Self {
        let Some(tally) = tally else {
            return Self::fallback(default_tier, Reason::NothingToRead);
        };
        let needed = tally.query_type.min_confidence;
        let clear = tally.confidence >= needed;
        let tier = if clear { &tally.query_type.tier } else { default_tier };
        let reason = if clear { Reason::Matched } else { Reason::LowConfidence { needed } };
        Self {
            goal: Goal::Tier(Arc::clone(tier)),
            query_type: Some(tally.query_type),
            confidence: tally.confidence,
            margin: tally.margin,
            reason,
            neighbours,
        }
    }

    fn without_vote(goal: Goal, reason: Reason) -> Self {
        let (confidence, margin) = (0.0, 0.0);
        let (query_type, neighbours) = (None, Vec::new());
        Self { goal, query_type, confidence, margin, reason, neighbours }
    }
}
