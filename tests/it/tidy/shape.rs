//! The shape of the program: lengths, first lines, who imports whom, where libraries and limits stand.

use std::collections::BTreeSet;

use super::source::{Source, is_in, is_within, places};
use super::tables::{Row, architecture, cell};
use super::{assert_none, program, read};

/// Longest file, in lines without tests.
const FILE_LINES_MAX: usize = 500;
/// A file this long should be looked at.
const FILE_LINES_WARN: usize = 350;
/// Longest function, in lines with its head and its last brace.
const FUNCTION_LINES_MAX: usize = 70;
#[test]
fn files_are_short() {
    let sources = program();
    for source in sources.iter().filter(|source| source.line_count > FILE_LINES_WARN) {
        println!("{}: {} lines without tests, soon too long", source.path, source.line_count);
    }
    assert_none(&too_long(&sources));
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.line_count > FILE_LINES_MAX);
    long.map(|source| {
        format!("{}: {} lines, at most {FILE_LINES_MAX}", source.path, source.line_count)
    })
    .collect()
}

#[test]
fn functions_are_short() {
    assert_none(&long_functions(&program()));
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut violations = Vec::new();
    for source in sources {
        for function in source.functions() {
            if function.line_count > FUNCTION_LINES_MAX {
                let (name, line, count) = (function.name, function.line, function.line_count);
                violations.push(format!(
                    "{}:{line}: `{name}` has {count} lines, at most {FUNCTION_LINES_MAX}",
                    source.path
                ));
            }
        }
    }
    violations
}

#[test]
fn files_say_what_they_are_for() {
    let sources = ["src", "tests", "benches"].into_iter().flat_map(Source::below);
    assert_none(&without_head(&sources.collect::<Vec<Source>>()));
}

fn without_head(sources: &[Source]) -> Vec<String> {
    let silent = sources.iter().filter(|source| !source.text.starts_with("//! "));
    silent.map(|source| format!("{}: does not begin with a `//!` comment", source.path)).collect()
}

#[test]
fn imports_go_one_way() {
    let (sources, rows) = (program(), architecture("Direction of imports"));
    assert_none(&imports(&sources, &rows));
    assert_none(&circles(&rows));
}

/// Imports that the table does not list, and entries of the table that nobody uses.
fn imports(sources: &[Source], rows: &[Row]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    for source in sources.iter().filter(|source| source.module() != "lib") {
        let row = rows.iter().find(|row| cell(row, 0).iter().any(|name| name == source.module()));
        let Some(row) = row else {
            violations.push(format!("{}: its module is not in the table", source.path));
            continue;
        };
        let root = if source.module() == "main" { "semroute::" } else { "crate::" };
        for named in source.names() {
            let here = format!("{}:{}", source.path, named.line);
            let climbs = named.path.split("::").take_while(|part| *part == "super").count();
            if climbs > 0 && climbs >= source.depth() {
                violations.push(format!("{here}: `{}` climbs out of its module", named.path));
            }
            let Some(path) = named.path.strip_prefix(root) else { continue };
            if path.split("::").next() == Some(source.module()) {
                continue;
            }
            let entry = cell(row, 1).iter().find(|entry| is_within(path, entry));
            match entry {
                Some(entry) => drop(used.insert((source.module(), entry))),
                None => violations.push(format!("{here}: imports `{path}`")),
            }
        }
    }
    for row in rows {
        for (module, entry) in
            cell(row, 0).iter().flat_map(|m| cell(row, 1).iter().map(move |e| (m, e)))
        {
            if !used.contains(&(module.as_str(), entry.as_str())) {
                violations.push(format!("the table lets `{module}` import `{entry}`; nobody does"));
            }
        }
    }
    violations
}

/// Modules that reach themselves.
fn circles(rows: &[Row]) -> Vec<String> {
    let mut violations = Vec::new();
    for module in rows.iter().flat_map(|row| cell(row, 0)) {
        let (mut open, mut seen) = (vec![module.as_str()], BTreeSet::new());
        while let Some(next) = open.pop() {
            let row = rows.iter().find(|row| cell(row, 0).iter().any(|name| name == next));
            let entries = row.map_or(&[] as &[String], |row| cell(row, 1));
            let imported = entries.iter().filter_map(|entry| entry.split("::").next());
            open.extend(imported.filter(|name| seen.insert(*name)));
        }
        if seen.contains(module.as_str()) {
            violations.push(format!("`{module}` imports itself through others"));
        }
    }
    violations
}

