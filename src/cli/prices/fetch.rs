//! A list of prices, from a file or from where it is published.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::price::{List, Shape};
use crate::provider::{Client, Page, Validators};

/// Longest list that is read; the longest known one has two megabytes.
const LIST_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Until a list is there.
const LIST_TIME_MAX: Duration = Duration::from_secs(60);
/// TCP and TLS to a list.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Where LiteLLM publishes its list.
pub(super) const LITELLM: &str =
    "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";
/// Where OpenRouter publishes its list.
pub(super) const OPENROUTER: &str = "https://openrouter.ai/api/v1/models";

/// Reads a list from an address or a file.
pub(super) fn list(shape: Shape, from: &str) -> anyhow::Result<List> {
    let is_url = from.starts_with("https://") || from.starts_with("http://");
    let text = if is_url {
        download(from).with_context(|| format!("cannot fetch `{from}`"))?
    } else {
        std::fs::read_to_string(from).with_context(|| format!("cannot read `{from}`"))?
    };
    // Of a file, its name says enough; where it lay is one machine's business.
    let name = Path::new(from).file_name().and_then(|name| name.to_str()).unwrap_or(from);
    Ok(List::read(shape, if is_url { from } else { name }, &text)?)
}

fn download(url: &str) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let known = Validators::default();
    let client = Client::new(CONNECT_MAX)?;
    let page = Page::Public { url, known: &known, bytes_max: LIST_BYTES_MAX };
    let got =
        runtime.block_on(async { tokio::time::timeout(LIST_TIME_MAX, client.get(page)).await });
    let got = got.with_context(|| format!("no answer within {} s", LIST_TIME_MAX.as_secs()))??;
    if got.status != 200 {
        bail!("it answered {}", got.status);
    }
    if got.is_cut {
        bail!("it is longer than {LIST_BYTES_MAX} bytes");
    }
    String::from_utf8(got.body).context("it is not text")
}
