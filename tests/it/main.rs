//! The one integration-test binary.

mod dialects;
mod failover;
mod fetch;
mod http;
mod judged;
mod main_job;
mod matrix;
mod openai;
mod prices;
mod process;
mod reference;
mod remote;
mod sdk;
mod serve;
mod shipped;
mod skip;
mod sklearn;
mod support;
mod surface;
mod tidy;
mod watch;