#[test]
fn libraries_have_one_home() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("a manifest");
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names: Vec<String> =
        dependencies.expect("dependencies").keys().map(|name| name.replace('-', "_")).collect();
    assert_none(&strays(&program(), &names, &architecture("Libraries")));
}

/// Names of libraries outside their home, and libraries that the table does not list or that are gone.
fn strays(sources: &[Source], dependencies: &[String], rows: &[Row]) -> Vec<String> {
    let mut violations = Vec::new();
    let home_of =
        |name: &str| rows.iter().find(|row| cell(row, 0).iter().any(|listed| listed == name));
    for name in dependencies.iter().filter(|name| home_of(name).is_none()) {
        violations.push(format!("the dependency `{name}` is not in the table"));
    }
    for name in rows.iter().flat_map(|row| cell(row, 0)).filter(|name| !dependencies.contains(name))
    {
        violations.push(format!("the table lists `{name}`, which is no dependency"));
    }
    for source in sources {
        for named in source.names() {
            let library = named.path.split("::").next().unwrap_or_default();
            let homes = home_of(library).map_or(&[] as &[String], |row| cell(row, 1));
            let is_path = named.path.contains("::");
            if is_path && !homes.is_empty() && !is_in(&source.path, homes) {
                violations.push(format!("{}:{}: names `{library}`", source.path, named.line));
            }
        }
    }
    violations
}

#[test]
fn limits_are_documented_as_they_are() {
    assert_none(&limits(&program(), &architecture("Limits")));
}

/// Constants named `..._MAX` that the table lacks, and rows that the program contradicts.
fn limits(sources: &[Source], rows: &[Row]) -> Vec<String> {
    let mut violations = Vec::new();
    let constants: Vec<[String; 3]> = sources.iter().flat_map(constants).collect();
    let listed: Vec<[String; 3]> =
        rows.iter().map(|row| [0, 1, 2].map(|at| cell(row, at).join(""))).collect();
    for constant in constants.iter().filter(|[name, ..]| name.ends_with("_MAX")) {
        if !listed.contains(constant) {
            let [name, path, value] = constant;
            violations.push(format!("add the row | `{name}` | `{path}` | `{value}` |"));
        }
    }
    for row in &listed {
        if !constants.contains(row) {
            violations.push(format!("no constant is {row:?}"));
        }
    }
    violations
}

