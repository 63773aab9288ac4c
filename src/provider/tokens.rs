//! Short-lived tokens of service accounts: had when one is first needed, and again before it ends. Whoever needs one while it is on its
//! way waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::client::{Client, ClientError};
use super::vertex::{AccessToken, ServiceAccount};
use crate::config::Secret;

/// A token is not used in its last minutes: a request may wait before it is sent.
const SPARE: Duration = Duration::from_secs(300);

/// A token with its end, since 1970; nothing until it is first needed.
type Token = Arc<Mutex<Option<(Secret, Duration)>>>;

/// Tokens by the hash of the key they were had for. Each has a lock of its own: a token service that is slow keeps nobody waiting
/// who needs another one.
#[derive(Debug, Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<HashMap<[u8; 32], Token>>>);

impl Tokens {
    /// A token that is good for a while.
    pub(super) async fn get(
        &self,
        client: &Client,
        document: &Secret,
        now: Duration,
    ) -> Result<Secret, ClientError> {
        let key: [u8; 32] = Sha256::digest(document.expose()).into();
        let token = Arc::clone(self.0.lock().await.entry(key).or_default());
        let mut known = token.lock().await;
        if let Some((good, _)) = known.as_ref().filter(|(_, end)| *end > now + SPARE) {
            return Ok(Secret::new(good.expose().to_owned()));
        }
        let account =
            ServiceAccount::parse(document.expose()).map_err(|_useless| ClientError::BadKey)?;
        let body = account.token_request(now.as_secs()).map_err(|_useless| ClientError::BadKey)?;
        let (status, said) = client.form(account.token_url(), body.expose()).await?;
        // A service that is unwell says nothing about the key.
        if status >= 500 || status == 429 {
            return Err(ClientError::NoToken { status });
        }
        let AccessToken { token: had, lives } =
            AccessToken::parse(&said).map_err(|_none| ClientError::BadKey)?;
        *known = Some((Secret::new(had.expose().to_owned()), now + lives));
        Ok(had)
    }
}
