//! The hub: whole, broken, silent and hostile.

use std::time::Duration;

use semroute::embed::fetch::{HubError, Source};

use super::fake_hub::Act;
use super::{COMMIT, HALF, TOKENIZER, WEIGHTS, World, put, walk, weights};

#[test]
fn files_come_from_the_hub_once() {
    let world = World::new();
    let first = world.gets(Source::Hub);
    assert_eq!(first.dir, world.in_hub_cache(&format!("snapshots/{COMMIT}")));
    assert_eq!(world.hub.ranges(WEIGHTS), ["bytes=0-"]);
    let n_asked = world.hub.asked().len();

    let second = world.gets(Source::Cache);
    assert_eq!((second.weights, second.tokenizer), (first.weights, first.tokenizer));
    assert_eq!(world.hub.asked().len(), n_asked);
}

#[test]
fn processes_that_start_together_download_once() {
    let world = World::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| world.ensure().unwrap());
        }
    });
    assert_eq!(world.hub.ranges(WEIGHTS).len(), 1);
}

#[test]
fn the_token_is_sent() {
    let mut world = World::new();
    put(&world.env.token_file, b"hf_file\n");
    world.gets(Source::Hub);
    let seen = |at: &World| at.hub.asked().pop().unwrap().authorization;
    assert_eq!(seen(&world).as_deref(), Some("Bearer hf_file"));

    std::fs::remove_dir_all(&world.env.hub_cache).unwrap();
    let pairs = [("HF_TOKEN", "hf_env"), ("HF_ENDPOINT", &world.hub.endpoint())];
    world.env = World::env(world.home.path(), &pairs);
    world.gets(Source::Hub);
    assert_eq!(seen(&world).as_deref(), Some("Bearer hf_env"));
}

#[test]
fn a_broken_connection_is_resumed() {
    let world = World::new();
    world.hub.next(&[Act::CutAfter(HALF)]);
    world.gets(Source::Hub);
    assert_eq!(world.hub.ranges(WEIGHTS), ["bytes=0-", "bytes=100000-"]);
}

#[test]
fn a_cut_download_is_resumed_by_the_next_call() {
    let world = World::new();
    world.hub.next(&[Act::CutAfter(HALF), Act::CutAfter(1), Act::CutAfter(1), Act::CutAfter(1)]);
    assert!(matches!(world.hub_error(), HubError::Cut { .. }));
    world.gets(Source::Hub);
    assert_eq!(world.hub.ranges(WEIGHTS).last().unwrap(), "bytes=100003-");
}

#[test]
fn a_silent_hub_is_given_up_and_resumed_later() {
    let mut world = World::new();
    world.env.limits.stall = Duration::from_millis(300);
    world.hub.next(&[Act::StallAfter(HALF)]);
    let error = world.hub_error();
    assert!(matches!(error, HubError::Stalled { .. }), "{error}");

    world.hub.hang_up();
    world.env.limits.stall = Duration::from_secs(20);
    world.gets(Source::Hub);
    assert_eq!(world.hub.ranges(WEIGHTS).last().unwrap(), "bytes=100000-");
}

#[test]
fn wrong_bytes_are_refused_after_one_restart() {
    let world = World::new();
    world.hub.next(&[Act::Garble, Act::Garble]);
    let error = world.hub_error().to_string();
    assert!(error.contains("`model.safetensors` has SHA-256"), "{error}");
    assert_eq!(world.hub.ranges(WEIGHTS), ["bytes=0-", "bytes=0-"]);
    let kept = walk(&world.env.hub_cache);
    assert!(kept.iter().all(|path| path.metadata().unwrap().len() < 100), "{kept:?}");
}

#[test]
fn another_length_is_refused_before_the_download() {
    let world = World::new();
    world.hub.offer(WEIGHTS, b"short");
    assert!(world.hub_error().to_string().contains("has length `5`"));
    assert!(world.hub.ranges(WEIGHTS).is_empty());
}

#[test]
fn an_etag_cannot_choose_where_to_write() {
    let world = World::new();
    world.hub.claim_etag("../../../../escaped");
    assert!(world.hub_error().to_string().contains("has etag `../../../../escaped`"));
    assert!(world.hub.ranges(WEIGHTS).is_empty());
}

#[test]
fn a_missing_file_is_named() {
    let world = World::new();
    world.hub.forget(TOKENIZER).unwrap();
    let error = world.hub_error().to_string();
    assert!(error.contains("`tokenizer.json`") && error.contains("404"), "{error}");
}

#[test]
fn leftovers_of_any_length_do_no_harm() {
    let check = |leftover: &[u8], ranges: &[&str]| {
        let world = World::new();
        put(&world.in_hub_cache("blobs/etag-of-model.part"), leftover);
        world.gets(Source::Hub);
        assert_eq!(world.hub.ranges(WEIGHTS), ranges);
    };
    check(&vec![b'x'; 3 * HALF], &["bytes=0-"]);
    check(&vec![b'x'; 2 * HALF], &["bytes=0-"]);
    check(&vec![b'x'; HALF], &["bytes=100000-", "bytes=0-"]);
    check(&weights()[..HALF], &["bytes=100000-"]);
}
