//! What the program does not do. ARCHITECTURE.md lists these invariants and names the tests here.

use super::source::{Source, inside_brackets, is_in, is_within, places, words};
use super::tables::{architecture, cell};
use super::{assert_none, program, rules};

/// Words that stand for what people write or for what must stay secret.
const NOT_FOR_LOGS: [&str; 14] = [
    "prompt",
    "text",
    "body",
    "content",
    "message",
    "messages",
    "chat",
    "json",
    "data",
    "key",
    "keys",
    "secret",
    "token",
    "authorization",
];
/// Names that open a way out of the process.
const SOCKETS: [&str; 6] =
    ["std::net", "tokio::net", "reqwest", "hf_hub", "TcpStream", "TcpListener"];
/// Where such names may stand: the two listeners, the one client, what runs before the first request, and the bench's own
/// providers and callers.
const SOCKET_HOMES: [&str; 5] = [
    "src/http/",
    "src/cli/serve/",
    "src/cli/bench_failover/",
    "src/provider/client.rs",
    "src/embed/fetch/",
];
/// What a file that only computes does not name.
const IMPURE: [&str; 12] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "tokio::fs",
    "tokio::io",
    "tokio::net",
    "tokio::process",
    "tokio::task",
    "tokio::spawn",
];

#[test]
fn pure_files_have_no_clock_and_no_world() {
    let places: Vec<String> =
        architecture("Pure files").iter().flat_map(|row| cell(row, 0).to_vec()).collect();
    assert_none(&impurities(&program(), &places));
}

fn impurities(sources: &[Source], places: &[String]) -> Vec<String> {
    let mut violations = Vec::new();
    for place in places {
        if !sources.iter().any(|source| is_in(&source.path, std::slice::from_ref(place))) {
            violations.push(format!("`{place}` does not exist"));
        }
    }
    for source in sources.iter().filter(|source| is_in(&source.path, places)) {
        for named in source.names() {
            let reads_clock =
                named.path.contains("SystemTime") || named.path.ends_with("Instant::now");
            if reads_clock || IMPURE.iter().any(|name| is_within(&named.path, name)) {
                violations.push(format!("{}:{}: names `{}`", source.path, named.line, named.path));
            }
        }
        for at in places_of_calls(&source.code, &[".elapsed()", ".sleep("]) {
            violations.push(format!("{}:{}: reads a clock", source.path, source.line_at(at)));
        }
    }
    violations
}

fn places_of_calls(code: &str, calls: &[&str]) -> Vec<usize> {
    calls.iter().flat_map(|call| places(code, call)).collect()
}

#[test]
fn stages_open_no_socket() {
    assert_none(&sockets(&program()));
}

fn sockets(sources: &[Source]) -> Vec<String> {
    let homes = SOCKET_HOMES.map(str::to_owned);
    let outside = sources.iter().filter(|source| !is_in(&source.path, &homes));
    let names =
        outside.flat_map(|source| source.names().into_iter().map(move |named| (source, named)));
    let opens = |name: &str| SOCKETS.iter().any(|socket| is_within(name, socket));
    // The library's URL type only takes an address apart.
    let opening = names.filter(|(_, named)| opens(&named.path));
    opening
        .map(|(source, named)| format!("{}:{}: names `{}`", source.path, named.line, named.path))
        .collect()
}

/// Where the one exception to `unsafe_code = "deny"` stands, with the argument for it above.
const UNSAFE_HOME: &str = "src/simd/x86.rs";

#[test]
fn unsafe_code_has_one_home() {
    let everywhere = ["src", "tests", "benches"].into_iter().flat_map(Source::below);
    assert_none(&unsafety(&everywhere.collect::<Vec<Source>>()));
}

fn unsafety(sources: &[Source]) -> Vec<String> {
    let outside = sources.iter().filter(|source| source.path != UNSAFE_HOME);
    let named = outside
        .filter(|source| words(&source.code).any(|word| word == "unsafe" || word == "unsafe_code"));
    named.map(|source| format!("{}: has unsafe code", source.path)).collect()
}

