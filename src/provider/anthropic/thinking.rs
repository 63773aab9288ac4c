//! How much the model should think.

use serde_json::{Value, json};

use super::tools::Forced;
use super::write::{Draft, Thinks};
use crate::chat::{Conversation, Effort, Loss, Thinking};
use crate::config::ThinkingManner;

/// Fewest tokens of thinking that may be asked for.
const BUDGET_LEAST: u64 = 1_024;
/// Tokens of thinking up to which it is little, and usual.
const BUDGETS: [u64; 2] = [2_048, 8_192];

/// Writes `thinking` and the effort. What cannot go with thinking, a tool that has to be called or a beginning of an answer, binds
/// the model more than a wish to think does.
pub(super) fn write(
    draft: &mut Draft<'_>,
    chat: &Conversation,
    (messages, forced): (&[Value], Forced),
) -> Thinks {
    let Thinking { effort, budget_tokens } = chat.thinking;
    let Some(asked) = effort.or_else(|| budget_tokens.map(effort_of)) else { return Thinks::No };
    let param = if effort.is_some() { "reasoning_effort" } else { "thinking_budget" };
    let manner = draft.to.manner.thinking;
    if asked == Effort::None {
        match manner {
            ThinkingManner::Effort | ThinkingManner::Switch | ThinkingManner::Disabled => {
                draft.set("thinking", json!({"type": "disabled"}));
            }
            // They think only when they are asked to.
            ThinkingManner::Budget | ThinkingManner::None => {}
        }
        return Thinks::No;
    }
    let is_free = forced == Forced::No
        && messages.last().is_none_or(|last| last["role"] == "user")
        && (manner != ThinkingManner::Budget || !is_open_loop_without_thoughts(messages));
    let may_think = if is_free { Thinks::Yes } else { Thinks::No };
    match manner {
        ThinkingManner::Effort | ThinkingManner::Disabled => {
            if effort.is_none() {
                draft.lose(param, Loss::Emulated);
            }
            let word = word(draft, param, asked);
            draft.set_in("output_config", "effort", json!(word));
            adaptive(draft, param, may_think)
        }
        ThinkingManner::Switch => {
            draft.lose(param, Loss::Emulated);
            adaptive(draft, param, may_think)
        }
        ThinkingManner::Budget if is_free => {
            let wanted = budget_tokens.unwrap_or_else(|| budget_of(asked));
            budget(draft, chat, (param, wanted))
        }
        ThinkingManner::Budget | ThinkingManner::None => {
            draft.lose(param, Loss::Dropped);
            Thinks::No
        }
    }
}

/// As much as it thinks fit.
fn adaptive(draft: &mut Draft<'_>, param: &str, may_think: Thinks) -> Thinks {
    if may_think == Thinks::Yes {
        draft.set("thinking", json!({"type": "adaptive"}));
        return Thinks::Yes;
    }
    draft.lose(param, Loss::Emulated);
    Thinks::No
}

fn word(draft: &mut Draft<'_>, param: &str, asked: Effort) -> &'static str {
    match asked {
        Effort::None | Effort::Minimal => {
            draft.lose(param, Loss::Clamped);
            Effort::Low.label()
        }
        Effort::Low | Effort::Medium | Effort::High | Effort::ExtraHigh | Effort::Max => {
            asked.label()
        }
    }
}

fn budget(draft: &mut Draft<'_>, chat: &Conversation, (param, wanted): (&str, u64)) -> Thinks {
    let most = draft.to.max_output.unwrap_or(u64::MAX);
    let tokens = draft.body.get("max_tokens").and_then(Value::as_u64).unwrap_or_default();
    let wanted = wanted.max(BUDGET_LEAST);
    // The caller's limit is on thoughts and answer together. Nobody asked for the usual one, so it makes room.
    let tokens = match chat.max_tokens {
        Some(_) => tokens,
        None => tokens.saturating_add(wanted).min(most),
    };
    let budget = wanted.min(tokens.saturating_sub(1));
    if budget < BUDGET_LEAST {
        draft.lose(param, Loss::Dropped);
        return Thinks::No;
    }
    if budget < wanted {
        draft.lose(param, Loss::Clamped);
    }
    draft.set("max_tokens", json!(tokens));
    draft.set("thinking", json!({"type": "enabled", "budget_tokens": budget}));
    Thinks::Yes
}

/// The tokens that an effort is worth where only tokens can be said.
fn budget_of(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal => BUDGET_LEAST,
        Effort::Low => BUDGETS[0],
        Effort::Medium => BUDGETS[1],
        Effort::High => 16_384,
        Effort::ExtraHigh => 32_768,
        Effort::Max => 65_536,
    }
}

fn effort_of(tokens: u64) -> Effort {
    match tokens {
        0 => Effort::None,
        few if few <= BUDGETS[0] => Effort::Low,
        some if some <= BUDGETS[1] => Effort::Medium,
        _ => Effort::High,
    }
}

/// Results of calls that the model made without a thought of its own before them, such as another vendor's model: with thinking by
/// tokens, that is refused.
fn is_open_loop_without_thoughts(messages: &[Value]) -> bool {
    let [.., called, results] = messages else { return false };
    let first =
        |turn: &Value| turn.pointer("/content/0/type").and_then(Value::as_str).map(str::to_owned);
    first(results).as_deref() == Some("tool_result")
        && !matches!(first(called).as_deref(), Some("thinking" | "redacted_thinking"))
}
