//! What may be asked of the network beside chats: pages, which cost nothing. There is no way to send one a body.

use crate::config::{Dialect, Provider};

/// Longest validator that is kept; a longer one is as good as none.
const VALIDATOR_BYTES_MAX: usize = 1_024;

/// A page, and who is told the key. The key goes only where its owner's `base_url` points.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// `GET {base_url}/models`, or where the wire format has it, with the provider's key where it has one; its body is not read.
    Models(&'a Provider),
    /// `HEAD` of the endpoint's root, without a key: any answer means that somebody is there.
    Door(&'a Provider),
    /// `GET` of any page, without a key.
    Public {
        /// The page.
        url: &'a str,
        /// What its last answer was called.
        known: &'a Validators,
        /// Most of its body that is read.
        bytes_max: usize,
    },
}

impl Page<'_> {
    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Models(provider) => {
                let base = &provider.base_url;
                match provider.dialect {
                    Dialect::OpenAi | Dialect::Responses | Dialect::Gemini | Dialect::Bedrock => {
                        format!("{base}/models")
                    }
                    Dialect::Anthropic | Dialect::Cohere => {
                        format!("{}/v1/models", base.trim_end_matches("/v1"))
                    }
                }
            }
            Self::Door(provider) => {
                // `https:`, nothing, and the host with its port.
                let root: Vec<&str> = provider.base_url.split('/').take(3).collect();
                format!("{}/", root.join("/"))
            }
            Self::Public { url, .. } => (*url).to_owned(),
        }
    }
}

/// By what an answer is known again (RFC 9110 section 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`, sent back as `If-None-Match`.
    pub etag: Option<String>,
    /// `Last-Modified`, sent back as `If-Modified-Since`.
    pub last_modified: Option<String>,
}

/// What a page answered.
#[derive(Debug)]
pub struct Got {
    /// The status; redirects are not followed.
    pub status: u16,
    /// By what this answer is known again.
    pub validators: Validators,
    /// As much of the body as was asked for.
    pub body: Vec<u8>,
    /// Whether there was more of it.
    pub is_cut: bool,
}

impl Validators {
    /// From the headers of an answer.
    #[must_use]
    pub fn of(etag: Option<&str>, last_modified: Option<&str>) -> Self {
        let kept = |value: &&str| value.len() <= VALIDATOR_BYTES_MAX;
        Self {
            etag: etag.filter(kept).map(str::to_owned),
            last_modified: last_modified.filter(kept).map(str::to_owned),
        }
    }
}
