//! What a gateway says when it serves.

use std::io::Write;
use std::net::SocketAddr;

use super::rules::Providers;
use crate::config::{Config, Credential};

/// Who answers, and what to try.
pub(super) fn welcome(
    out: &mut dyn Write,
    config: &Config,
    (data, admin): (SocketAddr, SocketAddr),
    providers: &Providers,
) -> std::io::Result<()> {
    writeln!(out, "semroute {} listens on http://{data}/v1", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "operators: http://{admin}/status")?;
    writeln!(
        out,
        "{} query types, {} examples, {} tiers",
        config.query_types.len(),
        config.examples.len(),
        config.tiers.len()
    )?;
    if let Providers::Simulated { remedy, .. } = providers {
        writeln!(out, "\nSANDBOX: simulated providers answer. For real ones {remedy}.")?;
    } else {
        let usable = config.providers.iter().filter(|provider| provider.is_usable());
        let names: Vec<&str> = usable.map(|provider| provider.name.as_str()).collect();
        writeln!(out, "providers: {}", names.join(", "))?;
        for provider in &config.providers {
            if let Credential::Unset { variable } = &provider.credential {
                tracing::debug!(provider = provider.name, variable, "left out, no key");
            }
        }
    }
    let key = if config.server.api_keys.is_empty() {
        ""
    } else {
        " -H \"Authorization: Bearer $SEMROUTE_API_KEY\""
    };
    writeln!(
        out,
        "
Try it:
  curl -i http://{data}/v1/chat/completions{key} -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Can I take ibuprofen with my blood thinner?\"}}]}}'
  curl -N http://{data}/v1/chat/completions{key} -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"auto\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Write a limerick about a lighthouse\"}}]}}'
  curl http://{data}/v1/route{key} -H 'Content-Type: application/json' \\
    -d '{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"Why does my loop never end?\"}}]}}'
"
    )?;
    out.flush()
}
