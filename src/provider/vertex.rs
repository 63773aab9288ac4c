//! Access to Vertex AI: where it is, and how the key of a service account becomes a token of an hour.
//!
//! The account signs that it is itself, and Google's token service answers with a token: RFC 7523, and
//! <https://developers.google.com/identity/protocols/oauth2/service-account>. Who sends and keeps what is written and read here is not
//! decided here.

use std::fmt;
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;

use super::wording::percent_encoded;
use crate::chat::base64;
use crate::config::Secret;

/// Where tokens are, if a key does not say.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// What a token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// What is asked for, in RFC 7523's words.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long a signature holds: no longer is allowed.
const SIGNED_MAX: Duration = Duration::from_secs(60 * 60);
/// Why a key or the answer of the token service is of no use. No text of either is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccessError {
    /// The key is not one of a service account.
    #[error("the key is not the JSON of a service account with `client_email` and `private_key`")]
    NoAccount,
    /// Its private key cannot be read.
    #[error("`private_key` is not an RSA key in PEM with the label PRIVATE KEY")]
    PrivateKey,
    /// It cannot sign.
    #[error("the key of the service account does not sign")]
    Unsigned,
    /// There is no token in the answer.
    #[error("the token service gave no `access_token`")]
    NoToken,
}

/// A service account, as its key tells.
pub struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    token_url: String,
    key: RsaKeyPair,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

impl ServiceAccount {
    /// Reads the JSON file that Google gives out for a service account.
    ///
    /// # Errors
    /// When it is something else, or its private key cannot be read.
    pub fn parse(json: &str) -> Result<Self, AccessError> {
        #[derive(Deserialize)]
        struct Wire {
            client_email: String,
            private_key: String,
            private_key_id: Option<String>,
            token_uri: Option<String>,
        }
        // The cause would show a piece of the key.
        let wire = serde_json::from_str::<Wire>(json).ok().ok_or(AccessError::NoAccount)?;
        let der = pkcs8(&wire.private_key).ok_or(AccessError::PrivateKey)?;
        let key = RsaKeyPair::from_pkcs8(&der).ok().ok_or(AccessError::PrivateKey)?;
        Ok(Self {
            email: wire.client_email,
            key_id: wire.private_key_id,
            token_url: wire.token_uri.unwrap_or_else(|| TOKEN_URL.to_owned()),
            key,
        })
    }

    /// Where [`Self::token_request`] goes.
    #[must_use]
    pub fn token_url(&self) -> &str {
        &self.token_url
    }

    /// The body of a request for a token, `application/x-www-form-urlencoded`. `now` is in seconds since 1970. It is a secret for an
    /// hour, as long as it may be used.
    ///
    /// # Errors
    /// When the key does not sign.
    pub fn token_request(&self, now: u64) -> Result<Secret, AccessError> {
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_url,
            "iat": now,
            "exp": now.saturating_add(SIGNED_MAX.as_secs()),
        });
        let encoded = |value: &serde_json::Value| base64url(value.to_string().as_bytes());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        // Chance only hides how long it takes: the same claims always have the same signature.
        let chance = SystemRandom::new();
        let done = self.key.sign(&RSA_PKCS1_SHA256, &chance, signed.as_bytes(), &mut signature);
        done.ok().ok_or(AccessError::Unsigned)?;
        let assertion = format!("{signed}.{}", base64url(&signature));
        let grant = percent_encoded(GRANT, b"");
        Ok(Secret::new(format!("grant_type={grant}&assertion={assertion}")))
    }
}

/// The bytes between the lines of a PEM file.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let label = |place: &str| format!("-----{place} PRIVATE KEY-----");
    let (_, after) = pem.split_once(&label("BEGIN"))?;
    let (inside, _) = after.split_once(&label("END"))?;
    let inside: String = inside.split_whitespace().collect();
    base64::decode(&inside)
}

