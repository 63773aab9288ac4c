//! What stands beside the program: the shipped rules, the documents, and every file that git keeps.

use std::process::Command;

use serde_json::Value;

use super::source::{Source, words};
use super::tables::{architecture, cell, quoted, table};
use super::{assert_none, program, read, rules};

/// The documents whose words are checked.
const DOCUMENTS: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "rules/README.md",
    "rules/EVALUATION.md",
    "models/README.md",
    "rules/semroute.yaml",
];

#[test]
fn the_shipped_rules_load_without_a_warning() {
    let warnings: Vec<String> = rules().warnings.iter().map(ToString::to_string).collect();
    assert_none(&warnings);
}

#[test]
fn every_query_type_has_forty_examples() {
    let config = rules().config;
    let count =
        |name: &str| config.examples.iter().filter(|row| row.query_type.name == name).count();
    let few = config.query_types.iter().filter(|known| count(&known.name) < 40);
    assert_none(
        &few.map(|known| format!("`{}` has {}", known.name, count(&known.name)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_readme_has_the_two_commands() {
    assert_none(&missing(
        &read("README.md"),
        &["\ncargo run --release -- serve\n", "\ncargo test\n"],
    ));
}

#[test]
fn the_readme_names_every_key() {
    let text = read("rules/semroute.yaml");
    let names = text.split("${").skip(1).filter_map(|rest| words(rest).next());
    let keys: Vec<String> =
        names.filter(|name| name.ends_with("_API_KEY")).map(|name| format!("`{name}`")).collect();
    assert!(keys.len() > 3);
    assert_none(&missing(&read("README.md"), &keys));
}

#[test]
fn the_readme_names_every_command() {
    let help = Command::new(env!("CARGO_BIN_EXE_semroute")).arg("--help").output().expect("help");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<String> = listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(|name| format!("`semroute {name}"))
        .collect();
    assert!(commands.len() > 3, "{help}");
    assert_none(&missing(&read("README.md"), &commands));
}

/// What a text should contain and does not.
fn missing(text: &str, wanted: &[impl AsRef<str>]) -> Vec<String> {
    let absent = wanted.iter().map(AsRef::as_ref).filter(|part| !text.contains(part));
    absent.map(|part| format!("{part:?} is missing")).collect()
}

#[test]
fn every_key_is_explained_with_its_default() {
    let rows = table(&read("rules/README.md"), "Every key");
    let listed: Vec<[String; 2]> =
        rows.iter().map(|row| [0, 1].map(|at| cell(row, at).join(""))).collect();
    let schema = semroute::config::schema();
    let mut keys = Vec::new();
    collect_keys(&schema, &schema, "", &mut keys);
    assert!(keys.len() > 20, "{keys:?}");
    assert_none(&unexplained(&keys, &listed));
}

/// Keys that the table lacks or gives another default, and rows about nothing.
fn unexplained(keys: &[[String; 2]], listed: &[[String; 2]]) -> Vec<String> {
    let has = |rows: &[[String; 2]], key: &str| rows.iter().any(|[name, _]| name == key);
    let is_told = |[key, default]: &&[String; 2]| {
        listed.iter().any(|[name, said]| name == key && (default.is_empty() || said == default))
    };
    let absent = keys.iter().filter(|key| !is_told(key));
    let absent = absent.map(|[key, default]| format!("add the row | `{key}` | `{default}` |"));
    let gone = listed.iter().filter(|[key, _]| !has(keys, key));
    absent.chain(gone.map(|[key, _]| format!("no key is called `{key}`"))).collect()
}

/// Every leaf of a schema: its path, with `<name>` for free names, and the default that the schema gives.
fn collect_keys(root: &Value, schema: &Value, path: &str, keys: &mut Vec<[String; 2]>) {
    let schema = resolve(root, schema);
    let join =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, child) in properties.into_iter().flatten() {
        let before = keys.len();
        collect_keys(root, child, &join(name), keys);
        if keys.len() == before {
            keys.push([join(name), default_of(root, child)]);
        }
    }
    if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
        let before = keys.len();
        collect_keys(root, others, &join("<name>"), keys);
        if keys.len() == before {
            keys.push([join("<name>"), String::new()]);
        }
    }
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference =
        schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
    reference.and_then(|pointer| root.pointer(pointer)).unwrap_or(schema)
}

fn default_of(root: &Value, schema: &Value) -> String {
    match schema.get("default").or_else(|| resolve(root, schema).get("default")) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[test]
fn the_map_lists_every_module() {
    let listed: Vec<String> =
        architecture("Map").iter().flat_map(|row| cell(row, 0).to_vec()).collect();
    let modules: Vec<String> = program()
        .iter()
        .filter(|source| !["main", "lib"].contains(&source.module()))
        .map(|source| source.module().to_owned())
        .collect();
    assert_none(&missing(&listed.join("\n"), &modules));
}

#[test]
fn every_invariant_is_held_by_a_test() {
    let tests: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(Source::below)
        .flat_map(|s| test_names(&s.text))
        .collect();
    let rows = architecture("Invariants");
    assert!(rows.iter().all(|row| !cell(row, 1).is_empty()), "an invariant without a test");
    let named: Vec<String> = rows.iter().flat_map(|row| cell(row, 1).to_vec()).collect();
    let untrue = named.iter().filter(|name| !tests.contains(name));
    assert_none(&untrue.map(|name| format!("no test is called `{name}`")).collect::<Vec<_>>());
}

/// The functions that follow a test attribute.
fn test_names(text: &str) -> Vec<String> {
    let after = text.split("test]\n").skip(1).chain(text.split("test(").skip(1));
    let functions = after.filter_map(|rest| rest.split_once("fn ").map(|(_, name)| name));
    functions.filter_map(|rest| words(rest).next()).map(str::to_owned).collect()
}

#[test]
fn documents_name_files_that_exist() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut violations = Vec::new();
    for document in DOCUMENTS {
        for name in quoted(&read(document)).iter().filter(|name| is_project_path(name)) {
            if !root.join(name).exists() {
                violations.push(format!("{document}: `{name}` does not exist"));
            }
        }
    }
    assert_none(&violations);
}

fn is_project_path(name: &str) -> bool {
    let starts = ["src/", "tests/", "rules/", "models/", "benches/"];
    starts.iter().any(|start| name.starts_with(start)) && !name.contains(['*', '<', ' ', '{'])
}

#[test]
fn nothing_is_left_for_later() {
    let sources = ["src", "tests", "benches"].into_iter().flat_map(Source::below);
    let documents = DOCUMENTS.map(|path| (path.to_owned(), read(path)));
    let files: Vec<(String, String)> =
        sources.map(|source| (source.path, source.text)).chain(documents).collect();
    assert_none(&marks(&files));
}

/// Marks of unfinished work. Written in halves here, so that this file has none.
fn marks(files: &[(String, String)]) -> Vec<String> {
    let marks = [["TO", "DO"], ["FIX", "ME"], ["X", "XX"]].map(|halves| halves.concat());
    let macros = [["todo", "!("], ["unimplemented", "!("]].map(|halves| halves.concat());
    let mut violations = Vec::new();
    for (path, text) in files {
        let marked = words(text).find(|word| marks.iter().any(|mark| mark == word));
        let called = macros.iter().find(|call| text.contains(call.as_str()));
        if let Some(found) = marked.or_else(|| called.map(String::as_str)) {
            violations.push(format!("{path}: `{found}`"));
        }
    }
    violations
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let Some(files) = tracked() else {
        eprintln!("SKIPPED no_file_names_a_machine_or_a_registry: this is no git checkout");
        return;
    };
    assert!(files.len() > 50, "{}", files.len());
    assert_none(&machine_names(&files, env!("CARGO_MANIFEST_DIR")));
}

/// Every text file that git keeps.
fn tracked() -> Option<Vec<(String, String)>> {
    let root = env!("CARGO_MANIFEST_DIR");
    let listed = Command::new("git").args(["-C", root, "ls-files", "-z"]).output().ok()?;
    let names = String::from_utf8(listed.stdout).ok().filter(|_| listed.status.success())?;
    let files = names.split('\0').filter_map(|name| {
        let text = std::fs::read_to_string(std::path::Path::new(root).join(name)).ok()?;
        Some((name.to_owned(), text))
    });
    Some(files.collect())
}

/// Folders of one machine, and hosts that only a package manager's own configuration should name. Examples may quote any
/// folder of the world but this one.
fn machine_names(files: &[(String, String)], root: &str) -> Vec<String> {
    let homes =
        [["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"], ["/wo", "rk/"], [r"C:\Us", r"ers\"]];
    let hosts = [
        ["crates", ".io"],
        ["pypi", ".org"],
        ["pythonhosted", ".org"],
        ["npmjs", ".org"],
        ["proxy.golang", ".org"],
    ];
    let registry = ["registry", "+"].concat();
    let (homes, hosts) = (homes.map(|halves| halves.concat()), hosts.map(|halves| halves.concat()));
    let mut violations = Vec::new();
    for (path, text) in files {
        let text = match path.as_str() {
            // The lock file names the one registry that every Rust project has, and may name no other.
            "Cargo.lock" => text
                .replace(&format!("{registry}https://github.com/rust-lang/{}-index", hosts[0]), ""),
            _ => text.clone(),
        };
        let may_quote = path.starts_with("rules/examples/");
        let names = homes.iter().chain(&hosts).filter(|_| !may_quote).map(String::as_str);
        for name in names.chain([root, registry.as_str()]).filter(|name| text.contains(name)) {
            violations.push(format!("{path}: names `{name}`"));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Vec<(String, String)> {
        vec![(path.to_owned(), text.to_owned())]
    }

    #[test]
    fn missing_parts_are_found() {
        assert_eq!(missing("a b", &["a", "c"]), ["\"c\" is missing"]);
    }

    #[test]
    fn keys_are_collected_with_their_defaults() {
        let schema: Value = serde_json::from_str(
            r##"{"$defs": {"In": {"properties": {"x": {"default": 3}, "y": {}}}},
                "properties": {"a": {"$ref": "#/$defs/In"}, "b": {"default": "d"},
                  "c": {"additionalProperties": {"$ref": "#/$defs/In"}}, "e": {"additionalProperties": {"type": "string"}}}}"##,
        )
        .expect("JSON");
        let mut keys = Vec::new();
        collect_keys(&schema, &schema, "", &mut keys);
        let keys: Vec<(&str, &str)> =
            keys.iter().map(|[key, default]| (key.as_str(), default.as_str())).collect();
        assert_eq!(
            keys,
            [
                ("a.x", "3"),
                ("a.y", ""),
                ("b", "d"),
                ("c.<name>.x", "3"),
                ("c.<name>.y", ""),
                ("e.<name>", "")
            ]
        );
    }

    #[test]
    fn a_wrong_default_is_found() {
        let key = |key: &str, default: &str| [key.to_owned(), default.to_owned()];
        assert_eq!(unexplained(&[key("a", "1")], &[key("a", "1")]), [] as [String; 0]);
        assert_eq!(unexplained(&[key("a", "1")], &[key("a", "2")]).len(), 1);
        assert_eq!(unexplained(&[key("a", "")], &[key("a", "2")]), [] as [String; 0]);
        assert_eq!(unexplained(&[key("a", "")], &[key("b", "")]).len(), 2);
    }

    #[test]
    fn tests_are_found_by_name() {
        let text = "#[test]\nfn a() {}\n#[tokio::test]\nasync fn b() {}\n#[tokio::test(start_paused = true)]\nasync fn c() {}\nfn d() {}";
        assert_eq!(test_names(text), ["a", "b", "c"]);
    }

    #[test]
    fn marks_are_found_as_whole_words() {
        let mark = ["TO", "DO"].concat();
        assert_eq!(marks(&file("a.rs", &format!("// {mark}: later"))).len(), 1);
        assert_eq!(marks(&file("a.rs", &format!("{}(x)", ["todo", "!"].concat()))).len(), 1);
        assert_eq!(marks(&file("a.rs", &format!("{mark}LIST, todo = 1"))).len(), 0);
    }

    #[test]
    fn machines_and_registries_are_found() {
        let home = ["/ho", "me/ada/x"].concat();
        let host = ["https://pypi", ".org/simple"].concat();
        let lock =
            ["source = \"registry", "+https://github.com/rust-lang/crates", ".io-index\""].concat();
        let check = |path: &str, text: &str, expected: usize| {
            let found = machine_names(&file(path, text), "/build/here");
            assert_eq!(found.len(), expected, "{path} {text}: {found:?}");
        };
        check("README.md", &home, 1);
        check("rules/examples/a.jsonl", &home, 0);
        check("rules/examples/a.jsonl", "/build/here/x", 1);
        check("a.yml", &host, 1);
        check("Cargo.lock", &lock, 0);
        check(
            "Cargo.lock",
            &["source = \"registry", "+https://mirror.example/index\""].concat(),
            1,
        );
        check("README.md", "/usr/bin", 0);
    }

    #[test]
    fn only_plain_paths_are_looked_up() {
        assert!(is_project_path("src/chat/"));
        assert!(!is_project_path("rules/examples/*.jsonl"));
        assert!(!is_project_path("provider/model"));
    }
}
