//! Rules that change while the real binary serves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::http::{get, post, request};
use crate::process::{Gateway, semroute, serve};
use crate::shipped;

/// For a reload with the shipped examples in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Long after a change would have been noticed.
const UNNOTICED: Duration = Duration::from_secs(2);

/// The shipped rules in a folder of their own, fit to be changed.
fn folder_of_rules() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("semroute.yaml");
    std::fs::write(&file, with_alias("first")).unwrap();
    (folder, file)
}

/// The shipped rules with another name for a tier, which `/v1/models` shows.
fn with_alias(alias: &str) -> String {
    format!("{}\naliases: {{{alias}: tier/general}}\n", shipped::rules())
}

async fn start(file: &Path) -> Gateway {
    let mut command = serve(&["--config", file.to_str().unwrap()]);
    command.env("NO_COLOR", "1");
    Gateway::start(command).await
}

async fn status(gateway: &Gateway) -> Value {
    get(&format!("{}/status", gateway.admin)).await.json()
}

async fn until(gateway: &Gateway, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async {
        loop {
            let now = status(gateway).await;
            if wanted(&now) {
                return now;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, look).await.unwrap()
}

async fn knows(gateway: &Gateway, alias: &str) -> bool {
    get(&format!("{}/models/{alias}", gateway.url)).await.status == 200
}

#[tokio::test]
async fn a_file_that_is_renamed_over_the_old_one_is_noticed() {
    let (folder, file) = folder_of_rules();
    let gateway = start(&file).await;
    let rename_over = |text: &str| {
        let new = folder.path().join(".semroute.yaml.swp");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    assert!(knows(&gateway, "first").await);
    // The file is another one afterwards, so the second change must be noticed too.
    for (alias, generation) in [("second", 2), ("third", 3)] {
        rename_over(&with_alias(alias));
        until(&gateway, |status| status["generation"] == generation).await;
        assert!(knows(&gateway, alias).await && !knows(&gateway, "first").await);
    }
    std::fs::write(folder.path().join("notes.txt"), "not of the rules").unwrap();
    std::fs::write(&file, with_alias("third")).unwrap();
    sleep(UNNOTICED).await;
    assert_eq!(status(&gateway).await["generation"], 3, "nothing has changed");

    rename_over("tiers: [\n");
    let failed = until(&gateway, |status| status["reload"]["ok"] == false).await;
    assert_eq!((&failed["generation"], &failed["draining"]), (&3.into(), &false.into()));
    assert!(knows(&gateway, "third").await);
    rename_over(&with_alias("fourth"));
    until(&gateway, |status| status["generation"] == 4 && status["reload"]["ok"] == true).await;

    gateway.terminate().await;
    let ended = gateway.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr.matches("not reloaded").count(), 1, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches(" reloaded by=").count(), 3, "{}", ended.stderr);
}

/// A cluster mounts a folder of links through one link, and changes that one.
#[tokio::test]
async fn a_link_that_is_pointed_elsewhere_is_noticed() {
    use std::os::unix::fs::symlink;
    let (mount, _) = folder_of_rules();
    let at = |name: &str| mount.path().join(name);
    std::fs::remove_file(at("semroute.yaml")).unwrap();
    let version = |name: &str, alias: &str| {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("semroute.yaml"), with_alias(alias)).unwrap();
        symlink(name, at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    version("..1", "first");
    symlink("..data/semroute.yaml", at("semroute.yaml")).unwrap();
    let gateway = start(&at("semroute.yaml")).await;
    for (name, alias, generation) in [("..2", "second", 2), ("..3", "third", 3)] {
        version(name, alias);
        until(&gateway, |status| status["generation"] == generation).await;
        assert!(knows(&gateway, alias).await);
    }
}

#[tokio::test]
async fn a_hangup_reloads_and_the_sandbox_stays_where_it_is() {
    let (_folder, file) = folder_of_rules();
    let gateway = start(&file).await;
    gateway.signal("-HUP").await;
    until(&gateway, |status| status["generation"] == 2).await;
    let reloaded = post(&format!("{}/admin/reload", gateway.admin), &Value::Null).await;
    assert_eq!((reloaded.status, &reloaded.json()["generation"]), (200, &3.into()));
    let url = format!("{}/chat/completions", gateway.url);
    let answer = post(&url, &crate::http::chat("Hello there")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("sandbox"), "{}", answer.body);
    assert_eq!(answer.header("generation"), "3");
}

#[tokio::test]
async fn rules_that_open_the_gateway_to_strangers_are_not_reloaded() {
    let (_folder, file) = folder_of_rules();
    let mut command = semroute(&["serve", "--listen", "0.0.0.0:0", "--admin-listen"]);
    command.args(["127.0.0.1:0", "--config", file.to_str().unwrap()]);
    let guarded = with_alias("first");
    let key = "${SEMROUTE_API_KEY:-}";
    assert!(guarded.contains(key), "the shipped rules ask for it");
    std::fs::write(&file, guarded.replace(key, "callers-key")).unwrap();
    let gateway = Gateway::start(command).await;
    std::fs::write(&file, guarded).unwrap();
    let refused = post(&format!("{}/admin/reload", gateway.admin), &Value::Null).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert!(refused.body.contains("SEMROUTE_API_KEY"), "{}", refused.body);
    let url = format!("{}/models", gateway.url.replace("0.0.0.0", "127.0.0.1"));
    assert_eq!(get(&url).await.status, 401);
    let keyed = request(&format!("{url}/auto"), &Value::Null).bearer_auth("callers-key");
    assert_eq!(keyed.send().await.unwrap().status().as_u16(), 405, "a key is still a key");
}
