//! Whether the hub can be reached at all, found out before hf-hub, which would wait for ever.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::HubError;

/// Finds out quickly whether anything listens at the hub's address.
pub(super) fn probe(endpoint: &str, limit: Duration) -> Result<(), HubError> {
    let address = address(endpoint).ok_or(HubError::Address)?;
    let (tx, rx) = mpsc::sync_channel(1);
    // On a thread because resolving a name has no limit of its own.
    thread::spawn(move || drop(tx.send(connect(&address, limit))));
    let silence =
        |_| Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {limit:?}")));
    rx.recv_timeout(limit).unwrap_or_else(silence).map_err(HubError::Unreachable)
}

fn connect(host: &str, limit: Duration) -> io::Result<()> {
    let mut result = Err(io::Error::other("the name has no address"));
    for address in host.to_socket_addrs()? {
        result = TcpStream::connect_timeout(&address, limit).map(drop);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The `host:port` of an endpoint, if it has one.
fn address(endpoint: &str) -> Option<String> {
    let (scheme, rest) = endpoint.split_once("://")?;
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split('/').next().filter(|authority| !authority.is_empty())?;
    let host = authority.rsplit('@').next()?;
    // `[::1]` ends in a bracket and has colons, but no port.
    let has_port = host.rsplit_once(':').is_some_and(|(_, tail)| tail.parse::<u16>().is_ok());
    Some(if has_port { host.to_owned() } else { format!("{host}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_follows_the_endpoint() {
        let check = |endpoint, expected: Option<&str>| {
            assert_eq!(address(endpoint).as_deref(), expected, "{endpoint}");
        };
        check("https://hub.example", Some("hub.example:443"));
        check("http://hub.example/mirror/hf", Some("hub.example:80"));
        check("http://user:secret@127.0.0.1:8080", Some("127.0.0.1:8080"));
        check("https://[::1]:9", Some("[::1]:9"));
        check("https://[::1]", Some("[::1]:443"));
        check("hub.example", None);
        check("https://", None);
    }
}
