//! What is asked about a provider beside real traffic, checked.

use std::sync::Arc;
use std::time::Duration;

use super::check::bad_page;
use super::raw_provider::RawProvider;
use super::raw_watch::{RawFeedKind, RawHealthCheck, RawProbe, RawStatusFeed};
use super::{Credential, Provider};

/// What is asked about one provider; at least one thing.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Whom it is about.
    pub provider: Arc<Provider>,
    /// A page that answers well while the provider is well.
    pub health_check: Option<HealthCheck>,
    /// How the way to it is measured.
    pub probe: Option<Probe>,
    /// What it publishes about its own troubles.
    pub status_feed: Option<StatusFeed>,
}

/// A page that answers well while a provider is well.
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// The page.
    pub url: String,
    /// Between two checks.
    pub every: Duration,
    /// The status of a provider that is well.
    pub expect_status: u16,
}

/// How the way to a provider is measured.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// By what.
    pub kind: ProbeKind,
    /// Between two probes.
    pub every: Duration,
}

/// What a probe sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    /// `HEAD` of the endpoint's root, without the key.
    Connect,
    /// `GET {base_url}/models`, with the key.
    Models,
}

/// A page on which a provider publishes its troubles.
#[derive(Debug, Clone)]
pub struct StatusFeed {
    /// The page.
    pub url: String,
    /// Its form.
    pub kind: FeedKind,
    /// What the name of a component or the title of an incident must contain.
    pub component: Option<String>,
    /// Between two readings.
    pub every: Duration,
}

/// The form of a status feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedKind {
    /// Statuspage's summary.
    Statuspage,
    /// RSS or Atom.
    Rss,
}

/// Complains about a key below the provider.
pub(super) type Complain<'a> = &'a mut dyn FnMut(&[&str], &str);

/// What is watched of a provider; nothing when it is left out for want of a key, because nobody would be sent there.
pub(super) fn watched(
    raw: &RawProvider,
    provider: &Arc<Provider>,
    complain: Complain<'_>,
) -> Option<Watched> {
    let health_check = raw.health_check.as_ref().map(|raw| health_check(raw, complain));
    let status_feed = raw.status_feed.as_ref().map(|raw| status_feed(raw, complain));
    let every = Duration::from_millis(raw.probe_every_ms);
    let probe = match raw.probe {
        RawProbe::Off => None,
        RawProbe::Connect => Some(Probe { kind: ProbeKind::Connect, every }),
        RawProbe::Models => Some(Probe { kind: ProbeKind::Models, every }),
    };
    let has_list = match provider.credential {
        Credential::Aws { .. } | Credential::Google(_) => false,
        Credential::NotNeeded | Credential::Key(_) | Credential::Unset { .. } => true,
    };
    if raw.probe == RawProbe::Models && !has_list {
        complain(
            &["probe"],
            "there is no free list of models under this credential; write `connect`",
        );
    }
    let is_left_out = !provider.is_usable();
    let is_asked = health_check.is_some() || probe.is_some() || status_feed.is_some();
    let provider = Arc::clone(provider);
    (is_asked && !is_left_out).then_some(Watched { provider, health_check, probe, status_feed })
}

fn health_check(raw: &RawHealthCheck, complain: Complain<'_>) -> HealthCheck {
    if let Some(complaint) = bad_page(&raw.url) {
        complain(&["health_check", "url"], complaint);
    }
    let every = Duration::from_millis(raw.every_ms);
    HealthCheck { url: raw.url.clone(), every, expect_status: raw.expect_status }
}

fn status_feed(raw: &RawStatusFeed, complain: Complain<'_>) -> StatusFeed {
    if let Some(complaint) = bad_page(&raw.url) {
        complain(&["status_feed", "url"], complaint);
    }
    let component = raw.component.as_ref().map(|component| component.trim().to_owned());
    if component.as_deref() == Some("") {
        complain(&["status_feed", "component"], "empty; write a part of its name, or leave it out");
    }
    let kind = match raw.kind {
        RawFeedKind::Statuspage => FeedKind::Statuspage,
        RawFeedKind::Rss => FeedKind::Rss,
    };
    StatusFeed { url: raw.url.clone(), kind, component, every: Duration::from_millis(raw.every_ms) }
}