/// Name, file and value as written.
fn constants(source: &Source) -> Vec<[String; 3]> {
    let mut found = Vec::new();
    for at in places(&source.code, "const ") {
        let rest = source.code.get(at + "const ".len()..).unwrap_or_default();
        let Some((head, after)) = rest.split_once('=') else { continue };
        let Some((name, _)) = head.split_once(':') else { continue };
        let is_name =
            name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if is_name {
            let value = after.split_once(';').map_or(after, |(value, _)| value).trim();
            found.push([name.to_owned(), source.path.clone(), value.to_owned()]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&str]) -> Vec<Row> {
        let text = format!("# T\n|a|b|c|\n|-|-|-|\n{}\n", lines.join("\n"));
        super::super::tables::table(&text, "T")
    }

    fn source(path: &str, text: &str) -> Vec<Source> {
        vec![Source::new(path, text)]
    }

    fn check(violations: &[String], expected: &[&str]) {
        assert_eq!(violations.len(), expected.len(), "{violations:?}");
        for (violation, part) in violations.iter().zip(expected) {
            assert!(violation.contains(part), "{violation:?} does not say {part:?}");
        }
    }

    #[test]
    fn lengths_are_counted_without_tests() {
        let lines = "a();\n".repeat(FILE_LINES_MAX);
        check(&too_long(&source("src/x.rs", &lines)), &[]);
        check(&too_long(&source("src/x.rs", &format!("{lines}b();\n"))), &["501 lines"]);
        let tests = format!("{lines}#[cfg(test)]\nmod tests {{\n    a();\n}}\n");
        check(&too_long(&source("src/x.rs", &tests)), &[]);
        let function = |count: usize| format!("\nfn f() {{\n{}}}\n", "    a();\n".repeat(count));
        check(&long_functions(&source("src/x.rs", &function(68))), &[]);
        check(&long_functions(&source("src/x.rs", &function(69))), &["src/x.rs:2: `f` has 71"]);
    }

    #[test]
    fn a_silent_file_is_found() {
        check(&without_head(&source("src/x.rs", "//! Says it.\n")), &[]);
        check(&without_head(&source("src/x.rs", "// Says it.\n")), &["src/x.rs"]);
    }

    #[test]
    fn only_listed_imports_pass() {
        let table = rows(&["| `a` | `b::Thing` |"]);
        check(&imports(&source("src/a/x.rs", "use crate::b::Thing;"), &table), &[]);
        check(
            &imports(&source("src/a/x.rs", "use crate::{a::y, b::{Thing, self as c}};"), &table),
            &["imports `b`"],
        );
        check(
            &imports(&source("src/a/x.rs", "fn f() { crate::b::other(crate::b::Thing) }"), &table),
            &["src/a/x.rs:1: imports `b::other`"],
        );
        check(&imports(&source("src/a/x.rs", ""), &table), &["import `b::Thing`; nobody does"]);
        check(&imports(&source("src/z.rs", ""), &[]), &["its module is not in the table"]);
        let climbing = "use crate::b::Thing;\nuse super::super::b;\nuse super::y;";
        check(
            &imports(&source("src/a/x.rs", climbing), &table),
            &["x.rs:2: `super::super::b` climbs"],
        );
        let in_test = "use crate::b::Thing;\n#[cfg(test)]\nmod tests { use crate::c::D; }";
        check(&imports(&source("src/a/x.rs", in_test), &table), &[]);
        check(
            &imports(&source("src/main.rs", "use semroute::c;"), &rows(&["| `main` | `b` |"])),
            &["imports `c`", "nobody"],
        );
    }

    #[test]
    fn circles_are_found() {
        check(&circles(&rows(&["| `a` | `b` |", "| `b` | `c::D` |", "| `c` | – |"])), &[]);
        check(
            &circles(&rows(&["| `a` | `b` |", "| `b` | `c` |", "| `c` | `b::D` |"])),
            &["`b`", "`c`"],
        );
    }

    #[test]
    fn a_library_outside_its_home_is_found() {
        let table = rows(&["| `one` `two` | `src/a/` |", "| `three` | everywhere |"]);
        let known = ["one", "two", "three"].map(str::to_owned);
        check(&strays(&source("src/a/x.rs", "use one::X; fn f(two: u8) {}"), &known, &table), &[]);
        check(&strays(&source("src/b.rs", "use three::X; let two = 1;"), &known, &table), &[]);
        check(
            &strays(&source("src/b.rs", "#[derive(two::X)]\nstruct S;"), &known, &table),
            &["src/b.rs:1: names `two`"],
        );
        check(
            &strays(&[], &["one".to_owned(), "four".to_owned()], &table),
            &["`four` is not", "`two`", "`three`"],
        );
    }

    #[test]
    fn a_limit_is_documented_with_its_value() {
        let program = source(
            "src/a.rs",
            "const A_MAX: usize = 2 * 8;\nconst QUEUE: u8 = 3;\nconst OTHER: u8 = 4;",
        );
        let good = ["| `A_MAX` | `src/a.rs` | `2 * 8` |", "| `QUEUE` | `src/a.rs` | `3` |"];
        check(&limits(&program, &rows(&good)), &[]);
        check(
            &limits(&program, &rows(&good[1..])),
            &["add the row | `A_MAX` | `src/a.rs` | `2 * 8` |"],
        );
        check(
            &limits(&program, &rows(&[good[0], "| `QUEUE` | `src/a.rs` | `9` |"])),
            &["no constant is"],
        );
    }
}
