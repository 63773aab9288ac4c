//! Raw to checked: every reference resolved, every value that only makes sense beside another one looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::node::{Kind, Node};
use super::problem::{Problems, did_you_mean};
use super::raw::{RawBreaker, RawConfig, RawDialect, RawEmbedderModel, RawProvider, RawTimers};
use super::{
    Breaker, Config, Credential, Dialect, Embedder, Provider, QueryType, Secret, Server, Target,
    Tier, Timers, Vote,
};

/// The only version of the format so far.
const VERSION: u32 = 1;
/// Names that a caller may send as `model` and that no alias or provider may take.
const RESERVED: [&str; 2] = ["auto", "tier"];

/// Reads a secret's file; an error is said in words.
pub(super) type ReadFile<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// What a check needs beside the raw configuration.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The tree, for lines and for variables that are not set.
    pub(super) root: &'a Node,
    /// Reads the file of a secret.
    pub(super) read: ReadFile<'a>,
    /// Where the sandbox listens, when it answers for every provider.
    pub(super) sandbox: Option<&'a str>,
}

/// Checks everything but the examples. `None` only when a problem of severity error was added.
pub(super) fn check(
    raw: &RawConfig,
    around: Around<'_>,
    problems: &mut Problems<'_>,
) -> Option<Config> {
    let before = errors(problems);
    let mut check = Check { around, problems };
    if raw.version != VERSION {
        let message = format!("version `{}` is not known; write {VERSION}", raw.version);
        check.error(&["version"], message);
    }
    let server = check.server(raw);
    let providers = check.providers(&raw.providers);
    let tiers = check.tiers(raw, &providers);
    let query_types = check.query_types(raw, &tiers);
    let default_tier = check.tier(&raw.default_tier, &tiers, &["default_tier"]);
    let timers = check.timers(&raw.timers);
    let breaker = check.breaker(&raw.breaker);
    let aliases = check.aliases(raw);
    if errors(check.problems) > before {
        return None;
    }
    Some(Config {
        server,
        embedder: Embedder {
            model: match raw.embedder.model {
                RawEmbedderModel::Minilm => "minilm".to_owned(),
            },
            deadline: Duration::from_millis(raw.embedder.deadline_ms),
        },
        vote: Vote { neighbours: raw.vote.neighbours, sharpness: raw.vote.sharpness },
        timers,
        breaker,
        providers,
        tiers,
        default_tier: default_tier?,
        query_types,
        aliases,
        examples: Vec::new(),
    })
}

fn errors(problems: &Problems<'_>) -> usize {
    let severe = |problem: &&super::Problem| problem.severity == super::Severity::Error;
    problems.found.iter().filter(severe).count()
}

struct Check<'a, 'p, 'f> {
    around: Around<'a>,
    problems: &'p mut Problems<'f>,
}

