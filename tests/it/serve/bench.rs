//! `bench failover`: the real gateway against providers that fail in every way.

use serde_json::{Value, json};

use crate::process::{run, semroute};

/// So many that every way to fail occurs.
const LONG: [&str; 4] = ["--requests", "400", "--seed", "1"];
/// One spell in which all providers but the last one fail, so that nobody is set aside who is well.
const SHORT: [&str; 4] = ["--requests", "16", "--seed", "6"];

#[tokio::test]
async fn requests_meet_every_way_to_fail_and_are_counted() {
    let (code, said) = measured(LONG).await;
    let counts = ["requests", "streamed", "seed", "concurrency"].map(|name| &said[name]);
    assert_eq!(counts, [400, 200, 1, 8], "{said}");
    assert_eq!((&said["truncated"], &said["mislabelled"]), (&0.into(), &0.into()), "{said}");
    assert_eq!(code, Some(i32::from(said["dropped"] != 0)), "{said}");

    let faults = said["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 9, "{said}");
    assert!(faults.iter().all(|row| row["spells"].as_u64() > Some(0)), "{said}");
    let failing = said["spells_failing"].as_array().unwrap();
    assert!(failing.len() == 3 && failing.iter().all(|spells| *spells != 0), "{said}");
    for name in ["attempts_told_per_request", "attempts_seen_per_request", "requests_per_s"] {
        assert!(said[name].as_f64() > Some(0.0), "{name}: {said}");
    }
    let answered = said["answered"].as_object().unwrap();
    assert!(answered.len() == 4 && answered.values().all(|count| *count != 0), "{said}");
}

#[tokio::test]
async fn ways_around_a_failure_are_timed() {
    let (code, said) = measured(SHORT).await;
    assert_eq!(said["answered"], json!({"north": 0, "east": 0, "south": 0, "west": 16}), "{said}");
    assert_eq!((&said["dropped"], code), (&0.into(), Some(0)), "{said}");
    let rows = said["latency"].as_array().unwrap();
    let ways: Vec<(&str, f64)> = rows
        .iter()
        .map(|row| {
            let attempts = row["attempts_told_per_request"].as_f64().unwrap();
            (row["way"].as_str().unwrap(), attempts)
        })
        .collect();
    // The second number proves that the first target was asked where it should be, and only there.
    let expected = [
        ("direct", 0.0),
        ("healthy", 1.0),
        // After a reset the same target is tried once more at once.
        ("after_reset", 3.0),
        ("after_503", 2.0),
        ("breaker_open", 1.0),
    ];
    assert_eq!(ways, expected, "{said}");
    for row in rows {
        assert!(row["p99_ms"].as_f64() >= row["p50_ms"].as_f64(), "{row}");
        assert!(row["over_healthy"]["p50_ms"].is_f64() && row["over_direct"]["p99_ms"].is_f64());
    }
}

/// A provider that is down is asked by those who find out, and then by few; nobody is lost.
#[tokio::test]
async fn an_outage_that_lasts_costs_few_attempts() {
    let (_, said) = measured(SHORT).await;
    let rows = said["outages"].as_array().unwrap();
    let ways: Vec<&str> = rows.iter().map(|row| row["fault"].as_str().unwrap()).collect();
    assert_eq!(ways, ["reset", "refused", "503", "500", "hang"], "{said}");
    for row in rows {
        assert_eq!((&row["requests"], &row["went_wrong"]), (&400.into(), &0.into()), "{row}");
        // Eight at a time find out together, some of them twice.
        let told = row["attempts_told_per_request"].as_f64().unwrap();
        assert!((1.0..1.15).contains(&told) && told > 1.0, "{row}");
    }
}

/// One provider of four is always well. Those that are set aside, or asked to be left alone, may be the ones that are.
#[tokio::test]
async fn no_request_is_lost_while_providers_fail() {
    let (code, said) = measured(LONG).await;
    assert_eq!((&said["dropped"], code), (&0.into(), Some(0)), "{said}");
}

async fn measured(args: [&str; 4]) -> (Option<i32>, Value) {
    let mut command = semroute(&["bench", "failover", "--json"]);
    command.args(args).args(["--concurrency", "8", "--latency-requests", "20"]);
    command.args(["--outage-requests", "400"]);
    let ended = run(command).await;
    assert!(ended.stdout.starts_with('{'), "{ended:?}");
    (ended.code, serde_json::from_str(&ended.stdout).unwrap())
}
