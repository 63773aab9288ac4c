//! The only part of the configuration that reads the environment and, through `sources`, files.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use thiserror::Error;

use super::dialects;
use super::problem::{Problem, Problems, Severity};
use super::raw::RawConfig;
use super::{Config, Date, Sources, catalog, check, examples, node, outcomes, prices, shape};

/// The table of outcomes beside a configuration that names none.
const OUTCOMES: &str = "outcomes.yaml";
/// The table of dialects beside a configuration that names none.
const DIALECTS: &str = "dialects.yaml";
/// The prices beside a configuration that names none.
const PRICES: &str = "prices.yaml";
/// The catalogue of models beside a configuration that names none.
const CATALOG: &str = "catalog.yaml";
/// The prices of a gateway without a file.
const NO_PRICES: &str = "version: 1\nmodels: {}\n";

/// Where variables come from: the process, or a map in tests.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A configuration that may be used, and what somebody should still look at.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Problems of severity warning.
    pub warnings: Vec<Problem>,
}

/// A configuration that is refused, with every problem found.
#[derive(Debug, Error)]
pub struct ConfigError {
    /// At least one of severity error; warnings stand among them in file order.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Reads and checks a configuration file and the examples beside it. With the address of a `sandbox`, every provider is
/// answered for by the sandbox instead.
///
/// # Errors
/// All problems at once, when at least one of them is an error.
pub fn load(
    path: &Path,
    env: Environment<'_>,
    sandbox: Option<&str>,
) -> Result<Loaded, ConfigError> {
    load_noting(path, env, sandbox, &mut Sources::default())
}

/// The day on which this is read: models are gone from some day on.
#[expect(clippy::disallowed_methods, reason = "here the world is read; tests give another day")]
fn today() -> Date {
    Date::of(SystemTime::now())
}

/// The same, and notes what was read, so that somebody can tell later whether reading again would give something else.
///
/// # Errors
/// As [`load`]; what was read is noted all the same.
pub fn load_noting(
    path: &Path,
    env: Environment<'_>,
    sandbox: Option<&str>,
    sources: &mut Sources,
) -> Result<Loaded, ConfigError> {
    load_on(today(), path, (env, sandbox), sources)
}

/// The same on any day.
pub(super) fn load_on(
    today: Date,
    path: &Path,
    (env, sandbox): (Environment<'_>, Option<&str>),
    sources: &mut Sources,
) -> Result<Loaded, ConfigError> {
    let mut problems = Problems::new(path);
    let disk = Disk(RefCell::default());
    let config = read_config(path, Around { env, sandbox, today, disk: &disk }, &mut problems);
    *sources = disk.0.into_inner();
    let mut found = problems.found;
    found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    match config {
        Some(config) if found.iter().all(|problem| problem.severity == Severity::Warning) => {
            Ok(Loaded { config, warnings: found })
        }
        Some(_) | None => Err(ConfigError { problems: found }),
    }
}

/// The JSON Schema of the file, made from the types that read it.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(RawConfig).to_value()
}

/// Everything that is read goes through here, and is noted.
struct Disk(RefCell<Sources>);

impl Disk {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.0.borrow_mut().read(path)
    }
}

/// What the files are read with.
#[derive(Clone, Copy)]
struct Around<'a> {
    env: Environment<'a>,
    sandbox: Option<&'a str>,
    today: Date,
    disk: &'a Disk,
}

