//! What was decided and why; the value that travels into headers, logs and explanations.

use std::sync::Arc;

use super::classifier::{Depth, Judgement};
use crate::config::{Policy, QueryType, Target, Tier};
use crate::embed::EmbedError;

/// What is known of the prompt when it is time to decide.
#[derive(Debug)]
pub enum Reading {
    /// What is said of it, as deep as it had to be read.
    Judged(Judgement),
    /// What a glance says; it should have been read on, but the embedder failed or was late.
    Hurried(Judgement, EmbedError),
    /// There is no text to read, or no need to.
    Nothing,
    /// The embedder failed or was late, and a glance says nothing.
    Failed(EmbedError),
}

impl Reading {
    /// What is said of the prompt, however deep it could be read.
    #[must_use]
    pub fn judgement(&self) -> Option<&Judgement> {
        match self {
            Self::Judged(judgement) | Self::Hurried(judgement, _) => Some(judgement),
            Self::Nothing | Self::Failed(_) => None,
        }
    }
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

    /// How a tier's targets are tried; a target that was named belongs to none.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy> {
        match self {
            Self::Tier(tier) => Some(&tier.policy),
            Self::Target(_) => None,
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
    /// The probability that the winning tier is the right one.
    pub confidence: f32,
    /// The lead over the likeliest other tier; negative where strictness decided.
    pub margin: f32,
    /// Why this tier.
    pub reason: Reason,
    /// What it was decided by; nothing when nobody asked the examples.
    pub judgement: Option<Judgement>,
    /// The prompt was not read again: what had been read of it before was remembered.
    pub remembered: bool,
}

/// Why a tier was chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// The examples are clear enough.
    Matched,
    /// The same at a glance, because the prompt could not be read on.
    Hurried {
        /// In the embedder's words.
        error: String,
    },
    /// The confidence is below what its query type asks for, so the default tier answers.
    LowConfidence {
        /// The query type's `min_confidence`.
        needed: f32,
    },
    /// Neither the local model nor enough examples speak the prompt's language.
    OtherLanguage {
        /// The language's code.
        code: &'static str,
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
            Self::Hurried { .. } => "hurried",
            Self::LowConfidence { .. } => "low_confidence",
            Self::OtherLanguage { .. } => "other_language",
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
            Self::Matched => "the examples are clear enough".to_owned(),
            Self::Hurried { error } => {
                format!("the prompt could not be read on ({error}), so a glance decides")
            }
            Self::LowConfidence { needed } => {
                format!("the confidence is below {needed:.2}, so the default tier answers")
            }
            Self::OtherLanguage { code } => {
                format!("too few examples are in this language ({code}), so its own tier answers")
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

/// An example near to a prompt.
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
    /// How deep the prompt was read; nothing when nobody asked.
    #[must_use]
    pub fn depth(&self) -> Option<Depth> {
        let read = self.judgement.as_ref().map(|judgement| judgement.depth);
        read.map(|depth| if self.remembered { Depth::Cache } else { depth })
    }

    pub(super) fn asked(tier: &Arc<Tier>) -> Self {
        Self::without_examples(Goal::Tier(Arc::clone(tier)), Reason::Asked)
    }

    pub(super) fn pinned(target: &Arc<Target>) -> Self {
        Self::without_examples(Goal::Target(Arc::clone(target)), Reason::Pinned)
    }

    pub(super) fn fallback(default_tier: &Arc<Tier>, reason: Reason) -> Self {
        Self::without_examples(Goal::Tier(Arc::clone(default_tier)), reason)
    }

    /// Below its query type's confidence a side is not entered, and the default tier answers.
    pub(super) fn judged(
        default_tier: &Arc<Tier>,
        judgement: Judgement,
        (query_type, confidence, margin): (Arc<QueryType>, f32, f32),
        hurried: Option<String>,
    ) -> Self {
        let needed = query_type.min_confidence;
        let clear = confidence >= needed;
        let tier = if clear { &query_type.tier } else { default_tier };
        let reason = match hurried {
            _ if !clear => Reason::LowConfidence { needed },
            Some(error) => Reason::Hurried { error },
            None => Reason::Matched,
        };
        Self {
            goal: Goal::Tier(Arc::clone(tier)),
            query_type: Some(query_type),
            confidence,
            margin,
            reason,
            judgement: Some(judgement),
            remembered: false,
        }
    }

    /// Whatever the examples say, who answers in this language does.
    pub(super) fn foreign(
        tier: &Arc<Tier>,
        judgement: Judgement,
        (query_type, confidence, margin): (Arc<QueryType>, f32, f32),
        code: &'static str,
    ) -> Self {
        Self {
            goal: Goal::Tier(Arc::clone(tier)),
            query_type: Some(query_type),
            confidence,
            margin,
            reason: Reason::OtherLanguage { code },
            judgement: Some(judgement),
            remembered: false,
        }
    }

    fn without_examples(goal: Goal, reason: Reason) -> Self {
        let (confidence, margin) = (0.0, 0.0);
        let (query_type, judgement) = (None, None);
        Self { goal, query_type, confidence, margin, reason, judgement, remembered: false }
    }
}