/// Base64 of a JWT, RFC 4648 section 5 without padding.
fn base64url(bytes: &[u8]) -> String {
    base64::encode(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// What opens the models' doors for a while.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// To be sent as `Authorization: Bearer`.
    pub token: Secret,
    /// From the moment when it was given.
    pub lives: Duration,
}

impl AccessToken {
    /// Reads the answer of the token service.
    ///
    /// # Errors
    /// When there is no token in it.
    pub fn parse(json: &str) -> Result<Self, AccessError> {
        #[derive(Deserialize)]
        struct Wire {
            access_token: String,
            #[serde(default)]
            expires_in: u64,
        }
        let wire = serde_json::from_str::<Wire>(json).ok().ok_or(AccessError::NoToken)?;
        let Wire { access_token, expires_in } = wire;
        if access_token.is_empty() {
            return Err(AccessError::NoToken);
        }
        Ok(Self { token: Secret::new(access_token), lives: Duration::from_secs(expires_in) })
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    /// Made for these tests, and known to nobody else.
    const KEY: &str = include_str!("../../tests/it/fixtures/account.key");
    const NOW: u64 = 1_440_938_160;

    fn key(private_key: &str) -> String {
        json!({
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "k",
            "private_key": private_key,
            "client_email": "a@p.iam.gserviceaccount.com",
            "token_uri": "https://example.com/token",
        })
        .to_string()
    }

    fn decoded(url: &str) -> Vec<u8> {
        base64::decode(&url.replace('-', "+").replace('_', "/")).expect("base64")
    }

    fn pem() -> String {
        format!("-----BEGIN {0}-----\n{KEY}\n-----END {0}-----\n", "PRIVATE KEY")
    }

    #[test]
    fn an_account_signs_who_it_is() {
        let account = ServiceAccount::parse(&key(&pem())).expect("a key");
        assert_eq!(account.token_url(), "https://example.com/token");
        let body = account.token_request(NOW).expect("signed");
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
        let assertion = body.expose().strip_prefix(grant).expect("the grant");
        let (signed, signature) = assertion.rsplit_once('.').expect("a signature");
        let public = account.key.public_key();
        let signature = decoded(signature);
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
        public.verify(signed.as_bytes(), &signature).expect("its own signature");
        let parts: Vec<Value> = signed
            .split('.')
            .map(decoded)
            .map(|part| serde_json::from_slice(&part).expect("JSON"))
            .collect();
        assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "k"}));
        assert_eq!(
            parts[1],
            json!({
                "iss": "a@p.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/cloud-platform",
                "aud": "https://example.com/token",
                "iat": NOW,
                "exp": NOW + 3_600,
            })
        );
        let again = account.token_request(NOW).expect("signed");
        assert_eq!(again.expose(), body.expose());
    }

    #[test]
    fn keys_that_are_none_are_refused_without_showing_them() {
        let swapped = pem().replace("PRIVATE", "PUBLIC");
        for (json, expected) in [
            ("{}".to_owned(), AccessError::NoAccount),
            ("secret".to_owned(), AccessError::NoAccount),
            (key("secret"), AccessError::PrivateKey),
            (key(&swapped), AccessError::PrivateKey),
            (key(&pem().replace(KEY, "c2VjcmV0")), AccessError::PrivateKey),
        ] {
            let error = ServiceAccount::parse(&json).expect_err("no key");
            assert_eq!(error, expected);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn tokens_are_read_with_their_life() {
        let given =
            AccessToken::parse(r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#);
        let given = given.expect("a token");
        assert_eq!((given.token.expose(), given.lives), ("t", Duration::from_secs(3_599)));
        for json in ["", "{}", r#"{"access_token":""}"#, r#"{"error":"invalid_grant"}"#] {
            assert_eq!(AccessToken::parse(json).err(), Some(AccessError::NoToken), "{json}");
        }
    }

    #[test]
    fn secrets_do_not_show() {
        let account = ServiceAccount::parse(&key(&pem())).expect("a key");
        let given = AccessToken::parse(r#"{"access_token":"hidden"}"#).expect("a token");
        let body = account.token_request(NOW).expect("signed");
        let shown = format!("{account:?} {given:?} {body:?}");
        assert!(
            !shown.contains("hidden") && !shown.contains("assertion") && !shown.contains("iam"),
            "{shown}"
        );
    }
}