#[test]
fn only_the_walk_calls_providers() {
    let sources = program();
    assert_none(&elsewhere(&sources, "client.send(", &["src/execute/attempt.rs"]));
    let walk = ["src/execute/race/mod.rs", "src/execute/rescue.rs"];
    assert_none(&elsewhere(&sources, "executor.attempt(", &walk));
}

#[test]
fn watching_sends_nothing_but_requests_for_pages() {
    let sources = program();
    // The other one is a command that somebody runs.
    let homes = ["src/cli/prices/fetch.rs", "src/watch/poll.rs"];
    assert_none(&elsewhere(&sources, "client.get(", &homes));
    assert_none(&senders(&sources, "src/watch/"));
}

/// What a module would need to send more than a request for a page.
fn senders(sources: &[Source], place: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(place)) {
        for word in words(&source.code) {
            if ["send", "ask", "post", "encode", "Encoded", "Asker", "Executor"].contains(&word) {
                violations.push(format!("{}: names `{word}`", source.path));
            }
        }
    }
    violations
}

/// A call that does not stand exactly once in each of its places.
fn elsewhere(sources: &[Source], call: &str, homes: &[&str]) -> Vec<String> {
    let found: Vec<String> = sources
        .iter()
        .flat_map(|source| places(&source.code, call).into_iter().map(|_| source.path.clone()))
        .collect();
    if found == homes {
        Vec::new()
    } else {
        vec![format!("`{call}` stands in {found:?}, not once in each of {homes:?}")]
    }
}

/// Whoever sets the clock changes nothing about who is asked: breakers, plans and deadlines know only the time since the start.
#[test]
fn f53_health_plans_and_deadlines_know_no_wall_clock() {
    for place in ["src/health/", "src/plan/", "src/execute/"] {
        let sources = program();
        assert!(sources.iter().any(|source| source.path.starts_with(place)), "{place}");
        assert_none(&clocks(&sources, place));
    }
}

/// What names the time of day.
fn clocks(sources: &[Source], place: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(place)) {
        for word in words(&source.code) {
            if ["SystemTime", "UNIX_EPOCH", "wall_clock", "httpdate"].contains(&word) {
                violations.push(format!("{}: names `{word}`", source.path));
            }
        }
    }
    violations
}

#[test]
fn a_committed_answer_cannot_move_on() {
    assert_none(&ways_on(&program(), &["src/execute/stream.rs", "src/http/stream.rs"]));
}

/// What a file would need to ask another target.
fn ways_on(sources: &[Source], files: &[&str]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| files.contains(&source.path.as_str())) {
        for word in words(&source.code) {
            if ["Client", "Executor", "Plan", "Step", "Target", "HealthTable"].contains(&word) {
                violations.push(format!("{}: names `{word}`", source.path));
            }
        }
    }
    violations
}

#[test]
fn log_lines_carry_no_text_of_people() {
    assert_none(&telling_logs(&program()));
}

fn telling_logs(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for level in ["trace!", "debug!", "info!", "warn!", "error!", "event!"] {
            for at in places(&source.code, level) {
                let values = inside_brackets(&source.code, at);
                let line = inside_brackets(&source.code_and_strings, at);
                let captured = line.split('{').skip(1).filter_map(|rest| words(rest).next());
                let telling =
                    words(values).chain(captured).find(|word| NOT_FOR_LOGS.contains(word));
                if let Some(word) = telling {
                    violations.push(format!(
                        "{}:{}: logs `{word}`",
                        source.path,
                        source.line_at(at)
                    ));
                }
            }
        }
    }
    violations
}

