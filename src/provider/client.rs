//! The one HTTP client; the only file that names reqwest.
//!
//! Redirects are never followed, because keys in headers of their own would follow them; nothing is decompressed, because
//! compression holds tokens back; no timer of the library covers a whole answer, because answers stream for minutes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use thiserror::Error;

use super::Encoded;
use crate::config::{Credential, Provider, Secret};

/// Unused connections are closed before the providers close them, which would lose a request.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// Most of an error body that is read.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Most of a whole answer that is read; images come inline as base64.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Sends requests to providers.
#[derive(Debug, Clone)]
pub struct Client {
    /// Through the proxy of the environment, where one is set.
    far: reqwest::Client,
    /// Without a proxy: to another machine, this machine's own addresses mean another thing.
    near: reqwest::Client,
}

/// Why there is no response, or no more of it.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The client cannot be built.
    #[error("cannot set up the HTTP client")]
    Setup(#[source] reqwest::Error),
    /// TCP or TLS took too long.
    #[error("no connection in time")]
    ConnectTimeout,
    /// Refused, reset, unknown host, bad certificate.
    #[error("no connection, or it broke")]
    Broken(#[source] reqwest::Error),
    /// The body is longer than the limit.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Nothing came for too long.
    #[error("the answer stopped coming")]
    Idle,
    /// The body is not UTF-8.
    #[error("the answer is not text")]
    NotText,
    /// The key holds bytes that no header may carry.
    #[error("the provider's key holds characters that no header may carry")]
    BadKey,
}

impl Client {
    /// Builds the client.
    ///
    /// # Errors
    /// When the operating system's certificates cannot be read.
    pub fn new(connect: Duration) -> Result<Self, ClientError> {
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(connect)
                .pool_idle_timeout(POOL_IDLE)
                .tcp_keepalive(Duration::from_secs(30))
                .tcp_nodelay(true)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("semroute/", env!("CARGO_PKG_VERSION")))
        };
        let far = builder().build().map_err(ClientError::Setup)?;
        let near = builder().no_proxy().build().map_err(ClientError::Setup)?;
        Ok(Self { far, near })
    }

    /// Sends a request and waits for the head of the response.
    ///
    /// # Errors
    /// When there is no response. Every status is a response.
    pub async fn send(
        &self,
        provider: &Arc<Provider>,
        encoded: Encoded,
    ) -> Result<Response, ClientError> {
        let http = if is_on_this_machine(&encoded.url) { &self.near } else { &self.far };
        let mut request =
            http.post(encoded.url).header(CONTENT_TYPE, "application/json").body(encoded.body);
        match &provider.credential {
            Credential::Key(key) => request = request.header(AUTHORIZATION, bearer(key)?),
            Credential::NotNeeded | Credential::Unset { .. } => {}
        }
        match request.send().await {
            Ok(inner) => Ok(Response { inner, provider: Arc::clone(provider) }),
            Err(error) if error.is_timeout() && error.is_connect() => {
                Err(ClientError::ConnectTimeout)
            }
            Err(error) => Err(ClientError::Broken(error.without_url())),
        }
    }
}

fn is_on_this_machine(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    let Some(host) = url.as_ref().and_then(reqwest::Url::host_str) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn bearer(key: &Secret) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose()))
        .map_err(|_invalid| ClientError::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The head of a response, and its body as it comes.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    provider: Arc<Provider>,
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// Whether the body is an event stream.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        let kind = self.inner.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// How long the provider asks us to stay away.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.inner.headers())
    }

    /// The text without our key: some providers repeat the key that they refuse.
    #[must_use]
    pub fn without_key(&self, text: &str) -> String {
        match &self.provider.credential {
            Credential::Key(key) => text.replace(key.expose(), "[key]"),
            Credential::NotNeeded | Credential::Unset { .. } => text.to_owned(),
        }
    }

    /// The next piece of the body; nothing at its end.
    ///
    /// # Errors
    /// When the connection breaks before the announced end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.inner.chunk().await.map_err(|error| ClientError::Broken(error.without_url()))
    }

    /// The whole body of an answer.
    ///
    /// # Errors
    /// When the connection breaks or rests for longer than `idle`, or the body is too long.
    pub async fn read_answer(&mut self, idle: Duration) -> Result<String, ClientError> {
        let mut body = Vec::new();
        loop {
            let piece = tokio::time::timeout(idle, self.next()).await;
            let Some(piece) = piece.unwrap_or(Err(ClientError::Idle))? else { break };
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(ClientError::TooLong { limit: ANSWER_BYTES_MAX });
            }
            body.extend_from_slice(&piece);
        }
        String::from_utf8(body).map_err(|_invalid| ClientError::NotText)
    }

    /// As much of an error's body as can be had in the time.
    pub async fn read_error(&mut self, idle: Duration) -> String {
        let mut body = Vec::new();
        while let Ok(Ok(Some(piece))) = tokio::time::timeout(idle, self.next()).await {
            body.extend_from_slice(&piece);
            if body.len() > ERROR_BYTES_MAX {
                break;
            }
        }
        String::from_utf8_lossy(&body).into_owned()
    }
}

/// `retry-after-ms`, then `Retry-After` in seconds or as a date. What is not a finite, positive time is no hint.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let number =
        |written: &str| written.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let milliseconds = text("retry-after-ms").and_then(number);
    let said = text(RETRY_AFTER.as_str());
    let seconds = milliseconds.map(|value| value / 1000.0).or_else(|| said.and_then(number));
    if let Some(seconds) = seconds {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let until = httpdate::parse_http_date(said?.trim()).ok()?;
    // Counted from the provider's own clock, so that ours may be wrong.
    let now = text(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
    let now = now.unwrap_or_else(wall_clock);
    Some(until.duration_since(now).unwrap_or_default())
}

#[expect(clippy::disallowed_methods, reason = "a Retry-After date without a Date header")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &'static str)], expected: Option<f64>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        assert_eq!(retry_after(&map).map(|hint| hint.as_secs_f64()), expected, "{headers:?}");
    }

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for near in ["http://127.0.0.1:8000/v1", "http://LOCALHOST/v1", "http://[::1]:1/v1"] {
            assert!(is_on_this_machine(near), "{near}");
        }
        for far in ["https://127.0.0.1.example.com/v1", "http://10.0.0.1/v1", "localhost"] {
            assert!(!is_on_this_machine(far), "{far}");
        }
    }

    #[test]
    fn every_form_of_hint_is_read_and_nonsense_is_none() {
        check(&[], None);
        check(&[("retry-after", "2")], Some(2.0));
        check(&[("retry-after", "0.5")], Some(0.5));
        check(&[("retry-after", "9"), ("retry-after-ms", "250")], Some(0.25));
        check(&[("retry-after", "-5")], Some(0.0));
        for nonsense in ["NaN", "inf", "", "soon"] {
            check(&[("retry-after", nonsense)], None);
        }
        check(&[("retry-after", "1e9")], Some(1e9));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(&[date, ("retry-after", "Sun, 06 Nov 1994 08:49:44 GMT")], Some(7.0));
        check(&[date, ("retry-after", "Sun, 06 Nov 1994 08:49:30 GMT")], Some(0.0));
    }
}
