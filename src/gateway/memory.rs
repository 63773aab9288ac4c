//! What targets are used to, kept over a restart. A convenience, never the truth: a file that is missing or damaged costs some minutes
//! of learning, and nothing in it can shut anybody.

use std::path::PathBuf;

use crate::embed::fetch::FetchEnv;
use crate::health::{HealthTable, Memory};
use crate::kept::write_whole;

/// First bytes of the file; the last one is the format's version.
const MAGIC: &[u8; 8] = b"sempace\x01";

fn path(env: &FetchEnv) -> PathBuf {
    env.cache.join("health").join("usual.pace")
}

/// Takes up what targets were used to before.
pub fn recall_pace(health: &HealthTable, env: &FetchEnv) {
    let Ok(bytes) = std::fs::read(path(env)) else { return };
    let memory = bytes.strip_prefix(MAGIC).and_then(|content| {
        let known: Result<Vec<(String, Memory)>, _> = postcard::from_bytes(content);
        known.ok()
    });
    match memory {
        Some(memory) => health.recall(memory),
        None => tracing::info!("the kept pace of targets is damaged; learning it again"),
    }
}

/// Keeps what targets are used to. A file that cannot be written costs some minutes after the next start.
pub fn keep_pace(health: &HealthTable, env: &FetchEnv) {
    let written = postcard::to_extend(&health.memory(), MAGIC.to_vec())
        .map_err(std::io::Error::other)
        .and_then(|bytes| write_whole(&path(env), &bytes));
    if let Err(error) = written {
        tracing::warn!(%error, "cannot keep the pace of targets");
    }
}
