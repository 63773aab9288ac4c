//! Asks: one task a source. Everything that it sends is a `GET` or `HEAD` of a page; the client it holds is only used for those.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::feed::{self, Condition, Document, Unreadable};
use super::pace::Pace;
use super::prior::{Observation, Seen, Source};
use super::priors::Priors;
use crate::config::{HealthCheck, Probe, ProbeKind, StatusFeed, Watched};
use crate::provider::{Client, ClientError, Got, Page, Validators};

/// Until a page is read; a slower one counts as none.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// What is read of a feed.
const FEED_BYTES_MAX: usize = 256 * 1024;
/// How long "not modified" is believed. Whether an incident goes on also depends on the time, which no answer knows.
const REREAD: Duration = Duration::from_secs(60 * 60);

/// What looks at providers, until it is cancelled.
#[derive(Debug)]
pub struct Watchers {
    tasks: TaskTracker,
}

impl Watchers {
    /// Starts to look at everything that is configured; without anything it starts nothing. To change what is watched, cancel
    /// and start anew with the same `priors`: what is still watched keeps what is known about it.
    ///
    /// The client's connections should not be pooled ([`Client::without_pool`]), so that a probe measures a whole way.
    #[must_use]
    pub fn start(
        watched: &[Watched],
        client: &Client,
        priors: &Priors,
        cancel: &CancellationToken,
    ) -> Self {
        priors.keep(watched);
        let tasks = TaskTracker::new();
        for each in watched {
            for job in jobs(each) {
                let (client, priors) = (client.clone(), priors.clone());
                let (asked, cancel) = (each.clone(), cancel.clone());
                tasks.spawn(async move {
                    cancel.run_until_cancelled(keep_looking(asked, job, &client, &priors)).await
                });
            }
        }
        tasks.close();
        Self { tasks }
    }

    /// For a configuration that watches nothing.
    #[must_use]
    pub fn none(priors: &Priors) -> Self {
        priors.keep(&[]);
        let tasks = TaskTracker::new();
        tasks.close();
        Self { tasks }
    }