impl Check<'_, '_, '_> {
    fn server(&mut self, raw: &RawConfig) -> Server {
        let mut api_keys = Vec::new();
        for key in &raw.server.api_keys {
            let secret = self.secret(key, &["server", "api_keys"]);
            // `[${SEMROUTE_API_KEY:-}]` with nothing set means that no key is asked for.
            api_keys.extend(secret.filter(|secret| !secret.expose().is_empty()));
        }
        Server {
            api_keys,
            allow_open: raw.server.allow_open,
            body_bytes_max: raw.server.body_bytes_max,
            in_flight_max: raw.server.in_flight_max,
        }
    }

    fn providers(&mut self, raw: &BTreeMap<String, RawProvider>) -> Vec<Arc<Provider>> {
        let mut providers = Vec::new();
        for (name, provider) in raw {
            let key = ["providers", name.as_str()];
            if name.contains('/') || RESERVED.contains(&name.as_str()) {
                self.error(&key, "a provider's name is not `auto` or `tier` and has no `/`");
            }
            let base_url = provider.base_url.trim_end_matches('/').to_owned();
            if let Some(complaint) = bad_url(&base_url) {
                self.error(&["providers", name, "base_url"], complaint);
            }
            let mut credential = self.credential(name, provider.api_key.as_deref());
            let mut base_url = base_url;
            if let Some(sandbox) = self.around.sandbox {
                base_url = format!("{sandbox}/{name}/v1");
                credential = Credential::NotNeeded;
            }
            let dialect = match provider.dialect {
                RawDialect::Openai => Dialect::OpenAi,
            };
            providers.push(Arc::new(Provider {
                name: name.clone(),
                dialect,
                base_url,
                credential,
            }));
        }
        if providers.is_empty() {
            self.error(&["providers"], "empty; write at least one provider");
        }
        providers
    }

    fn credential(&mut self, provider: &str, api_key: Option<&str>) -> Credential {
        let path = ["providers", provider, "api_key"];
        if let Some(Node { kind: Kind::Unset(variable), .. }) = self.around.root.at(&path) {
            return Credential::Unset { variable: variable.clone() };
        }
        let Some(written) = api_key else { return Credential::NotNeeded };
        match self.secret(written, &path) {
            Some(secret) if secret.expose().is_empty() => {
                Credential::Unset { variable: "api_key".to_owned() }
            }
            Some(secret) => Credential::Key(secret),
            None => Credential::NotNeeded,
        }
    }

    /// A key as written, or the content of the file that `file:PATH` names.
    fn secret(&mut self, written: &str, path: &[&str]) -> Option<Secret> {
        let Some(file) = written.strip_prefix("file:") else {
            return Some(Secret::new(written.to_owned()));
        };
        match (self.around.read)(Path::new(file)) {
            Ok(content) => Some(Secret::new(content.trim().to_owned())),
            Err(reason) => {
                self.error(path, format!("cannot read the secret's file `{file}`: {reason}"));
                None
            }
        }
    }

    fn tiers(&mut self, raw: &RawConfig, providers: &[Arc<Provider>]) -> Vec<Arc<Tier>> {
        let mut tiers = Vec::new();
        for (name, tier) in &raw.tiers {
            let path = ["tiers", name, "targets"];
            let mut targets: Vec<Arc<Target>> = Vec::new();
            for id in &tier.targets {
                let Some(target) = self.target(id, providers, &path) else { continue };
                if targets.iter().any(|earlier| earlier.id == target.id) {
                    self.error(&path, format!("target `{id}` is listed twice; keep the first"));
                    continue;
                }
                targets.push(Arc::new(target));
            }
            if tier.targets.is_empty() {
                self.error(&path, "empty; list at least one provider/model");
            }
            let usable = targets.iter().any(|target| target.provider.is_usable());
            if !targets.is_empty() && !usable {
                let first = targets.first().map_or("", |target| target.provider.name.as_str());
                let message = format!(
                    "no target of this tier has its provider's key; set one, such as `{first}`'s"
                );
                self.warning(&path, message);
            }
            tiers.push(Arc::new(Tier { name: name.clone(), targets }));
        }
        if tiers.is_empty() {
            self.error(&["tiers"], "empty; write at least one tier");
        }
        tiers
    }

    fn target(&mut self, id: &str, providers: &[Arc<Provider>], path: &[&str]) -> Option<Target> {
        let Some((provider, model)) = id.split_once('/').filter(|(_, model)| !model.is_empty())
        else {
            self.error(path, format!("target `{id}` is not of the form provider/model"));
            return None;
        };
        match providers.iter().find(|known| known.name == provider) {
            Some(known) => Some(Target::new(Arc::clone(known), model)),
            None => {
                let names: Vec<&str> = providers.iter().map(|each| each.name.as_str()).collect();
                let hint = did_you_mean(provider, &names);
                self.error(path, format!("target `{id}` names no provider; {hint}"));
                None
            }
        }
    }

    fn query_types(&mut self, raw: &RawConfig, tiers: &[Arc<Tier>]) -> Vec<Arc<QueryType>> {
        let mut query_types = Vec::new();
        for (name, query_type) in &raw.query_types {
            let path = ["query_types", name, "tier"];
            let Some(tier) = self.tier(&query_type.tier, tiers, &path) else { continue };
            let min_confidence = query_type.min_confidence;
            query_types.push(Arc::new(QueryType { name: name.clone(), tier, min_confidence }));
        }
        if raw.query_types.is_empty() {
            self.error(&["query_types"], "empty; write at least one query type");
        }
        query_types
    }

    fn tier(&mut self, name: &str, tiers: &[Arc<Tier>], path: &[&str]) -> Option<Arc<Tier>> {
        let found = tiers.iter().find(|tier| tier.name == name);
        if found.is_none() {
            let names: Vec<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
            let hint = did_you_mean(name, &names);
            self.error(path, format!("unknown tier `{name}`; {hint}"));
        }
        found.map(Arc::clone)
    }

    fn timers(&mut self, raw: &RawTimers) -> Timers {
        if raw.connect_ms >= raw.total_ms {
            let message = "not below timers.total_ms, so no second target would ever be tried";
            self.error(&["timers", "connect_ms"], message);
        }
        Timers {
            total: Duration::from_millis(raw.total_ms),
            connect: Duration::from_millis(raw.connect_ms),
            first_content: Duration::from_millis(raw.first_content_ms),
            idle: Duration::from_millis(raw.idle_ms),
            answer: Duration::from_millis(raw.answer_ms),
        }
    }

    fn breaker(&mut self, raw: &RawBreaker) -> Breaker {
        if raw.open_max_ms < raw.open_ms {
            self.error(&["breaker", "open_max_ms"], "below breaker.open_ms; make it larger");
        }
        Breaker {
            failures: raw.failures,
            open: Duration::from_millis(raw.open_ms),
            open_max: Duration::from_millis(raw.open_max_ms),
        }
    }

    fn aliases(&mut self, raw: &RawConfig) -> Vec<(String, String)> {
        for (alias, meaning) in &raw.aliases {
            let path = ["aliases", alias.as_str()];
            if RESERVED.contains(&alias.as_str()) {
                self.error(&path, "`auto` and `tier` have their own meaning; choose another name");
            }
            let known = match meaning.split_once('/') {
                None => meaning == "auto",
                Some(("tier", tier)) => raw.tiers.contains_key(tier),
                Some((provider, model)) => {
                    raw.providers.contains_key(provider) && !model.is_empty()
                }
            };
            if !known {
                let wanted = "write `auto`, `tier/<name>` or `<provider>/<model>`";
                self.error(&path, format!("`{meaning}` names nothing that exists; {wanted}"));
            }
        }
        raw.aliases.iter().map(|(alias, meaning)| (alias.clone(), meaning.clone())).collect()
    }

    fn error(&mut self, path: &[&str], message: impl Into<String>) {
        let line = self.line(path);
        self.problems.error(line, &path.join("."), message);
    }

    fn warning(&mut self, path: &[&str], message: impl Into<String>) {
        let line = self.line(path);
        self.problems.warning(line, &path.join("."), message);
    }

    /// The line of the key, or of the nearest one around it that is written.
    fn line(&self, path: &[&str]) -> usize {
        let mut around = path;
        loop {
            if let Some(node) = self.around.root.at(around) {
                return node.line;
            }
            let Some((_, outer)) = around.split_last() else { return 0 };
            around = outer;
        }
    }
}

/// A provider's address is an http or https URL that carries no credentials.
fn bad_url(url: &str) -> Option<String> {
    let after_scheme = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = after_scheme.filter(|rest| !rest.is_empty()) else {
        return Some(format!("`{url}` is not an http:// or https:// address"));
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    if authority.contains('@') {
        return Some("carries a user or password; put the key under api_key".to_owned());
    }
    url.contains(['?', '#', ' ']).then(|| format!("`{url}` has a query, fragment or space"))
}
