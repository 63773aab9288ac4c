//! The one HTTP client; the only file that names reqwest.
//!
//! Redirects are never followed, because keys in headers of their own would follow them; nothing is decompressed, because
//! compression holds tokens back; no timer of the library covers a whole answer, because answers stream for minutes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use thiserror::Error;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::bedrock::{AwsCredentials, AwsRequest, signed_headers};
use super::hints::exhausted;
use super::tokens::Tokens;
use super::upload::{AT_ONCE_MAX, UNREAD_MAX, pieces};
use super::{Encoded, Got, Page, ProviderError, Validators, retry_after};
use crate::config::{Credential, Dialect, LimitHeaders, Provider, Secret};

/// Unused connections are closed before the providers close them, which would lose a request.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// Most of an error body that is read.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Most of a whole answer that is read; images come inline as base64.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The type of a stream of Amazon's binary events.
const AWS_STREAM: &str = "application/vnd.amazon.eventstream";

/// Sends requests to providers.
#[derive(Debug, Clone)]
pub struct Client {
    /// Through the proxy of the environment, where one is set.
    far: reqwest::Client,
    /// Without a proxy: to another machine, this machine's own addresses mean another thing.
    near: reqwest::Client,
    /// Short-lived tokens of service accounts.
    tokens: Tokens,
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
    /// Refused, unknown host, bad certificate.
    #[error("no connection")]
    Unreachable(#[source] reqwest::Error),
    /// Reset, or closed too early.
    #[error("the connection broke")]
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
    /// The service that gives out short-lived tokens is unwell.
    #[error("the token service answered {status}")]
    NoToken {
        /// Its status.
        status: u16,
    },
    /// A header of the table of dialects, or of the caller, is none.
    #[error("a header for the provider is none")]
    BadHeader,
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
        Self::build(connect, usize::MAX)
    }

    /// One whose every request is on a new connection, for what measures the way to a provider.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn without_pool(connect: Duration) -> Result<Self, ClientError> {
        Self::build(connect, 0)
    }

    fn build(connect: Duration, idle_max: usize) -> Result<Self, ClientError> {
        let builder = || {
            let builder = reqwest::Client::builder();
            #[cfg(target_os = "linux")]
            let builder = builder.tcp_user_timeout(UNREAD_MAX);
            builder
                .connect_timeout(connect)
                .pool_idle_timeout(POOL_IDLE)
                .pool_max_idle_per_host(idle_max)
                .tcp_keepalive(Duration::from_secs(30))
                .tcp_nodelay(true)
                .redirect(reqwest::redirect::Policy::none())
                .user_agent(concat!("semroute/", env!("CARGO_PKG_VERSION")))
        };
        let far = builder().build().map_err(ClientError::Setup)?;
        let near = builder().no_proxy().build().map_err(ClientError::Setup)?;
        Ok(Self { far, near, tokens: Tokens::default() })
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
        let http = self.to(&encoded.url);
        let headers = self.headers(provider, &encoded).await?;
        let sending = CancellationToken::new();
        let length = encoded.body.len();
        let body = if length <= AT_ONCE_MAX {
            reqwest::Body::from(encoded.body)
        } else {
            reqwest::Body::wrap_stream(pieces(encoded.body, sending.clone()))
        };
        let request = http.post(encoded.url).header(CONTENT_LENGTH, length).body(body);
        let request = request.headers(headers);
        let inner = request.send().await.map_err(unanswered)?;
        let provider = Arc::clone(provider);
        Ok(Response { inner, provider, _sending: sending.drop_guard() })
    }

    /// Sends a form to a token service and reads its answer.
    pub(super) async fn form(&self, url: &str, body: &str) -> Result<(u16, String), ClientError> {
        let request = self.to(url).post(url);
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut response = request.body(body.to_owned()).send().await.map_err(unanswered)?;
        let mut said = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unanswered)? {
            if said.len() + piece.len() > ERROR_BYTES_MAX {
                return Err(ClientError::TooLong { limit: ERROR_BYTES_MAX });
            }
            said.extend_from_slice(&piece);
        }
        let said = String::from_utf8(said).map_err(|_invalid| ClientError::NotText)?;
        Ok((response.status().as_u16(), said))
    }

    /// Every header of a request but its length.
    async fn headers(
        &self,
        provider: &Arc<Provider>,
        encoded: &Encoded,
    ) -> Result<HeaderMap, ClientError> {
        let mut headers = usual(provider)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &encoded.headers {
            let value = HeaderValue::try_from(value).map_err(|_invalid| ClientError::BadHeader)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        match &provider.credential {
            Credential::NotNeeded | Credential::Unset { .. } => {}
            Credential::Key(_) => headers.extend(credential(provider)?),
            Credential::Aws { id, secret, session } => {
                let session_token = session.as_ref().map(Secret::expose);
                let (access_key, secret_key) = (id.expose(), secret.expose());
                let keys = AwsCredentials { access_key, secret_key, session_token };
                let request = AwsRequest {
                    method: "POST",
                    url: &encoded.url,
                    headers: &[("content-type", "application/json")],
                    body: &encoded.body,
                    region: provider.region.as_deref().unwrap_or_default(),
                    service: "bedrock",
                };
                for (name, value) in signed_headers(&request, keys, wall_clock().as_secs()) {
                    headers.insert(HeaderName::from_static(name), secret_value(&value)?);
                }
            }
            Credential::Google(document) => {
                let token = self.tokens.get(self, document, wall_clock()).await?;
                headers.insert(AUTHORIZATION, secret_value(&format!("Bearer {}", token.expose()))?);
            }
        }
        Ok(headers)
    }

    /// Asks for a page. It sets no limit of time.
    ///
    /// # Errors
    /// When there is no response, or not all of the body that was asked for. Every status is a response.
    pub async fn get(&self, page: Page<'_>) -> Result<Got, ClientError> {
        let url = page.url();
        let http = self.to(&url);
        let (request, bytes_max) = match page {
            Page::Models(provider) => {
                let mut headers = usual(provider)?;
                headers.extend(credential(provider)?);
                (http.get(url).headers(headers), 0)
            }
            Page::Door(_) => (http.head(url), 0),
            Page::Public { known, bytes_max, .. } => {
                let known =
                    [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)];
                let known = known.into_iter().filter_map(|(name, value)| {
                    Some((name, HeaderValue::try_from(value.as_deref()?).ok()?))
                });
                (http.get(url).headers(known.collect()), bytes_max)
            }
        };
        let mut response = request.send().await.map_err(unanswered)?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let validators = Validators::of(header(ETAG), header(LAST_MODIFIED));
        let status = response.status().as_u16();
        let (mut body, mut is_cut) = (Vec::new(), false);
        while bytes_max > 0 && !is_cut {
            let piece = response.chunk().await;
            let Some(piece) = piece.map_err(|error| ClientError::Broken(error.without_url()))?
            else {
                break;
            };
            let room = bytes_max.saturating_sub(body.len());
            is_cut = piece.len() > room;
            body.extend(piece.iter().take(room));
        }
        Ok(Got { status, validators, body, is_cut })
    }

    /// Who gets to an address.
    fn to(&self, url: &str) -> &reqwest::Client {
        if is_on_this_machine(url) { &self.near } else { &self.far }
    }
}