#[test]
fn no_provider_is_named() {
    let providers = rules().config.providers;
    // Wire formats, and seals in them, are called after who made them.
    const MAKERS: [&str; 4] = ["openai", "anthropic", "gemini", "cohere"];
    let names: Vec<&str> = providers
        .iter()
        .map(|provider| provider.name.as_str())
        .filter(|name| !MAKERS.contains(name))
        .collect();
    assert!(names.len() > 3, "{names:?}");
    // A list of prices is called after who publishes it.
    let lists = ["src/price/".to_owned(), "src/cli/prices/".to_owned()];
    let (of_lists, others): (Vec<Source>, Vec<Source>) =
        program().into_iter().partition(|source| is_in(&source.path, &lists));
    assert_none(&named_providers(&others, &names));
    let strangers: Vec<&str> = names.into_iter().filter(|name| *name != "openrouter").collect();
    assert_none(&named_providers(&of_lists, &strangers));
}

fn named_providers(sources: &[Source], names: &[&str]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for word in source.code_and_strings.split(|c: char| !c.is_alphanumeric()) {
            if names.contains(&word.to_lowercase().as_str()) {
                violations.push(format!("{}: names the provider `{word}`", source.path));
            }
        }
    }
    violations
}

#[test]
fn queues_bodies_and_caches_are_bounded() {
    assert_none(&unbounded(&program()));
}

fn unbounded(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        let mut complain = |at: usize, what: &str| {
            violations.push(format!("{}:{}: {what}", source.path, source.line_at(at)));
        };
        for at in places_of_calls(&source.code, &["unbounded", "mpsc::channel()"]) {
            complain(at, "a queue without a limit");
        }
        for at in places(&source.code, "Cache::builder") {
            complain(at, "a cache whose limit may be forgotten; write Cache::new(limit)");
        }
        for at in places(&source.code, "to_bytes(") {
            if inside_brackets(&source.code, at).contains("::MAX") {
                complain(at, "a body without a limit");
            }
        }
    }
    violations
}

#[test]
fn the_core_has_no_wire_types() {
    let core = ["src/plan/", "src/health/"];
    assert_none(&wire_types(&program(), &core));
    // What is fitted can be kept in a file, but nothing in it is JSON.
    assert_none(&named_in(&program(), "src/classify/", &["serde_json"]));
}

fn wire_types(sources: &[Source], core: &[&str]) -> Vec<String> {
    let names = ["serde", "serde_json", "Serialize", "Deserialize"];
    core.iter().flat_map(|place| named_in(sources, place, &names)).collect()
}

