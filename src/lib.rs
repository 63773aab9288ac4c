//! Semroute: a semantic-routing gateway for LLM APIs.
//!
//! The modules in the order in which a request meets them; `pipeline` is the table of contents.

pub mod http;
pub mod pipeline;

pub mod chat;
pub mod embed;
pub mod index;

pub mod classify;
pub mod health;
pub mod plan;

pub mod execute;
pub mod provider;
pub mod receipt;
pub mod surface;
pub mod watch;

pub mod config;
pub mod gateway;
mod kept;
pub mod price;
pub mod simd;
pub mod tune;

pub mod cli;
