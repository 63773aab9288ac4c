//! F14: certificates. Whom the system trusts is a matter of the whole process, so that the test runs itself in another one, with an
//! authority of its own.
//!
//! `certificates/` was made for this test: an authority, and servers' certificates with their keys, good for a hundred years but for
//! the one that is not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::by_default;
use crate::support::{Gateway, Upstream, chat, streamed};

const ANSWER: &str = r#"{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"a answers"}}]}"#;

fn certificates() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/matrix/certificates")
}

/// A provider with this certificate, by its base URL, and the number of requests that it could read.
fn provider(certificate: &str) -> (String, Arc<AtomicUsize>) {
    let file = certificates().join(certificate);
    let chain = CertificateDer::pem_file_iter(&file).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&file).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    let (config, requests) = (Arc::new(config.unwrap()), Arc::<AtomicUsize>::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("https://{}/v1", listener.local_addr().unwrap());
    let read = Arc::clone(&requests);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust it leaves.
            drop(answer(StreamOwned::new(connection, stream), &read));
        }
    });
    (base_url, requests)
}

fn answer(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    requests: &AtomicUsize,
) -> std::io::Result<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"}") {
        let count @ 1.. = stream.read(&mut buffer)? else { return Ok(()) };
        request.extend_from_slice(&buffer[..count]);
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let length = ANSWER.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{ANSWER}"
    )?;
    stream.flush()
}

/// A good certificate is trusted, and every other one goes to the next target without a word of the request.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by f14_certificates_that_are_not_good, in a process with an authority of its own"]
async fn every_certificate() {
    drop(rustls::crypto::ring::default_provider().install_default());
    for (certificate, who) in
        [("good.pem", "a"), ("expired.pem", "b"), ("elsewhere.pem", "b"), ("stranger.pem", "b")]
    {
        let (base_url, requests) = provider(certificate);
        let (a, b) = (Upstream::refusing("a"), Upstream::start("b").await);
        let change = |config: &mut Value| {
            by_default(config);
            config["providers"]["a"]["base_url"] = json!(base_url);
        };
        let gateway = Gateway::with(&[&a, &b], change).await;
        let answer = gateway.ask(&chat("hi")).await;
        assert_eq!(
            (answer.status, answer.said()),
            (200, format!("{who} answers")),
            "{certificate}"
        );
        assert!(!format!("{answer:?}").contains("key-of-"), "{answer:?}");
        if who == "b" {
            assert_eq!(gateway.ask(&streamed("hi")).await.said(), "b answers", "{certificate}");
        }
        let read = usize::from(who == "a");
        assert_eq!(requests.load(Ordering::SeqCst), read, "{certificate}");
    }
}

#[test]
fn f14_certificates_that_are_not_good() {
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "matrix::tls::every_certificate", "--ignored"])
        .env("SSL_CERT_FILE", certificates().join("authority.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let complained = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success() && said.contains("1 passed"), "{said}{complained}");
}
