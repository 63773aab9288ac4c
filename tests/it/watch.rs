//! Health checks, probes and status feeds against servers that behave well and badly.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::sync::Arc;
use std::time::Duration;

use semroute::config::{
    Credential, Dialect, FeedKind, HealthCheck, Probe, ProbeKind, Provider, Secret, StatusFeed,
    Watched,
};
use semroute::provider::{Client, Got, Page, Validators};
use semroute::watch::{Doubt, Priors, Watchers};
use semroute::{config, gateway};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::support::{Act, PATIENCE, Upstream};

/// Long enough that a busy machine does not let an observation run out before the next one.
const EVERY: Duration = Duration::from_millis(200);
const WELL: &str = r#"{"status": {"indicator": "none"}}"#;
const MINOR: &str = r#"{"status": {"indicator": "minor"}}"#;
const MAJOR: &str = r#"{"status": {"indicator": "critical"}}"#;

fn provider(upstream: &Upstream) -> Arc<Provider> {
    let credential = Credential::Key(Secret::new(upstream.key()));
    let url = upstream.base_url();
    Arc::new(Provider::new(upstream.name, Dialect::OpenAi, &url, credential))
}

/// Nothing yet.
fn watched(upstream: &Upstream) -> Watched {
    Watched { provider: provider(upstream), health_check: None, probe: None, status_feed: None }
}

fn url(upstream: &Upstream, path: &str) -> String {
    upstream.base_url().replace("/v1", path)
}

fn health_check(upstream: &Upstream) -> HealthCheck {
    HealthCheck { url: url(upstream, "/health"), every: EVERY, expect_status: 200 }
}

fn feed(upstream: &Upstream, kind: FeedKind) -> StatusFeed {
    StatusFeed { url: url(upstream, "/feed"), kind, component: None, every: EVERY }
}

/// What looks at one provider, until the test ends.
struct Watching {
    name: &'static str,
    priors: Priors,
    cancel: CancellationToken,
    watchers: Watchers,
}

impl Watching {
    fn start(name: &'static str, watched: Watched) -> Self {
        Self::again(name, watched, Priors::default())
    }

    fn again(name: &'static str, watched: Watched, priors: Priors) -> Self {
        let cancel = CancellationToken::new();
        let watchers = Watchers::start(&[watched], &client(), &priors, &cancel);
        Self { name, priors, cancel, watchers }
    }

    fn doubt(&self) -> Option<Doubt> {
        self.priors.of(self.name, Instant::now())
    }

    async fn until(&self, expected: Option<Doubt>) {
        let begun = Instant::now();
        while self.doubt() != expected {
            assert!(begun.elapsed() < PATIENCE, "{:?} instead of {expected:?}", self.doubt());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> Priors {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.watchers.stopped()).await.unwrap();
        self.priors
    }
}

fn client() -> Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::without_pool(Duration::from_secs(1)).unwrap()
}

/// Every request asked for a page and carried no body, and the key went where it may.
fn assert_harmless(upstream: &Upstream) {
    for call in upstream.calls() {
        assert!(["GET", "HEAD"].contains(&call.method.as_str()), "{call:?}");
        assert_eq!(call.body, "", "{call:?}");
        assert_eq!(call.text().contains(&upstream.key()), call.path == "/v1/models", "{call:?}");
        assert!(!call.path.contains("chat"), "{call:?}");
    }
}

#[tokio::test]
async fn a_failing_health_check_is_doubted_until_it_passes() {
    let upstream = Upstream::always("one", Act::status(503, "no")).await;
    let check = Watched { health_check: Some(health_check(&upstream)), ..watched(&upstream) };
    let watching = Watching::start("one", check);
    upstream.until_called(1).await;
    watching.until(Some(Doubt::HealthCheck)).await;
    assert!(upstream.call_count() >= 2, "one failure is no reason");
    upstream.next(vec![Act::status(200, "ok"); 1_000]);
    watching.until(None).await;
    assert_eq!(watching.priors.of("other", Instant::now()), None);
    watching.stop().await;
    assert_harmless(&upstream);
}

