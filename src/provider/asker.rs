//! One question at a time from a thread that may wait: what a remote embedder needs, and no chat does.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{Client, Encoded};
use crate::config::Provider;

/// Asks one endpoint, on a thread of its own that drives the sockets. Whoever asks is blocked until the answer or the limit.
#[derive(Debug)]
pub struct Asker {
    client: Client,
    endpoint: Arc<Provider>,
    url: String,
    limit: Duration,
    runtime: Option<Runtime>,
}

impl Asker {
    /// Prepares to ask `{base_url}/{path}`.
    ///
    /// # Errors
    /// When the operating system has no thread to give.
    pub fn start(
        client: Client,
        endpoint: Arc<Provider>,
        path: &str,
        limit: Duration,
    ) -> std::io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        let runtime = threads.worker_threads(1).thread_name("asker").enable_all().build()?;
        let url = format!("{}/{path}", endpoint.base_url);
        Ok(Self { client, endpoint, url, limit, runtime: Some(runtime) })
    }

    /// Sends a body of JSON and waits for the body of the answer.
    ///
    /// # Errors
    /// Says in words why there is none, without anything that the endpoint said.
    pub fn ask(&self, body: String) -> Result<String, String> {
        let runtime = self.runtime.as_ref().ok_or("it is shutting down")?;
        let (client, endpoint, limit) =
            (self.client.clone(), Arc::clone(&self.endpoint), self.limit);
        let encoded = Encoded { url: self.url.clone(), headers: Vec::new(), body: body.into() };
        let (answer, wait) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            let asked = tokio::time::timeout(limit, client.ask(&endpoint, encoded)).await;
            let late = |_elapsed| format!("no answer within {} ms", limit.as_millis());
            let said = asked.map_err(late).and_then(|said| said.map_err(|error| error.to_string()));
            drop(answer.send(said.and_then(|(status, text)| match status {
                200 => Ok(text),
                other => Err(format!("it answered {other}")),
            })));
        });
        wait.recv().unwrap_or_else(|_closed| Err("it is shutting down".to_owned()))
    }
}

impl Drop for Asker {
    /// A runtime that is dropped by a task of another one would panic; this way nobody waits for it.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
