//! Providers, checked: where they are, what they speak, and how they are told who pays.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::check::{Check, RESERVED, bad_url};
use super::node::{Kind, Node};
use super::raw::RawSecret;
use super::raw_provider::{RawAws, RawProvider};
use super::{Credential, Dialect, Provider, Secret, Speech};

/// The newest stable version of Azure's interface; the configuration may name another one.
const AZURE_VERSION: &str = "2024-10-21";

impl Check<'_, '_, '_> {
    pub(super) fn providers(&mut self, raw: &BTreeMap<String, RawProvider>) -> Vec<Arc<Provider>> {
        let mut providers = Vec::new();
        for (name, provider) in self.in_file_order("providers", raw) {
            if name.is_empty() || name.contains('/') || RESERVED.contains(&name.as_str()) {
                let message = "a provider has a name without `/` that is not `auto` or `tier`";
                self.error(&["providers", name], message);
            }
            let speech = self.speech(name, provider);
            let base_url = self.base_url(name, provider, &speech);
            let credential = self.who_pays(name, provider);
            providers.push(Arc::new(match self.around.sandbox {
                // It speaks OpenAI's dialect for everybody.
                Some(sandbox) => {
                    let url = format!("{sandbox}/{name}/v1");
                    Provider::new(name, Dialect::OpenAi, &url, Credential::NotNeeded)
                }
                None => Provider {
                    name: name.clone(),
                    dialect: speech.protocol,
                    speech,
                    base_url,
                    credential,
                    region: provider.region.clone(),
                },
            }));
        }
        if providers.is_empty() {
            self.error(&["providers"], "empty; write at least one provider");
        }
        providers
    }

    /// The row of the table of dialects.
    fn speech(&mut self, name: &str, raw: &RawProvider) -> Speech {
        let Some(speech) = self.around.dialects.get(&raw.dialect) else {
            let known: Vec<&str> = self.around.dialects.keys().map(String::as_str).collect();
            let path = ["providers", name, "dialect"];
            let shown = self.shown(&raw.dialect, &path);
            self.error(&path, format!("{shown} is unknown; known here: {}", known.join(", ")));
            return Speech::plain(Dialect::OpenAi);
        };
        let version = raw.api_version.as_deref().unwrap_or(AZURE_VERSION);
        let mut speech = speech.clone();
        speech.path = speech.path.map(|path| path.replace("{api_version}", version));
        speech
    }

    /// The configuration's own address, or that of the dialect with its places filled in.
    fn base_url(&mut self, name: &str, raw: &RawProvider, speech: &Speech) -> String {
        let path = ["providers", name, "base_url"];
        let Some(written) = raw.base_url.as_ref().or(speech.base_url.as_ref()) else {
            let dialect = &speech.name;
            self.error(&path, format!("missing; `dialect: {dialect}` is served at many addresses"));
            return String::new();
        };
        let mut url = written.trim_end_matches('/').to_owned();
        // Only regions stand in front of the host that all have in common.
        match raw.location.as_deref() {
            Some("global") => url = url.replace("{location}-", ""),
            Some(several @ ("us" | "eu")) => {
                let host = format!("//aiplatform.{several}.rep.googleapis.com");
                url = url.replace("//{location}-aiplatform.googleapis.com", &host);
            }
            Some(_) | None => {}
        }
        let places =
            [("region", &raw.region), ("project", &raw.project), ("location", &raw.location)];
        for (place, given) in places {
            let pattern = format!("{{{place}}}");
            match given {
                Some(given) => url = url.replace(&pattern, given),
                None if url.contains(&pattern) => {
                    let dialect = &speech.name;
                    let missing = ["providers", name, place];
                    self.error(&missing, format!("missing; `dialect: {dialect}` needs it"));
                    url = url.replace(&pattern, "x");
                }
                None => {}
            }
        }
        if let Some(complaint) = bad_url(&url) {
            self.error(&path, complaint);
        }
        url
    }

    fn who_pays(&mut self, name: &str, raw: &RawProvider) -> Credential {
        if let Some(account) = &raw.service_account {
            return self.account(name, account);
        }
        match &raw.aws {
            Some(aws) => self.aws(name, aws, raw.region.as_deref()),
            None => self.credential(name, raw.api_key.as_ref()),
        }
    }

    fn aws(&mut self, name: &str, raw: &RawAws, region: Option<&str>) -> Credential {
        if region.is_none() {
            self.error(&["providers", name, "region"], "missing; a signature names its region");
        }
        let path = |key| ["providers", name, "aws", key];
        for key in ["access_key_id", "secret_access_key"] {
            if let Some(Node { kind: Kind::Unset(variable), .. }) = self.around.root.at(&path(key))
            {
                return Credential::Unset { variable: variable.clone() };
            }
        }
        let id = self.secret(&raw.access_key_id, &path("access_key_id"));
        let secret = self.secret(&raw.secret_access_key, &path("secret_access_key"));
        let session = raw.session_token.as_ref();
        let session = session.and_then(|token| self.secret(token, &path("session_token")));
        match id.zip(secret) {
            Some((id, secret)) => Credential::Aws { id, secret, session },
            None => Credential::NotNeeded,
        }
    }

    /// A service account's key is a document, which other secrets may not be.
    fn account(&mut self, name: &str, raw: &RawSecret) -> Credential {
        let path = ["providers", name, "service_account"];
        if let Some(Node { kind: Kind::Unset(variable), .. }) = self.around.root.at(&path) {
            return Credential::Unset { variable: variable.clone() };
        }
        let text = match raw.0.strip_prefix("file:") {
            None => Ok(raw.0.clone()),
            Some(file) => (self.around.read)(Path::new(file)),
        };
        let document = text.ok().filter(|text| text.trim_start().starts_with('{'));
        match document {
            Some(document) => Credential::Google(Secret::new(document)),
            None => {
                self.error(&path, "not a service account's key; write `file:PATH` of its JSON");
                Credential::NotNeeded
            }
        }
    }

    fn credential(&mut self, provider: &str, api_key: Option<&RawSecret>) -> Credential {
        let path = ["providers", provider, "api_key"];
        if let Some(Node { kind: Kind::Unset(variable), .. }) = self.around.root.at(&path) {
            return Credential::Unset { variable: variable.clone() };
        }
        let Some(written) = api_key else { return Credential::NotNeeded };
        // `${NAME:-}` with nothing set.
        if let Some(variable) = self.variable(&path).filter(|_| written.0.trim().is_empty()) {
            return Credential::Unset { variable: variable.to_owned() };
        }
        self.secret(written, &path).map_or(Credential::NotNeeded, Credential::Key)
    }

    /// A key as written, or the content of the file that `file:PATH` names.
    pub(super) fn secret(&mut self, written: &RawSecret, path: &[&str]) -> Option<Secret> {
        let text = match written.0.strip_prefix("file:") {
            None => Ok(written.0.clone()),
            Some(file) => (self.around.read)(Path::new(file))
                .map_err(|reason| format!("cannot read the secret's file `{file}`: {reason}")),
        };
        let complaint = match text.as_deref().map(str::trim) {
            Err(reason) => reason.clone(),
            Ok("") => "empty; write a key, or leave it out where none is needed".to_owned(),
            // RFC 9110 section 5.5: what a header may carry.
            Ok(key) if !key.chars().all(|each| each.is_ascii_graphic()) => {
                "has a space or another character that no key has; copy it again".to_owned()
            }
            Ok(key) => return Some(Secret::new(key.to_owned())),
        };
        self.error(path, complaint);
        None
    }
}