#[tokio::test]
async fn a_probe_measures_the_way_and_notices_when_there_is_none() {
    for (kind, path) in [(ProbeKind::Connect, "/"), (ProbeKind::Models, "/v1/models")] {
        let upstream = Upstream::always("one", Act::status(401, "no")).await;
        let probe = Some(Probe { kind, every: EVERY });
        let watching = Watching::start("one", Watched { probe, ..watched(&upstream) });
        let begun = Instant::now();
        let latency = loop {
            if let Some(latency) = watching.priors.latency("one", Instant::now()) {
                break latency;
            }
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        assert!(latency > Duration::ZERO && latency < PATIENCE, "{latency:?}");
        upstream.until_called(3).await;
        // Each measures a whole way.
        assert!(upstream.connections() >= upstream.call_count());
        assert_eq!(watching.doubt(), None, "who refuses is there");
        assert!(upstream.calls().iter().all(|call| call.path == path));
        watching.stop().await;
        assert_harmless(&upstream);
    }
    let nobody = Upstream::refusing("one");
    let probe = Some(Probe { kind: ProbeKind::Connect, every: EVERY });
    let watching = Watching::start("one", Watched { probe, ..watched(&nobody) });
    watching.until(Some(Doubt::Probe)).await;
    assert_eq!(watching.priors.latency("one", Instant::now()), None);
}

#[tokio::test]
async fn a_feed_that_has_not_changed_still_says_the_same() {
    let upstream = Upstream::always("one", Act::response(304, &[], "")).await;
    let modified = "Wed, 07 Oct 2026 21:29:59 GMT";
    let headers = [("etag", "W/\"abc\""), ("last-modified", modified)];
    upstream.next([Act::response(200, &headers, MAJOR)]);
    let status_feed = Some(feed(&upstream, FeedKind::Statuspage));
    let watching = Watching::start("one", Watched { status_feed, ..watched(&upstream) });
    // The second word of the two comes from a 304.
    watching.until(Some(Doubt::FeedMajor)).await;
    let calls = upstream.calls();
    let [first, second, ..] = calls.as_slice() else { panic!("{} calls", calls.len()) };
    assert_eq!(first.header("if-none-match"), None);
    assert_eq!(first.header("if-modified-since"), None);
    assert_eq!(second.header("if-none-match"), Some("W/\"abc\""));
    assert_eq!(second.header("if-modified-since"), Some(modified));
    upstream.next(vec![Act::response(200, &[], WELL); 1_000]);
    watching.until(None).await;
    let before = upstream.call_count();
    upstream.until_called(before + 2).await;
    assert_eq!(
        upstream.calls().last().unwrap().header("if-none-match"),
        None,
        "it has no name now"
    );
    watching.stop().await;
    assert_harmless(&upstream);
}

#[tokio::test]
async fn a_feed_that_cannot_be_read_says_nothing_and_is_asked_rarely() {
    let elsewhere = Upstream::always("two", Act::status(200, MAJOR)).await;
    let moved = url(&elsewhere, "/feed");
    for act in [
        Act::response(302, &[("location", &moved)], MAJOR),
        Act::response(304, &[], ""),
        Act::status(500, MAJOR),
        Act::status(200, "<html>Just a moment...</html>"),
        Act::truncated(MAJOR),
        Act::reset(),
    ] {
        let upstream = Upstream::always("one", act.clone()).await;
        let quick = Duration::from_millis(20);
        let status_feed = StatusFeed { every: quick, ..feed(&upstream, FeedKind::Statuspage) };
        let status_feed = Some(status_feed);
        let watching = Watching::start("one", Watched { status_feed, ..watched(&upstream) });
        upstream.until_called(2).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(watching.doubt(), None, "{act:?}");
        // 20, 40, 80, 160, 320 milliseconds; at its own pace it would have been asked 25 times.
        assert!(upstream.call_count() <= 8, "{} calls: {act:?}", upstream.call_count());
        watching.stop().await;
        assert_harmless(&upstream);
    }
    assert_eq!(elsewhere.connections(), 0, "redirects are not followed");
}

#[tokio::test]
async fn a_page_that_hangs_is_given_up() {
    let upstream = Upstream::always("one", Act::hang()).await;
    let check = Some(health_check(&upstream));
    let watching = Watching::start("one", Watched { health_check: check, ..watched(&upstream) });
    upstream.until_called(2).await;
    // Five seconds later; no sooner, because slow is not dead.
    let begun = Instant::now();
    upstream.until_called(3).await;
    assert!(begun.elapsed() > Duration::from_secs(4), "{:?}", begun.elapsed());
    watching.stop().await;
}

#[tokio::test]
async fn no_more_is_read_of_a_long_page_than_is_asked_for() {
    let long = "x".repeat(40 * 1024 * 1024);
    let upstream = Upstream::always("one", Act::status(200, &long)).await;
    let page = url(&upstream, "/long");
    let known = Validators::default();
    for bytes_max in [0, 1, 256 * 1024] {
        let got = client().get(Page::Public { url: &page, known: &known, bytes_max }).await;
        let Got { status, validators, body, is_cut } = got.unwrap();
        assert_eq!((status, body.len(), is_cut), (200, bytes_max, bytes_max > 0));
        assert_eq!(validators, Validators::default());
    }
    // The rest was never sent.
    upstream.until_abandoned(3).await;
}

#[tokio::test]
async fn a_long_feed_counts_as_far_as_it_is_read() {
    let open = "<rss><channel><item><title>Partial outage</title><description>&lt;b&gt;Investigating&lt;/b&gt;\
                </description></item>";
    let old =
        "<item><title>Old</title><description>&lt;b&gt;Resolved&lt;/b&gt;</description></item>";
    let upstream =
        Upstream::always("one", Act::status(200, &format!("{open}{}", old.repeat(10_000)))).await;
    let status_feed = Some(feed(&upstream, FeedKind::Rss));
    let watching = Watching::start("one", Watched { status_feed, ..watched(&upstream) });
    watching.until(Some(Doubt::FeedMajor)).await;
    watching.stop().await;
}

#[tokio::test]
async fn half_of_a_summary_says_nothing() {
    let padded = format!("{MAJOR}{}", " ".repeat(300 * 1024));
    let upstream = Upstream::always("one", Act::status(200, &padded)).await;
    let status_feed = Some(feed(&upstream, FeedKind::Statuspage));
    let watching = Watching::start("one", Watched { status_feed, ..watched(&upstream) });
    upstream.until_called(2).await;
    assert_eq!(watching.doubt(), None);
    watching.stop().await;
}

#[tokio::test]
async fn nothing_is_asked_after_the_end_and_what_is_known_stays() {
    let upstream = Upstream::always("one", Act::status(200, MINOR)).await;
    let slow = Duration::from_secs(3600);
    let check = Watched {
        health_check: Some(HealthCheck { every: slow, ..health_check(&upstream) }),
        probe: Some(Probe { kind: ProbeKind::Models, every: EVERY }),
        status_feed: Some(feed(&upstream, FeedKind::Statuspage)),
        ..watched(&upstream)
    };
    let watching = Watching::start("one", check.clone());
    watching.until(Some(Doubt::FeedMinor)).await;
    let priors = watching.stop().await;
    let calls = upstream.call_count();
    tokio::time::sleep(EVERY * 2).await;
    assert_eq!(upstream.call_count(), calls);
    assert_harmless(&upstream);
    // With the same priors, a new start goes on where the old one ended; what is asked no more is forgotten.
    let again = Watching::again("one", check.clone(), priors.clone());
    again.until(Some(Doubt::FeedMinor)).await;
    again.stop().await;
    let without = Watching::again("one", Watched { status_feed: None, ..check }, priors.clone());
    assert_eq!(without.doubt(), None);
    without.stop().await;
    Watchers::none(&priors).stopped().await;
    assert_eq!(priors.latency("one", Instant::now()), None);
}

#[tokio::test]
async fn real_answers_overrule_a_doubt_until_one_fails() {
    let upstream = Upstream::always("one", Act::status(503, "no")).await;
    let check = Watched { health_check: Some(health_check(&upstream)), ..watched(&upstream) };
    let watching = Watching::start("one", check);
    watching.until(Some(Doubt::HealthCheck)).await;
    for answers in 1..=3 {
        assert_eq!(watching.doubt(), Some(Doubt::HealthCheck), "{answers}");
        watching.priors.succeeded("one", Instant::now());
    }
    assert_eq!(watching.doubt(), None);
    watching.priors.failed("one");
    assert_eq!(watching.doubt(), Some(Doubt::HealthCheck));
    // Of somebody whom nobody watches nothing is kept.
    watching.priors.succeeded("other", Instant::now());
    assert_eq!(watching.priors.of("other", Instant::now()), None);
    watching.stop().await;
}

/// What a gateway watches that is configured so for provider `one`.
fn configured(watching: &str) -> (Priors, Watchers, CancellationToken) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let yaml = format!(
        "{{version: 1, providers: {{one: {{base_url: 'http://127.0.0.1:9/v1', {watching}}}}}, \
         tiers: {{t: {{targets: [one/m]}}}}, default_tier: t, query_types: {{q: {{tier: t}}}}}}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("semroute.yaml");
    std::fs::write(&file, yaml).unwrap();
    std::fs::create_dir(folder.path().join("examples")).unwrap();
    let row = r#"{"text": "hello", "label": "q"}"#;
    std::fs::write(folder.path().join("examples/q.jsonl"), row).unwrap();
    let loaded = config::load(&file, &|_| None, None).unwrap();
    let (priors, cancel) = (Priors::default(), CancellationToken::new());
    let watchers = gateway::watch(&loaded.config, &priors, &cancel).unwrap();
    (priors, watchers, cancel)
}

#[tokio::test]
async fn a_gateway_watches_what_is_configured_until_it_is_cancelled() {
    let upstream = Upstream::always("one", Act::status(500, "no")).await;
    let health = url(&upstream, "/health");
    let keys = format!("health_check: {{url: '{health}', every_ms: 1000, expect_status: 204}}");
    let (priors, watchers, cancel) = configured(&keys);
    let begun = Instant::now();
    while priors.of("one", Instant::now()) != Some(Doubt::HealthCheck) {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cancel.cancel();
    tokio::time::timeout(PATIENCE, watchers.stopped()).await.unwrap();
    assert_harmless(&upstream);
}

#[tokio::test]
async fn a_gateway_that_watches_nothing_has_nothing_to_wait_for() {
    let (priors, watchers, _cancel) = configured("probe: 'off'");
    tokio::time::timeout(PATIENCE, watchers.stopped()).await.unwrap();
    assert_eq!(priors.of("one", Instant::now()), None);
}