    /// Waits until all of them have stopped.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// One source of one provider.
#[derive(Debug)]
enum Job {
    HealthCheck(HealthCheck),
    Probe(Probe),
    Feed(Reading),
}

/// A feed, and what it said last.
#[derive(Debug)]
struct Reading {
    feed: StatusFeed,
    known: Validators,
    /// What it said, and when that was read.
    told: Option<(Condition, Instant)>,
}

/// Why a source says nothing about its provider.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("no answer in time")]
    Late,
    #[error(transparent)]
    Unanswered(#[from] ClientError),
    #[error("answered with status {0}")]
    Status(u16),
    #[error("not modified, but nothing is known yet")]
    NothingKnown,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

fn jobs(watched: &Watched) -> impl Iterator<Item = Job> {
    let Watched { provider: _, health_check, probe, status_feed } = watched;
    let reading = |feed: StatusFeed| Reading { feed, known: Validators::default(), told: None };
    let check = health_check.clone().map(Job::HealthCheck);
    let feed = status_feed.clone().map(|feed| Job::Feed(reading(feed)));
    [check, probe.map(Job::Probe), feed].into_iter().flatten()
}

async fn keep_looking(watched: Watched, mut job: Job, client: &Client, priors: &Priors) {
    let (name, source) = (watched.provider.name.as_str(), job.source());
    let mut pace = Pace::new(job.every());
    tokio::time::sleep(pace.first(fastrand::f64())).await;
    loop {
        let seen = job.look(&watched, client).await;
        let chance = fastrand::f64();
        let wait = if seen.is_ok() { pace.after_word(chance) } else { pace.after_silence(chance) };
        match seen {
            Ok(seen) => {
                let observation = Observation { source, seen, holds: pace.holds() };
                let [before, after] = priors.observe(name, observation, Instant::now());
                if before != after {
                    let label = after.map_or("none", super::Doubt::label);
                    tracing::info!(
                        provider = name,
                        doubt = label,
                        "another doubt about a provider"
                    );
                }
            }
            Err(error) if pace.fell_silent() => {
                tracing::warn!(provider = name, source = source.label(), %error, "a source says nothing");
            }
            Err(error) => {
                tracing::debug!(provider = name, source = source.label(), %error, "a source says nothing");
            }
        }
        tokio::time::sleep(wait).await;
    }
}

impl Job {
    fn source(&self) -> Source {
        match self {
            Self::HealthCheck(_) => Source::HealthCheck,
            Self::Probe(_) => Source::Probe,
            Self::Feed(_) => Source::Feed,
        }
    }

    fn every(&self) -> Duration {
        match self {
            Self::HealthCheck(check) => check.every,
            Self::Probe(probe) => probe.every,
            Self::Feed(reading) => reading.feed.every,
        }
    }

    async fn look(&mut self, watched: &Watched, client: &Client) -> Result<Seen, Silence> {
        match self {
            Self::HealthCheck(check) => Ok(check_health(check, client).await),
            Self::Probe(probe) => measure(*probe, watched, client).await,
            Self::Feed(reading) => reading.read_again(client).await.map(Seen::Told),
        }
    }
}

/// Anything but the expected status is a failed check, no answer included.
async fn check_health(check: &HealthCheck, client: &Client) -> Seen {
    let known = Validators::default();
    let page = Page::Public { url: &check.url, known: &known, bytes_max: 0 };
    let begun = Instant::now();
    match fetch(client, page).await {
        Ok(got) if got.status == check.expect_status => Seen::Answered(begun.elapsed()),
        Ok(_) | Err(_) => Seen::Failed,
    }
}

/// Whoever refuses a probe is there, and somebody who is there can be asked; only an error of the server's own fails it. Of one
/// that asks for fewer probes nothing is known.
async fn measure(probe: Probe, watched: &Watched, client: &Client) -> Result<Seen, Silence> {
    let page = match probe.kind {
        ProbeKind::Connect => Page::Door(&watched.provider),
        ProbeKind::Models => Page::Models(&watched.provider),
    };
    let begun = Instant::now();
    match fetch(client, page).await {
        Ok(Got { status: 429, .. }) => Err(Silence::Status(429)),
        Ok(got) if got.status < 500 => Ok(Seen::Answered(begun.elapsed())),
        Ok(_) | Err(_) => Ok(Seen::Failed),
    }
}

impl Reading {
    /// A feed that cannot be had or understood says nothing about its provider.
    async fn read_again(&mut self, client: &Client) -> Result<Condition, Silence> {
        let feed = &self.feed;
        let now = Instant::now();
        let told = self.told.filter(|(_, at)| now.duration_since(*at) < REREAD);
        let known = told.map_or_else(Validators::default, |_| self.known.clone());
        let page = Page::Public { url: &feed.url, known: &known, bytes_max: FEED_BYTES_MAX };
        let got = fetch(client, page).await?;
        match got.status {
            304 => return told.map(|(condition, _)| condition).ok_or(Silence::NothingKnown),
            200 => {}
            status => return Err(Silence::Status(status)),
        }
        let text = String::from_utf8_lossy(&got.body);
        let component = feed.component.as_deref();
        let document = Document { text: &text, is_cut: got.is_cut, component };
        let condition = feed::read(feed.kind, document, wall_clock())?;
        self.known = got.validators;
        self.told = Some((condition, now));
        Ok(condition)
    }
}

async fn fetch(client: &Client, page: Page<'_>) -> Result<Got, Silence> {
    let answered = tokio::time::timeout(ANSWER_TIME_MAX, client.get(page)).await;
    Ok(answered.map_err(|_elapsed| Silence::Late)??)
}

#[expect(clippy::disallowed_methods, reason = "incidents are dated by the calendar")]
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