/// Where a place names what it should not.
fn named_in(sources: &[Source], place: &str, names: &[&str]) -> Vec<String> {
    let place = [place.to_owned()];
    let inside = sources.iter().filter(|source| is_in(&source.path, &place));
    let found =
        inside.flat_map(|source| source.names().into_iter().map(move |named| (source, named)));
    let wrong = found.filter(|(_, named)| names.iter().any(|name| is_within(&named.path, name)));
    wrong
        .map(|(source, named)| format!("{}:{}: names `{}`", source.path, named.line, named.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&[Source]) -> Vec<String>;

    /// The number of violations of one file.
    fn check(rule: Rule, path: &str, text: &str, expected: usize) {
        let violations = rule(&[Source::new(path, text)]);
        assert_eq!(violations.len(), expected, "{path}: {text}: {violations:?}");
    }

    #[test]
    fn impurity_is_found() {
        let rule: Rule = |sources| impurities(sources, &["src/a/".to_owned()]);
        check(rule, "src/a/x.rs", "use std::{fmt, time::Instant}; fn f(now: Instant) {}", 0);
        check(rule, "src/a/x.rs", "use std::{fs, time::Instant}; fn f() { Instant::now(); }", 2);
        check(rule, "src/a/x.rs", "fn f(now: Instant) { now.elapsed(); std::env::var(x); }", 2);
        check(rule, "src/a/x.rs", "// Instant::now\n\"std::fs::read\"", 0);
        check(rule, "src/b.rs", "use std::fs;", 1);
    }

    #[test]
    fn a_socket_in_a_stage_is_found() {
        check(sockets, "src/plan/mod.rs", "use tokio::net::TcpStream;", 1);
        check(sockets, "src/plan/mod.rs", "use tokio::{net::TcpListener, time};", 1);
        check(sockets, "src/pipeline.rs", "reqwest::get(url)", 1);
        check(sockets, "src/http/mod.rs", "use tokio::net::TcpListener;", 0);
    }

    #[test]
    fn unsafe_code_is_found() {
        check(unsafety, "src/x.rs", "fn f() { unsafe { g() } }", 1);
        check(unsafety, "src/x.rs", "#![expect(unsafe_code, reason = \"fast\")]", 1);
        check(unsafety, "src/x.rs", "// unsafe\n\"unsafe\"", 0);
        check(unsafety, UNSAFE_HOME, "unsafe { g() }", 0);
    }

    #[test]
    fn a_second_walk_is_found() {
        let rule: Rule = |sources| elsewhere(sources, "client.send(", &["src/execute/attempt.rs"]);
        check(rule, "src/execute/attempt.rs", "self.client.send(x)", 0);
        check(rule, "src/execute/attempt.rs", "self.client.send(x); self.client.send(y)", 1);
        check(rule, "src/http/chat.rs", "client.send(x)", 1);
        let watching: Rule = |sources| senders(sources, "src/watch/");
        check(watching, "src/watch/poll.rs", "client.send(encoded)", 1);
        check(watching, "src/watch/poll.rs", "client.get(page); sender(x)", 0);
        let clocked: Rule = |sources| clocks(sources, "src/health/");
        check(clocked, "src/health/x.rs", "let now = SystemTime::now();", 1);
        check(clocked, "src/health/x.rs", "let now = Instant::now(); // SystemTime", 0);
        let committed: Rule = |sources| ways_on(sources, &["src/x.rs"]);
        check(committed, "src/x.rs", "struct Committed { plan: Plan, client: Client }", 2);
        check(committed, "src/x.rs", "struct Committed { planned: ClientError }", 0);
    }

    #[test]
    fn a_telling_log_line_is_found() {
        check(telling_logs, "src/x.rs", "tracing::warn!(error = %error, \"no prompt\");", 0);
        check(telling_logs, "src/x.rs", "info!(prompt_tokens = 3, \"x\");", 0);
        check(telling_logs, "src/x.rs", "tracing::warn!(\"about {prompt:?}\");", 1);
        check(telling_logs, "src/x.rs", "debug!(?chat, \"x\");", 1);
        check(telling_logs, "src/x.rs", "debug!(said = %message.text, \"x\");", 1);
    }

    #[test]
    fn a_named_provider_is_found() {
        let rule: Rule = |sources| named_providers(sources, &["acme"]);
        check(rule, "src/x.rs", "set(\"ACME_API_KEY\")", 1);
        check(rule, "src/x.rs", "// as acme does\nfn acmes() {}", 0);
    }

    #[test]
    fn a_missing_limit_is_found() {
        check(unbounded, "src/x.rs", "let (tx, rx) = mpsc::channel(64); to_bytes(body, limit)", 0);
        check(unbounded, "src/x.rs", "mpsc::unbounded_channel()", 1);
        check(unbounded, "src/x.rs", "std::sync::mpsc::channel()", 1);
        check(unbounded, "src/x.rs", "Cache::builder().build()", 1);
        check(unbounded, "src/x.rs", "to_bytes(body, usize::MAX)", 1);
    }

    #[test]
    fn a_wire_type_in_the_core_is_found() {
        let rule: Rule = |sources| wire_types(sources, &["src/plan/"]);
        check(rule, "src/plan/mod.rs", "use serde::{Deserialize, Serialize};", 2);
        check(rule, "src/plan/mod.rs", "#[derive(Serialize)]\nstruct S;", 1);
        check(rule, "src/execute/mod.rs", "use serde::Serialize;", 0);
    }
}