fn read_config(
    path: &Path,
    Around { env, sandbox, today, disk }: Around<'_>,
    problems: &mut Problems<'_>,
) -> Option<Config> {
    let text = match disk.read(path) {
        Ok(text) => text,
        Err(error) => {
            let remedy = "give another file with --config, or run from the project's folder";
            problems.error(0, "", format!("cannot read the file: {error}; {remedy}"));
            return None;
        }
    };
    let root = node::parse(&text, env, problems)?;
    let fitted = shape::fit(&root, &schema(), problems);
    // What did not fit was left out; as long as nothing required is missing, the rest is checked too.
    let raw: RawConfig = match serde_json::from_value(fitted) {
        Ok(raw) => raw,
        Err(_) if !problems.found.is_empty() => return None,
        Err(error) => {
            problems.error(0, "", format!("not a configuration: {error}"));
            return None;
        }
    };
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let examples_folder = folder.join(&raw.examples);
    let read = |file: &Path| disk.read(&folder.join(file)).map_err(|error| error.to_string());
    let beside = |key, written: Option<&String>, name: &str, shipped| Beside {
        key,
        path: folder.join(written.map_or(name, String::as_str)),
        named_on: written.map(|_| root.line_of(&[key])),
        shipped,
    };
    let catalog = beside("catalog", raw.catalog.as_ref(), CATALOG, catalog::SHIPPED);
    let catalog = catalog.read(disk, problems, |rows, found| catalog::check(rows, env, found));
    let catalog = catalog.unwrap_or_default();
    let prices = beside("prices", raw.prices.as_ref(), PRICES, NO_PRICES);
    let prices =
        prices.read(disk, problems, |rows, found| prices::check(rows, env, &catalog, found));
    let prices = prices.unwrap_or_default();
    let known = check::Known { catalog: &catalog, prices: &prices, today };
    let dialects = beside("dialects", raw.dialects.as_ref(), DIALECTS, dialects::SHIPPED);
    // With a table that cannot be read, every provider would be a mistake.
    let dialects =
        dialects.read(disk, problems, |rows, found| dialects::check(rows, env, found))??;
    let around = check::Around { root: &root, read: &read, known, dialects: &dialects, sandbox };
    let config = check::check(&raw, around, problems);
    // Checked even when the configuration is refused, so that a user sees all mistakes at once.
    let outcomes = beside("outcomes", raw.outcomes.as_ref(), OUTCOMES, outcomes::SHIPPED);
    let outcomes = outcomes.read(disk, problems, |rows, found| outcomes::check(rows, env, found));
    let mut config = config?;
    config.outcomes = outcomes??;
    config.catalog = catalog;
    let line = root.line_of(&["examples"]);
    let files = read_examples(&examples_folder, line, disk, problems)?;
    config.examples = examples::check(&files, &config.query_types, &root, problems);
    Some(config)
}

/// A file that the configuration names, or that stands beside it, or else one that is part of the program.
struct Beside {
    key: &'static str,
    path: PathBuf,
    /// The line on which the configuration names it.
    named_on: Option<usize>,
    shipped: &'static str,
}

impl Beside {
    /// Nothing only when it cannot be read, which is a problem.
    fn read<T>(
        &self,
        disk: &Disk,
        problems: &mut Problems<'_>,
        check: impl FnOnce(&str, &mut Problems<'_>) -> T,
    ) -> Option<T> {
        let text = match disk.read(&self.path) {
            Ok(text) => Cow::Owned(text),
            Err(error) if self.named_on.is_none() && error.kind() == ErrorKind::NotFound => {
                Cow::Borrowed(self.shipped)
            }
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", self.path.display());
                problems.error(self.named_on.unwrap_or_default(), self.key, message);
                return None;
            }
        };
        let mut found = Problems::new(&self.path);
        let checked = check(&text, &mut found);
        problems.found.append(&mut found.found);
        Some(checked)
    }
}

/// Every `*.jsonl` of a folder, by name, so that the order of examples does not depend on the file system.
fn read_examples(
    folder: &Path,
    line: usize,
    disk: &Disk,
    problems: &mut Problems<'_>,
) -> Option<Vec<examples::File>> {
    let place = folder.display();
    let paths = match disk.0.borrow_mut().list(folder) {
        Ok(paths) => paths,
        Err(error) => {
            problems.error(line, "examples", format!("cannot read the folder `{place}`: {error}"));
            return None;
        }
    };
    if paths.is_empty() {
        let message = format!("no `*.jsonl` in `{place}`; write labelled prompts there");
        problems.error(line, "examples", message);
        return None;
    }
    let mut files = Vec::new();
    for path in paths {
        match disk.read(&path) {
            Ok(text) => files.push(examples::File { path, text }),
            Err(error) => {
                let unread = path.display();
                problems.error(line, "examples", format!("cannot read `{unread}`: {error}"));
            }
        }
    }
    Some(files)
}