impl Client {
    /// Sends a request and reads the whole answer, whatever its status; for what is no chat. It sets no limit of time.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn ask(
        &self,
        endpoint: &Arc<Provider>,
        encoded: Encoded,
    ) -> Result<(u16, String), ClientError> {
        let mut response = self.send(endpoint, encoded).await?;
        let body = response.read_answer(Duration::MAX).await?;
        Ok((response.status(), body))
    }
}

fn is_on_this_machine(url: &str) -> bool {
    let url = reqwest::Url::parse(url).ok();
    let Some(host) = url.as_ref().and_then(reqwest::Url::host_str) else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn unanswered(error: reqwest::Error) -> ClientError {
    if error.is_timeout() && error.is_connect() {
        return ClientError::ConnectTimeout;
    }
    if error.is_connect() {
        return ClientError::Unreachable(error.without_url());
    }
    ClientError::Broken(error.without_url())
}

/// What every request to a provider carries beside its key.
fn usual(provider: &Provider) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &provider.speech.headers {
        let name = HeaderName::try_from(name).map_err(|_invalid| ClientError::BadHeader)?;
        let value = HeaderValue::try_from(value).map_err(|_invalid| ClientError::BadHeader)?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The header that says who pays.
fn credential(provider: &Provider) -> Result<Option<(HeaderName, HeaderValue)>, ClientError> {
    let Credential::Key(key) = &provider.credential else { return Ok(None) };
    let name = HeaderName::try_from(provider.speech.key_header.as_str())
        .map_err(|_invalid| ClientError::BadKey)?;
    let text = if name == AUTHORIZATION {
        format!("Bearer {}", key.expose())
    } else {
        key.expose().to_owned()
    };
    Ok(Some((name, secret_value(&text)?)))
}

fn secret_value(text: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::try_from(text).map_err(|_invalid| ClientError::BadKey)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The head of a response, and its body as it comes.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    provider: Arc<Provider>,
    /// Without an answer to wait for, the rest of the request is not sent.
    _sending: DropGuard,
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
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        kind.starts_with("text/event-stream") || kind.starts_with(AWS_STREAM)
    }

    /// Whether its events are Amazon's binary ones.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with(AWS_STREAM))
    }

    /// What the provider speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.provider.dialect
    }

    /// A header, where it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the provider asks us to stay away, also through the headers of its limits.
    #[must_use]
    pub fn retry_after(&self, limits: &[LimitHeaders]) -> Option<Duration> {
        retry_after(&|name| self.header(name), limits, wall_clock())
    }

    /// How long nothing is left of one of the provider's limits, where a good answer says so.
    #[must_use]
    pub fn exhausted(&self, limits: &[LimitHeaders]) -> Option<Duration> {
        exhausted(&|name| self.header(name), limits, wall_clock())
    }

    /// Reads an error body, without our key: some providers repeat the key that they refuse.
    #[must_use]
    pub fn error(&self, body: &str) -> ProviderError {
        ProviderError::parse(body, self.provider.credential.secrets().next())
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

#[expect(clippy::disallowed_methods, reason = "a moment in a response without a Date header")]
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_addresses() {
        for near in ["http://127.0.0.1:8000/v1", "http://LOCALHOST/v1", "http://[::1]:1/v1"] {
            assert!(is_on_this_machine(near), "{near}");
        }
        for far in ["https://127.0.0.1.example.com/v1", "http://10.0.0.1/v1", "localhost"] {
            assert!(!is_on_this_machine(far), "{far}");
        }
    }
}
