//! The only part of the configuration that reads the environment and, through `sources`, files.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde_json::Value;
use thiserror::Error;

use super::dialects::{self, Dialects};
use super::problem::{Problem, Problems, Severity};
use super::raw::RawConfig;
use super::{Config, Outcomes, Price, Sources, check, examples, node, outcomes, prices, shape};

/// The table of outcomes beside a configuration that names none.
const OUTCOMES: &str = "outcomes.yaml";
/// The table of dialects beside a configuration that names none.
const DIALECTS: &str = "dialects.yaml";
/// The prices beside a configuration that names none.
const PRICES: &str = "prices.yaml";

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
    let mut problems = Problems::new(path);
    let disk = Disk(RefCell::default());
    let config = read_config(path, Around { env, sandbox, disk: &disk }, &mut problems);
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
    disk: &'a Disk,
}

fn read_config(
    path: &Path,
    Around { env, sandbox, disk }: Around<'_>,
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
    let prices_line = raw.prices.as_ref().map(|_| root.line_of(&["prices"]));
    let prices_path = folder.join(raw.prices.as_deref().unwrap_or(PRICES));
    let prices = read_prices(&prices_path, prices_line, (env, disk), problems);
    let dialects_path = folder.join(raw.dialects.as_deref().unwrap_or(DIALECTS));
    let dialects_line = raw.dialects.as_ref().map(|_| root.line_of(&["dialects"]));
    // With a table that cannot be read, every provider would be a mistake.
    let dialects = read_dialects(&dialects_path, dialects_line, (env, disk), problems)?;
    let (prices, dialects) = (&prices, &dialects);
    let around = check::Around { root: &root, read: &read, prices, dialects, sandbox };
    let config = check::check(&raw, around, problems);
    // Checked even when the configuration is refused, so that a user sees all mistakes at once.
    let outcomes_path = folder.join(raw.outcomes.as_deref().unwrap_or(OUTCOMES));
    let named_on = raw.outcomes.as_ref().map(|_| root.line_of(&["outcomes"]));
    let outcomes = read_outcomes(&outcomes_path, named_on, (env, disk), problems);
    let mut config = config?;
    config.outcomes = outcomes?;
    let line = root.line_of(&["examples"]);
    let files = read_examples(&examples_folder, line, disk, problems)?;
    config.examples = examples::check(&files, &config.query_types, &root, problems);
    Some(config)
}

/// The same for the table of dialects.
fn read_dialects(
    path: &Path,
    named_on: Option<usize>,
    (env, disk): (Environment<'_>, &Disk),
    problems: &mut Problems<'_>,
) -> Option<Dialects> {
    let text = read_or_shipped(path, (named_on, "dialects"), (disk, dialects::SHIPPED), problems)?;
    let mut found = Problems::new(path);
    let dialects = dialects::check(&text, env, &mut found);
    problems.found.append(&mut found.found);
    dialects
}

/// A file that is named on a line of the configuration, or stands beside it, or else what is part of the program.
fn read_or_shipped(
    path: &Path,
    (named_on, key): (Option<usize>, &str),
    (disk, shipped): (&Disk, &'static str),
    problems: &mut Problems<'_>,
) -> Option<Cow<'static, str>> {
    match disk.read(path) {
        Ok(text) => Some(Cow::Owned(text)),
        Err(error) if named_on.is_none() && error.kind() == ErrorKind::NotFound => {
            Some(Cow::Borrowed(shipped))
        }
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", path.display());
            problems.error(named_on.unwrap_or_default(), key, message);
            None
        }
    }
}

/// The table of outcomes.
fn read_outcomes(
    path: &Path,
    named_on: Option<usize>,
    (env, disk): (Environment<'_>, &Disk),
    problems: &mut Problems<'_>,
) -> Option<Outcomes> {
    let text = read_or_shipped(path, (named_on, "outcomes"), (disk, outcomes::SHIPPED), problems)?;
    let mut found = Problems::new(path);
    let rows = outcomes::check(&text, env, &mut found);
    problems.found.append(&mut found.found);
    rows
}

/// The prices that are named on a line of the configuration, or stand beside it, or none.
fn read_prices(
    path: &Path,
    named_on: Option<usize>,
    (env, disk): (Environment<'_>, &Disk),
    problems: &mut Problems<'_>,
) -> BTreeMap<String, Price> {
    match disk.read(path) {
        Ok(text) => {
            let mut found = Problems::new(path);
            let prices = prices::check(&text, env, &mut found);
            problems.found.append(&mut found.found);
            prices
        }
        Err(error) if named_on.is_none() && error.kind() == ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", path.display());
            problems.error(named_on.unwrap_or_default(), "prices", message);
            BTreeMap::new()
        }
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
