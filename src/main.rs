//! Entry point: the allocator, the cryptography, and then the command line.

use std::process::ExitCode;

/// The embedder allocates and frees a few hundred kilobytes for every prompt; glibc returns each of them to the system and
/// asks for it again, which costs a third of the time of a long prompt.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two libraries bring TLS; without a choice made here the first handshake would panic.
    drop(rustls::crypto::ring::default_provider().install_default());
    semroute::cli::run()
}
