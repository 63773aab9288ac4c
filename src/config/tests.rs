//! Every kind of problem, as a user would read it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    Config, ConfigError, Credential, Date, FeedKind, Loaded, ProbeKind, Severity, Sources, Watched,
    load,
};

const VALID: &str = r#"version: 1
server: {api_keys: ["${CALLER_KEY:-}"]}
timers: {total_ms: 60000, connect_ms: 1000}
providers:
  openai:
    base_url: https://api.openai.com/v1
    api_key: ${OPENAI_API_KEY}
  local: {base_url: "http://127.0.0.1:8000/v1"}
tiers:
  general:
    targets:
      - openai/gpt
      - local/llama
default_tier: general
query_types:
  coding: {tier: general}
aliases: {fast: tier/general}
"#;

const SECRET: &str = "sk-do-not-print-me";

/// A folder with a configuration, its examples and a key in a file.
struct Project {
    folder: tempfile::TempDir,
    env: Vec<(&'static str, &'static str)>,
}

impl Project {
    fn new(yaml: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap(), env: Vec::new() };
        let row = |number| format!(r#"{{"text": "write function {number}", "label": "coding"}}"#);
        let rows: Vec<String> = (1..=8).map(row).collect();
        project
            .file("semroute.yaml", yaml)
            .file("examples/all.jsonl", &rows.join("\n"))
            .file("key.txt", &format!("{SECRET}\n"))
            .file("empty.txt", "\n")
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        let env = |name: &str| {
            let found = self.env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let today = Date::parse("2026-11-24").unwrap();
        let mut sources = Sources::default();
        load::load_on(today, &self.path("semroute.yaml"), (&env, None), &mut sources)
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    /// Compares all problems, without the folder's name; those of the configuration itself begin with their line.
    fn check(&self, expected: &[&str]) {
        let problems = match self.load() {
            Ok(loaded) => loaded.warnings,
            Err(error) => error.problems,
        };
        let folder = format!("{}/", self.folder.path().display());
        let said: Vec<String> = problems.iter().map(|each| each.to_string()).collect();
        for problem in &said {
            assert!(!problem.contains(SECRET), "a secret in `{problem}`");
        }
        let said: Vec<String> = said
            .iter()
            .map(|problem| problem.replace(&folder, ""))
            .map(|problem| problem.trim_start_matches("semroute.yaml:").trim().to_owned())
            .collect();
        assert_eq!(said, expected);
    }
}

fn check(yaml: &str, expected: &[&str]) {
    Project::new(yaml).check(expected);
}

/// The valid configuration with one piece replaced.
fn but(piece: &str, replacement: &str) -> String {
    assert_eq!(VALID.matches(piece).count(), 1, "`{piece}` stands once in the valid configuration");
    VALID.replace(piece, replacement)
}

fn key_of<'a>(config: &'a Config, provider: &str) -> &'a str {
    match &config.provider(provider).unwrap().credential {
        Credential::Key(secret) => secret.expose(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn valid_configuration_has_no_problem() {
    check(VALID, &[]);
}

#[test]
fn unknown_key_is_reported_on_each_level() {
    check(
        &but("default_tier", "aliasess: {}\ndefault_tier"),
        &["14: aliasess: unknown key; did you mean `aliases`?"],
    );
    check(
        &but("{total_ms: 60000", "{totl_ms: 60000"),
        &["3: timers.totl_ms: unknown key; did you mean `total_ms`?"],
    );
    check(
        &but(
            "    base_url: https://api.openai.com/v1",
            "    base_url: https://x.org\n    color: 1",
        ),
        &[
            "7: providers.openai.color: unknown key; known here: api_key, api_version, aws, base_url, dialect, \
           health_check, location, probe, probe_every_ms, project, region, service_account, status_feed",
        ],
    );
    check(
        &but("{tier: general}", "{tier: general, min_confidenc: 0.5}"),
        &["16: query_types.coding.min_confidenc: unknown key; did you mean `min_confidence`?"],
    );
}

#[test]
fn missing_key_is_reported_with_an_example() {
    check(&but("version: 1\n", ""), &["1: version: missing; write it, such as `version: 1`"]);
    check(&but("version: 1", "version:"), &["1: version: missing; write it, such as `version: 1`"]);
    check(&but("    base_url: https://api.openai.com/v1\n", ""), &[]);
    check(
        &but("    base_url: https://api.openai.com/v1\n", "    dialect: azure\n"),
        &["5: providers.openai.base_url: missing; `dialect: azure` is served at many addresses"],
    );
    check(
        &but("    base_url: https://api.openai.com/v1\n", "    dialect: vertex\n    project: p\n"),
        &["5: providers.openai.location: missing; `dialect: vertex` needs it"],
    );
    for (location, host) in [
        ("us-central1", "us-central1-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ] {
        let places = format!("    dialect: vertex\n    project: p\n    location: {location}\n");
        let text = but("    base_url: https://api.openai.com/v1\n", &places);
        let url = format!("https://{host}/v1/projects/p/locations/{location}/publishers/google");
        assert_eq!(Project::new(&text).config().providers[0].base_url, url);
    }
    check(
        &but("  coding: {tier: general}", "  coding:"),
        &[r#"16: query_types.coding.tier: missing; write it, such as `tier: "general"`"#],
    );
}

#[test]
fn wrong_type_says_what_is_wanted() {
    check(
        &but("60000", "soon"),
        &["3: timers.total_ms: expected a whole number, found the text `soon`"],
    );
    check(
        &but("60000", "60000.0"),
        &["3: timers.total_ms: expected a whole number, found the number `60000.0`"],
    );
    check(
        &but("default_tier: general", "default_tier: 5"),
        &["14: default_tier: expected text (put it in quotation marks), found the number `5`"],
    );
    check(
        &but("{tier: general}", "{tier: general, min_confidence: .nan}"),
        &["16: query_types.coding.min_confidence: expected a number, found the number `NaN`"],
    );
    check(
        &but("{tier: general}", "general"),
        &["16: query_types.coding: expected a map (`key: value`), found text"],
    );
    check(
        &but("fast: tier/general", "fast: "),
        &["17: aliases.fast: expected text, found nothing"],
    );
    check(
        &but("      - local/llama", "      -"),
        &["13: tiers.general.targets[1]: expected text, found nothing"],
    );
    check("- version: 1\n", &["1: expected a map (`key: value`), found a list"]);
}

#[test]
fn list_in_place_of_named_entries_asks_for_names() {
    let yaml = but("aliases: {fast: tier/general}", "aliases:\n  - fast: tier/general");
    check(
        &yaml,
        &["17: aliases: expected a map with a name before each entry (`name: …`), found a list"],
    );
}

#[test]
fn value_out_of_range_says_the_limit() {
    check(&but("60000", "0"), &["3: timers.total_ms: `0` is too small; at least 1"]);
    check(
        &but("60000", "99999999999999999999"),
        &["3: timers.total_ms: expected a whole number, found the number `1e20`"],
    );
    check(
        &but("{tier: general}", "{tier: general, min_confidence: 1.5}"),
        &["16: query_types.coding.min_confidence: `1.5` is too large; at most 1"],
    );
    check(&but("version: 1", "version: 2"), &["1: version: version `2` is not known; write 1"]);
    check(&but("version: 1", "version: -1"), &["1: version: `-1` is too small; at least 0"]);
}

#[test]
fn unknown_word_of_an_enumeration_names_the_known_ones() {
    check(
        &but("timers:", "embedder: {model: minilmm}\ntimers:"),
        &["3: embedder.model: `minilmm` is unknown; did you mean `minilm`?"],
    );
    check(
        &but(
            r#"{base_url: "http://127.0.0.1:8000/v1"}"#,
            "{base_url: http://x.org, dialect: soap}",
        ),
        &[
            "8: providers.local.dialect: `soap` is unknown; known here: anthropic, azure, azure-v1, \
           bedrock, cohere, deepseek, fireworks, gemini, groq, llamacpp, mistral, ollama, openai, openrouter, qwen, \
           responses, tgi, together, tokenmix, vertex, vllm, xai",
        ],
    );
}

#[test]
fn a_remote_embedder_is_complete_or_refused() {
    let with = |embedder: &str| but("timers:", &format!("embedder: {embedder}\ntimers:"));
    let good = "{model: remote, remote: {base_url: 'http://gpu:8080/v1/', name: m, dimensions: 8}}";
    let config = Project::new(&with(good)).load().unwrap().config;
    let remote = config.embedder.remote.as_ref().unwrap();
    assert_eq!(remote.endpoint.base_url, "http://gpu:8080/v1");
    assert_eq!((remote.name.as_str(), remote.dimensions), ("m", 8));
    check(
        &with("{model: remote}"),
        &["3: embedder.model: `remote` needs `embedder.remote` with base_url, name and dimensions"],
    );
    check(
        &with("{remote: {base_url: 'http://x/v1', name: m, dimensions: 8}}"),
        &["3: embedder.remote: unused; write `model: remote`, or leave this out"],
    );
    check(
        &with("{model: remote, remote: {base_url: gpu, name: ' ', dimensions: 8}}"),
        &[
            "3: embedder.remote.base_url: not an address; write one such as `https://api.example.com/v1`",
            "3: embedder.remote.name: empty; write what the server calls the model",
        ],
    );
    check(
        &with("{model: remote, remote: {base_url: 'http://x/v1', name: m, dimensions: 0}}"),
        &["3: embedder.remote.dimensions: `0` is too small; at least 1"],
    );
}

#[test]
fn unset_variable_is_an_error_outside_a_provider_key() {
    let remedy = "set it, or write `${TOTAL:-default}`";
    check(
        &but("60000", "${TOTAL}"),
        &[&format!("3: timers.total_ms: environment variable `TOTAL` is not set; {remedy}")],
    );
}

#[test]
fn unset_caller_key_is_an_error_because_the_gateway_would_stand_open() {
    check(
        &but("${CALLER_KEY:-}", "${CALLER_KEY}"),
        &["2: server.api_keys[0]: environment variable `CALLER_KEY` is not set; \
           set it, or write `${CALLER_KEY:-default}`"],
    );
}

#[test]
fn unset_provider_key_leaves_the_provider_out() {
    for written in ["${OPENAI_API_KEY}", "'${OPENAI_API_KEY:-}'"] {
        let config = Project::new(&VALID.replace("${OPENAI_API_KEY}", written)).config();
        let openai = config.provider("openai").unwrap();
        assert!(!openai.is_usable());
        let Credential::Unset { variable } = &openai.credential else { panic!("{openai:?}") };
        assert_eq!(variable, "OPENAI_API_KEY");
    }
    let config = Project::new(VALID).env("OPENAI_API_KEY", SECRET).config();
    assert_eq!(key_of(&config, "openai"), SECRET);
}

#[test]
fn default_stands_in_for_an_unset_variable() {
    let yaml = but("60000", "${TOTAL:-5000}");
    assert_eq!(Project::new(&yaml).config().timers.total.as_millis(), 5000);
    let set = Project::new(&yaml).env("TOTAL", " 7000 ");
    assert_eq!(set.config().timers.total.as_millis(), 7000);
    // As in a shell, `:-` also stands in for an empty one.
    assert_eq!(Project::new(&yaml).env("TOTAL", "").config().timers.total.as_millis(), 5000);
}

#[test]
fn variable_that_is_no_number_or_out_of_range_is_named_but_not_shown() {
    let yaml = but("60000", "${TOTAL}");
    Project::new(&yaml)
        .env("TOTAL", SECRET)
        .check(&["3: timers.total_ms: expected a whole number, found the value of `${TOTAL}`"]);
    Project::new(&yaml)
        .env("TOTAL", "0")
        .check(&["3: timers.total_ms: the value of `${TOTAL}` is too small; at least 1"]);
    Project::new(&but("      - openai/gpt\n      - local/llama", "      ${TOTAL}"))
        .env("TOTAL", "5")
        .check(&["11: tiers.general.targets: expected a list (`[one, two]`), \
                  found the value of `${TOTAL}`"]);
}

#[test]
fn variable_is_never_read_as_yaml() {
    let yaml = but("gpt", "${MODEL}");
    for value in ["a: [b", "{x: 1}", "# no comment", "*anchor", "${OTHER}", "'"] {
        let config = Project::new(&yaml).env("MODEL", value).config();
        assert_eq!(config.tiers[0].targets[0].model, value);
    }
}

#[test]
fn malformed_reference_is_an_error() {
    let message = "`${` begins no variable; write `${NAME}` or `${NAME:-default}`";
    for written in ["${OPENAI_API_KEY", "${OPENAI-API-KEY}", "${}", "${A:-${B}}", "${1A}"] {
        let yaml = VALID.replace("${OPENAI_API_KEY}", written);
        check(&yaml, &[&format!("7: providers.openai.api_key: {message}")]);
    }
    check(
        &but("  coding:", "  ${KIND}:"),
        &["16: query_types.${KIND}: a key cannot come from the environment; write it out"],
    );
}

#[test]
fn reference_stands_unquoted_in_a_flow_map() {
    let yaml = but(r#"{base_url: "http://127.0.0.1:8000/v1"}"#, "{base_url: ${URL:-http://a.org}}");
    let config = Project::new(&yaml).config();
    assert_eq!(config.provider("local").unwrap().base_url, "http://a.org");
}

#[test]
fn key_may_stand_in_a_file() {
    let of_provider = Project::new(&VALID.replace("${OPENAI_API_KEY}", "file:key.txt")).config();
    assert_eq!(key_of(&of_provider, "openai"), SECRET);
    let yaml = but("${CALLER_KEY:-}", "${CALLER_KEY}");
    let of_callers = Project::new(&yaml).env("CALLER_KEY", "file:key.txt").config();
    assert_eq!(of_callers.server.api_keys[0].expose(), SECRET);
}

#[test]
fn key_that_cannot_be_used_is_an_error() {
    let with = |key| VALID.replace("${OPENAI_API_KEY}", key);
    let at = "7: providers.openai.api_key:";
    let reason = "No such file or directory (os error 2)";
    check(
        &with("file:none.txt"),
        &[&format!("{at} cannot read the secret's file `none.txt`: {reason}")],
    );
    let empty = format!("{at} empty; write a key, or leave it out where none is needed");
    check(&with("file:empty.txt"), &[&empty]);
    check(&with("''"), &[&empty]);
    let character = "has a space or another character that no key has; copy it again";
    check(&with(&format!("“{SECRET}”")), &[&format!("{at} {character}")]);
}

#[test]
fn key_written_in_a_wrong_place_or_form_is_not_shown() {
    check(
        &but(r#"["${CALLER_KEY:-}"]"#, SECRET),
        &["2: server.api_keys: expected a list (`[one, two]`), found text"],
    );
    check(
        &but("${OPENAI_API_KEY}", "123456"),
        &["7: providers.openai.api_key: expected text (put it in quotation marks), found a number"],
    );
    check(
        &but("${OPENAI_API_KEY}", &format!("[{SECRET}]")),
        &["7: providers.openai.api_key: expected text, found a list"],
    );
    check(
        &but("https://api.openai.com/v1", SECRET),
        &["6: providers.openai.base_url: not an address; \
           write one such as `https://api.example.com/v1`"],
    );
    check(
        &but("${OPENAI_API_KEY}", &format!("{SECRET}: x")),
        &["7: not valid YAML: mapping values are not allowed in this context"],
    );
    for (piece, problem) in [
        (
            "openai/gpt",
            "12: tiers.general.targets[0]: target `${KEY}` from the environment \
                        is not of the form provider/model",
        ),
        (
            "{fast: tier/general",
            "17: aliases.fast: `${KEY}` from the environment names nothing that \
                                 exists; write `auto`, `tier/<name>` or `<provider>/<model>`",
        ),
        (
            "default_tier: general",
            "14: default_tier: unknown tier `${KEY}` from the environment; \
                                   known here: general",
        ),
        (
            "timers:",
            "3: embedder.model: the value of `${KEY}` is unknown; known here: static, minilm, cascade, bge-small, e5-small, remote",
        ),
    ] {
        let replacement = match piece {
            "{fast: tier/general" => "{fast: '${KEY}'",
            "default_tier: general" => "default_tier: ${KEY}",
            "timers:" => "embedder: {model: '${KEY}'}\ntimers:",
            _ => "${KEY}",
        };
        Project::new(&but(piece, replacement)).env("KEY", SECRET).check(&[problem]);
    }
}

#[test]
fn debug_output_of_a_configuration_has_no_secret() {
    let yaml =
        but("http://127.0.0.1:8000/v1\"", "http://127.0.0.1:8000/v1\", api_key: file:key.txt");
    let project = Project::new(&yaml).env("OPENAI_API_KEY", SECRET).env("CALLER_KEY", SECRET);
    let loaded = project.load().unwrap();
    assert_eq!(key_of(&loaded.config, "local"), SECRET);
    assert_eq!(loaded.config.server.api_keys[0].expose(), SECRET);
    assert!(!format!("{loaded:?}").contains(SECRET));
}

#[test]
fn key_written_twice_is_an_error_beside_the_others() {
    let yaml = but("default_tier: general", "default_tier: general\ntimers: {}\ndefault_tier: x")
        .replace("60000", "0");
    check(
        &yaml,
        &[
            "3: timers.total_ms: `0` is too small; at least 1",
            "15: timers: written twice, first on line 3; keep one",
            "16: default_tier: written twice, first on line 14; keep one",
        ],
    );
}

#[test]
fn syntax_error_has_its_line() {
    check(
        &but("{tier: general}", "{tier: general"),
        &["17: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'"],
    );
    check(
        &but("  coding:", "\tcoding:"),
        &["16: not valid YAML: a tab where only spaces may stand; replace it by spaces"],
    );
    check(
        &but("query_types:", "---\nquery_types:"),
        &["16: not valid YAML: a second document begins here; remove the `---`"],
    );
    check(&but("  coding:", "  [a]:"), &["16: not valid YAML: a key has to be text"]);
}

#[test]
fn empty_file_is_one_problem() {
    let message = "the file is empty; `rules/semroute.yaml` is a complete one";
    check("", &[message]);
    check("# only a comment\n", &[message]);
}

#[test]
fn missing_file_is_one_problem() {
    let none = |_: &str| None;
    let error = load(Path::new("/nowhere/semroute.yaml"), &none, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nowhere/semroute.yaml: cannot read the file: No such file or directory (os error 2); \
         give another file with --config, or run from the project's folder"
    );
}

#[test]
fn json_is_accepted_and_knows_its_lines() {
    let json = r#"{
        "version": 1,
        "providers": {"local": {"base_url": "http://[::1]:8000/v1"}},
        "tiers": {"general": {"targets": [
            "local/llama",
            "locla/llama"
        ]}},
        "default_tier": "general",
        "query_types": {"coding": {"tier": "general"}}
    }"#;
    check(
        json,
        &["6: tiers.general.targets[1]: target `locla/llama` names no provider; \
           did you mean `local`?"],
    );
    check(&json.replace("locla/", "local/small-"), &[]);
}

#[test]
fn byte_order_mark_and_windows_line_ends_are_accepted() {
    check(&format!("\u{feff}{}", VALID.replace('\n', "\r\n")), &[]);
}

#[test]
fn target_names_a_provider_and_a_model_once() {
    let at = "13: tiers.general.targets[1]: target";
    let cases = [
        ("llama", "`llama` is not of the form provider/model"),
        ("local/", "`local/` is not of the form provider/model"),
        ("lokal/llama", "`lokal/llama` names no provider; did you mean `local`?"),
        ("openai/gpt", "`openai/gpt` is listed twice; keep the first"),
    ];
    for (target, complaint) in cases {
        check(&but("local/llama", target), &[&format!("{at} {complaint}")]);
    }
}

#[test]
fn provider_that_does_not_fit_brings_no_complaint_about_its_targets() {
    check(
        &but(r#"{base_url: "http://127.0.0.1:8000/v1"}"#, "http://127.0.0.1:8000/v1"),
        &["8: providers.local: expected a map (`key: value`), found text"],
    );
}

#[test]
fn unknown_tier_is_reported_where_it_is_named() {
    check(
        &but("{tier: general}", "{tier: genral}"),
        &["16: query_types.coding.tier: unknown tier `genral`; did you mean `general`?"],
    );
    check(
        &but("default_tier: general", "default_tier: big"),
        &["14: default_tier: unknown tier `big`; known here: general"],
    );
}

#[test]
fn empty_lists_are_errors() {
    check(
        &but("\n      - openai/gpt\n      - local/llama", " []"),
        &["11: tiers.general.targets: empty; list at least one provider/model"],
    );
    check(
        "version: 1\nproviders: {}\ntiers:\ndefault_tier: x\nquery_types: {}\n",
        &[
            r#"3: tiers: missing; write it, such as `tiers: {"general":{"targets":["local/some-model"]}}`"#,
        ],
    );
    check(
        "version: 1\nproviders: {}\ntiers: {}\ndefault_tier: x\nquery_types: {}\n",
        &[
            "2: providers: empty; write at least one provider",
            "3: tiers: empty; write at least one tier",
            "4: default_tier: unknown tier `x`; nothing is known here",
            "5: query_types: empty; write at least one query type",
        ],
    );
}

#[test]
fn base_url_is_a_plain_http_address() {
    let at = "6: providers.openai.base_url:";
    let not = "not an address; write one such as `https://api.example.com/v1`";
    let cases = [
        ("api.openai.com/v1", not),
        ("ftp://api.openai.com", not),
        ("https://", not),
        ("https://a b.org", not),
        ("https://a.org/a b", not),
        ("https://a.org:port/v1", not),
        ("https://me:pw@a.org/v1", "carries a user or password; put the key under api_key"),
        ("https://a.org/v1?key=5", "carries a query or fragment; end it before the `?` or `#`"),
    ];
    for (url, complaint) in cases {
        check(&but("https://api.openai.com/v1", url), &[&format!("{at} {complaint}")]);
    }
    let config = Project::new(&but("https://api.openai.com/v1", "https://a.org/v1/")).config();
    assert_eq!(config.provider("openai").unwrap().base_url, "https://a.org/v1");
}

#[test]
fn provider_name_is_not_reserved() {
    let message = "a provider has a name without `/` that is not `auto` or `tier`";
    check(
        &but(
            "  local:",
            "  x: {base_url: http://a.org}\n  auto: {base_url: http://a.org}\n  local:",
        ),
        &[&format!("9: providers.auto: {message}")],
    );
}

#[test]
fn alias_names_something_that_exists() {
    let wanted = "write `auto`, `tier/<name>` or `<provider>/<model>`";
    for meaning in ["general", "tier/big", "nobody/gpt", "openai/"] {
        check(
            &but("{fast: tier/general}", &format!("{{fast: {meaning}}}")),
            &[&format!("17: aliases.fast: `{meaning}` names nothing that exists; {wanted}")],
        );
    }
    check(
        &but("{fast: tier/general}", "{auto: tier/general}"),
        &["17: aliases.auto: `auto` and `tier` have their own meaning; choose another name"],
    );
    check(&but("{fast: tier/general}", "{fast: auto, gpt: openai/gpt}"), &[]);
}

#[test]
fn timers_and_breaker_fit_together() {
    check(
        &but("connect_ms: 1000", "connect_ms: 60000"),
        &["3: timers.connect_ms: not below timers.total_ms, \
           so no second target would ever be tried"],
    );
    check(
        &but("timers:", "breaker: {open_ms: 5000, open_max_ms: 4000}\ntimers:"),
        &["3: breaker.open_max_ms: below breaker.open_ms; make it larger"],
    );
}

#[test]
fn several_problems_are_reported_at_once_in_file_order() {
    let yaml = but("60000", "soon")
        .replace("aliases:", "alias:")
        .replace("{tier: general}", "{tier: genral, min_confidence: 2}")
        .replace("local/llama", "llama");
    check(
        &yaml,
        &[
            "3: timers.total_ms: expected a whole number, found the text `soon`",
            "13: tiers.general.targets[1]: target `llama` is not of the form provider/model",
            "16: query_types.coding.min_confidence: `2` is too large; at most 1",
            "16: query_types.coding.tier: unknown tier `genral`; did you mean `general`?",
            "17: alias: unknown key; did you mean `aliases`?",
        ],
    );
}

#[test]
fn order_is_that_of_the_file() {
    let config = Project::new(VALID).config();
    let names: Vec<&str> = config.providers.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(names, ["openai", "local"]);
}

#[test]
fn tier_without_a_key_is_a_warning_only_when_others_have_one() {
    let no_key = "  cheap: {targets: [openai/small]}\n  general:";
    check(
        &but("  general:", no_key),
        &["10: warning: tiers.cheap.targets: \
           no target of this tier has its provider's key; set one, such as `openai`'s"],
    );
    let all_without =
        but("  general:", no_key).replace("  local: {", "  local: {api_key: ${LOCAL_KEY}, ");
    check(&all_without, &[]);
}

#[test]
fn sandbox_answers_for_every_provider() {
    let project = Project::new(VALID);
    let none = |_: &str| None;
    let sandbox = Some("http://127.0.0.1:9");
    let loaded = load(&project.path("semroute.yaml"), &none, sandbox).unwrap();
    let openai = loaded.config.provider("openai").unwrap();
    assert!(openai.is_usable());
    assert_eq!(openai.base_url, "http://127.0.0.1:9/openai/v1");
}

fn check_examples(rows: &str, expected: &[&str]) {
    let yaml = but("{tier: general}", "{tier: general}\n  math: {tier: general}");
    let row = |number| format!(r#"{{"text": "add {number}", "label": "math"}}"#);
    let maths: Vec<String> = (1..=8).map(row).collect();
    Project::new(&yaml)
        .file("examples/maths.jsonl", &maths.join("\n"))
        .file("examples/more.jsonl", rows)
        .file("examples/notes.txt", "not an example")
        .check(expected);
}

#[test]
fn example_has_a_text_and_a_known_label() {
    let at = "examples/more.jsonl:";
    let wanted = r#"expected {"text": "…", "label": "…"}"#;
    let rows = r#"{"text": "fine", "label": "math", "note": "kept for others"}

{"text": "no end
{"text": "no label"}
{"text": " ", "label": "math"}
{"text": "integrate x", "label": "maths"}"#;
    check_examples(
        rows,
        &[
            &format!("{at}3: {wanted}: EOF while parsing a string"),
            &format!("{at}4: {wanted}: missing field `label`"),
            &format!("{at}5: text: empty; an example needs a prompt"),
            &format!("{at}6: label: unknown query type `maths`; did you mean `math`?"),
        ],
    );
    let long = format!(r#"{{"text": "{}", "label": "math"}}"#, "x".repeat(8193));
    check_examples(&long, &[&format!("{at}1: text: 8193 bytes; at most 8192, cut the middle out")]);
}

#[test]
fn example_stands_once_under_one_label() {
    let rows = r#"{"text": "add 1 ", "label": "math"}
{"text": "add 2", "label": "coding"}"#;
    check_examples(
        rows,
        &[
            "examples/more.jsonl:1: warning: text: same text as examples/maths.jsonl:1; remove one",
            "examples/more.jsonl:2: text: same text as examples/maths.jsonl:2 \
             under another label (`math`, `coding`); keep one",
        ],
    );
}

#[test]
fn query_type_with_few_examples_is_a_warning_at_its_line() {
    check(
        &but("{tier: general}", "{tier: general}\n  math: {tier: general}"),
        &["17: warning: query_types.math: 0 examples; \
           with fewer than 8 it will hardly ever be chosen"],
    );
}

#[test]
fn folder_of_examples_has_to_be_there() {
    let yaml = but("version: 1", "version: 1\nexamples: none");
    let reason = "No such file or directory (os error 2)";
    check(&yaml, &[&format!("2: examples: cannot read the folder `none`: {reason}")]);
    Project::new(&yaml)
        .file("none/readme.md", "")
        .check(&["2: examples: no `*.jsonl` in `none`; write labelled prompts there"]);
}

#[test]
fn table_of_outcomes_beside_the_configuration_replaces_the_shipped_one() {
    let shipped = Project::new(VALID).config().outcomes;
    assert!(shipped.rows.len() > 40 && !shipped.limits.is_empty());
    let own = "version: 1\nrows: [{outcome: bad_reply}]\n";
    for (yaml, file) in [
        (VALID.to_owned(), "outcomes.yaml"),
        (but("version: 1", "version: 1\noutcomes: own/table.yaml"), "own/table.yaml"),
    ] {
        let outcomes = Project::new(&yaml).file(file, own).config().outcomes;
        assert_eq!((outcomes.rows.len(), outcomes.limits.len()), (1, 0));
    }
}

#[test]
fn problems_of_the_table_of_outcomes_stand_beside_all_others() {
    Project::new(&but("60000", "0"))
        .file("outcomes.yaml", "version: 1\nrows: [{status: [7], outcome: policy}]\n")
        .check(&[
            "outcomes.yaml:2: rows[0].status: `7` is none; write `429`, `500-599` or `in_band`",
            "3: timers.total_ms: `0` is too small; at least 1",
        ]);
    let missing = "2: outcomes: cannot read `none.yaml`: No such file or directory (os error 2)";
    check(&but("version: 1", "version: 1\noutcomes: none.yaml"), &[missing]);
}

/// The shipped rules with only these variables set.
fn shipped(variables: &[&str]) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/semroute.yaml");
    let env = |name: &str| variables.contains(&name).then(|| SECRET.to_owned());
    load(&path, &env, None).unwrap()
}

#[test]
fn shipped_rules_load_without_any_key() {
    let Loaded { config, warnings } = shipped(&[]);
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.query_types.len(), 27);
    for query_type in &config.query_types {
        let name = &query_type.name;
        let labelled = config.examples.iter().filter(|example| example.query_type.name == *name);
        let count = labelled.count();
        assert!(count >= 40, "{name}: {count} examples");
    }
    assert!(config.providers.iter().all(|provider| !provider.is_usable()));
}

#[test]
fn any_one_key_serves_every_tier_of_the_shipped_rules() {
    let unset = shipped(&[]).config.providers;
    for provider in &unset {
        let Credential::Unset { variable } = &provider.credential else { panic!("{provider:?}") };
        let Loaded { config, warnings } = shipped(&[variable.as_str()]);
        assert!(warnings.is_empty(), "{warnings:?}");
        for tier in &config.tiers {
            let usable = tier.targets.iter().any(|target| target.provider.is_usable());
            assert!(usable, "{} with {variable}", tier.name);
        }
    }
}

#[test]
fn problem_of_severity_error_refuses_and_a_warning_does_not() {
    let error = Project::new(&but("60000", "0")).load().unwrap_err();
    assert_eq!(error.problems[0].severity, Severity::Error);
    let yaml = but("{tier: general}", "{tier: general}\n  math: {tier: general}");
    let loaded = Project::new(&yaml).load().unwrap();
    assert_eq!(loaded.warnings[0].severity, Severity::Warning);
}

/// What is watched of the provider `local`, or the problems.
fn watched(keys: &str) -> String {
    but("8000/v1\"}", &format!("8000/v1\", {keys}}}"))
}

#[test]
fn what_is_watched_is_off_unless_it_is_written() {
    assert!(Project::new(VALID).config().watched.is_empty());
    assert!(Project::new(&watched("probe: off, probe_every_ms: 5000")).config().watched.is_empty());
    let config = Project::new(&watched(
        "probe: models, health_check: {url: \"http://127.0.0.1:8000/health?deep=1\"}, \
         status_feed: {url: \"https://s.org/feed\", kind: rss, component: \" API \"}",
    ))
    .config();
    let [Watched { provider, health_check, probe, status_feed }] = config.watched.as_slice() else {
        panic!("{:?}", config.watched);
    };
    assert_eq!(provider.name, "local");
    let check = health_check.as_ref().unwrap();
    let thirty = Duration::from_secs(30);
    assert_eq!(
        (check.url.as_str(), check.expect_status),
        ("http://127.0.0.1:8000/health?deep=1", 200)
    );
    assert_eq!(
        (check.every, probe.unwrap().every, probe.unwrap().kind),
        (thirty, thirty, ProbeKind::Models)
    );
    let feed = status_feed.as_ref().unwrap();
    assert_eq!((feed.kind, feed.component.as_deref()), (FeedKind::Rss, Some("API")));
    assert_eq!(feed.every, Duration::from_secs(60));
}

#[test]
fn a_provider_without_its_key_and_the_sandbox_are_not_watched() {
    let yaml = but("${OPENAI_API_KEY}", "${OPENAI_API_KEY}\n    probe: connect");
    assert!(Project::new(&yaml).config().watched.is_empty());
    let with_key = Project::new(&yaml).env("OPENAI_API_KEY", SECRET);
    assert_eq!(with_key.config().watched.len(), 1);
    let env = |_: &str| Some(SECRET.to_owned());
    let sandboxed =
        load(&with_key.path("semroute.yaml"), &env, Some("http://127.0.0.1:1")).unwrap();
    assert!(sandboxed.config.watched.is_empty());
}

#[test]
fn problems_of_what_is_watched_are_told() {
    check(
        &watched(
            "health_check: {url: \"http://x.org\", every_ms: 10, expect_status: 404}, probe: chat",
        ),
        &[
            "8: providers.local.health_check.every_ms: `10` is too small; at least 1000",
            "8: providers.local.health_check.expect_status: `404` is too large; at most 299",
            "8: providers.local.probe: `chat` is unknown; known here: off, connect, models",
        ],
    );
    check(
        &watched(
            "health_check: {url: \"x.org\"}, status_feed: {url: \"https://a.org#b\", kind: rss, component: \" \"}",
        ),
        &[
            "8: providers.local.health_check.url: not an address; write one such as `https://api.example.com/v1`",
            "8: providers.local.status_feed.url: carries a fragment; end it before the `#`",
            "8: providers.local.status_feed.component: empty; write a part of its name, or leave it out",
        ],
    );
    check(
        &watched("status_feed: {url: \"https://a.org\"}"),
        &["8: providers.local.status_feed.kind: missing; write it, such as `kind: \"statuspage\"`"],
    );
}

/// Rows of a catalogue for the two targets of the valid configuration.
const CATALOG: &str = "version: 1
models:
  gpt:
    context: 8000
    max_output: 1000
    input: [text]
    tools: true
    reasoning: [low, high]
    price: {input: 1, output: 2, cache_read: 0.5}
    as_of: 2026-11-01
    source: here
  llama*: {context: 4000, deprecated: 2026-12-01, as_of: 2026-11-01, source: here}
";

#[test]
fn what_the_user_says_stands_above_the_catalogue_field_by_field() {
    let yaml = but(
        "tiers:",
        "models:\n  openai/gpt: {context: 9000, images: true, reasoning: [], choices: 4}\ntiers:",
    );
    let project = Project::new(&yaml)
        .file("catalog.yaml", CATALOG)
        .file("prices.yaml", "version: 1\nmodels:\n  openai/gpt: {output: 3}\n");
    let config = project.config();
    let can = &config.tiers[0].targets[0].abilities;
    assert_eq!((can.context, can.max_output, can.choices), (Some(9_000), Some(1_000), Some(4)));
    assert_eq!((can.images, can.audio, can.tools), (Some(true), Some(false), Some(true)));
    assert_eq!((can.json_schema, can.prefill), (None, None));
    assert_eq!(can.reasoning.as_deref(), Some(&[][..]));
    let price = can.price.unwrap();
    let rates = [Some(price.input), Some(price.output), price.cache_read, price.cache_write];
    let rates: Vec<String> = rates.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(rates, ["1", "3", "0.5"]);
    // Nobody says anything of it but the catalogue, by a pattern; and a caller may name one that no tier lists.
    assert_eq!(config.tiers[0].targets[1].abilities.context, Some(4_000));
    let local = config.provider("local").unwrap();
    assert_eq!(config.target(local, "llama-9").abilities.context, Some(4_000));
    assert_eq!(config.target(local, "other").abilities.context, None);
    let openai = config.provider("openai").unwrap();
    assert_eq!(config.target(openai, "gpt").abilities.context, Some(9_000));
}

#[test]
fn models_that_are_gone_or_soon_will_be_are_named_once() {
    let check_day = |day: &str, expected: &[&str]| {
        let catalog = CATALOG.replace("2026-12-01", day);
        let yaml = but("default_tier", "  other: {targets: [local/llama]}\ndefault_tier");
        Project::new(&yaml)
            .env("OPENAI_API_KEY", SECRET)
            .file("catalog.yaml", &catalog)
            .check(expected);
    };
    let place = "13: warning: tiers.general.targets[1]: `local/llama`";
    let soon = |day: &str, left: u32| {
        format!("{place} will be deprecated on {day}, in {left} days; name another model")
    };
    check_day("2026-12-25", &[]);
    check_day("2026-12-24", &[&soon("2026-12-24", 30)]);
    check_day("2026-12-01", &[&soon("2026-12-01", 7)]);
    let gone = |day: &str| format!("{place} is deprecated since {day}; name another model");
    check_day("2026-11-24", &[&gone("2026-11-24")]);
    check_day("2026-06-01", &[&gone("2026-06-01")]);
}

#[test]
fn problems_of_models_and_their_files_are_reported() {
    let with = |model: &str| but("tiers:", &format!("models: {{local/llama: {model}}}\ntiers:"));
    check(
        &with("{max_outputs: 5}"),
        &["9: models.local/llama.max_outputs: unknown key; did you mean `max_output`?"],
    );
    check(
        &with("{deprecated: 2026-02-30}"),
        &["9: models.local/llama.deprecated: `2026-02-30` is no day; write it as 2026-12-01"],
    );
    check(
        &with("{reasoning: [hard]}"),
        &[
            "9: models.local/llama.reasoning[0]: `hard` is unknown; known here: none, minimal, low, medium, \
           high, xhigh, max",
        ],
    );
    let prices = |text: &str, expected: &[&str]| {
        let text = format!("version: 1\nmodels:\n  {text}\n");
        let catalog = CATALOG.replace("2026-12-01", "2030-01-01");
        Project::new(VALID)
            .file("catalog.yaml", &catalog)
            .file("prices.yaml", &text)
            .check(expected);
    };
    prices(
        "local/llama: {output: 3}",
        &[
            "prices.yaml:3: models.local/llama: `input` is missing, here and in the catalogue; write it",
        ],
    );
    prices(
        "local/llama: {input: 3, outptu: 1}",
        &["prices.yaml:3: models.local/llama.outptu: unknown key; did you mean `output`?"],
    );
    check(
        &but("default_tier", "catalog: nowhere.yaml\ndefault_tier"),
        &["14: catalog: cannot read `nowhere.yaml`: No such file or directory (os error 2)"],
    );
    Project::new(VALID).file("catalog.yaml", "version: 1\nmodel: {}\n").check(&[
        "catalog.yaml:1: models: missing; write it, such as `models: \
         {\"gpt-6-luna\":{\"as_of\":\"2026-11-24\",\"source\":\"https://example.com\"}}`",
        "catalog.yaml:2: model: unknown key; did you mean `models`?",
    ]);
}
