//! The tree against the schema of `raw`: unknown keys, missing keys, wrong types, values out of range, all at once.
//!
//! serde stops at its first error and knows no lines, so this walk runs first and hands serde a value that fits. It reads
//! only what schemars writes for the types of `raw`; a schema keyword it does not know is a value left unchecked here and
//! still refused by serde.
//!
//! A message never shows a value that came from the environment or that stands where a secret belongs.

use serde_json::{Map, Value, json};

use super::node::{Kind, Node};
use super::problem::{Problems, did_you_mean, join};
use super::raw::SECRET;

/// Walks the tree along the schema and returns what fits as JSON; the rest is left out and is a problem.
pub(super) fn fit(root: &Node, schema: &Value, problems: &mut Problems<'_>) -> Value {
    if matches!(root.kind, Kind::Null) {
        problems.error(0, "", "the file is empty; `rules/semroute.yaml` is a complete one");
        return Value::Null;
    }
    Walk { definitions: schema.get("$defs"), problems }.value(root, schema, "")
}

struct Walk<'a, 'f> {
    definitions: Option<&'a Value>,
    problems: &'a mut Problems<'f>,
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self, node: &Node, schema: &'a Value, path: &str) -> Value {
        let schema = self.resolve(schema);
        match &node.kind {
            // A provider whose key is not set is left out instead of failing the file.
            Kind::Unset(_) if is_secret(schema) => Value::Null,
            Kind::Unset(variable) => self.unset(node, variable, path),
            Kind::Malformed => self.malformed(node, path),
            Kind::Map(entries) if is(schema, "object") => self.map(node, entries, schema, path),
            Kind::Null if is(schema, "object") => self.map(node, &[], schema, path),
            Kind::List(items) if is(schema, "array") => self.list(items, schema, path),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Expanded { .. }
            | Kind::List(_)
            | Kind::Map(_) => self.scalar(node, schema, path),
        }
    }

    /// Follows references, and the one branch of an optional or enumerated type that is not null.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let definition = name.strip_prefix("#/$defs/").unwrap_or(name);
            return self.definitions.and_then(|all| all.get(definition)).unwrap_or(schema);
        }
        let Some(branches) = schema.get("anyOf").and_then(Value::as_array) else { return schema };
        let not_null = branches.iter().find(|branch| !is(branch, "null"));
        not_null.map_or(schema, |branch| self.resolve(branch))
    }

    fn map(
        &mut self,
        node: &Node,
        entries: &[(String, Node)],
        schema: &'a Value,
        path: &str,
    ) -> Value {
        let mut fitted = Map::new();
        for (place, (name, child)) in entries.iter().enumerate() {
            let child_path = join(path, name);
            let earlier = entries.iter().take(place).find(|(earlier, _)| earlier == name);
            if let Some((_, first)) = earlier {
                let message = format!("written twice, first on line {}; keep one", first.line);
                self.problems.error(child.line, &child_path, message);
                continue;
            }
            let value = self.entry(name, child, schema, &child_path);
            // A known key without a value means its default. An entry that does not fit stays, so that serde refuses the
            // map and nobody complains about every other place that names the entry.
            if !value.is_null() || of_any_name(schema).is_some() {
                fitted.insert(name.clone(), value);
            }
        }
        self.required(node, entries, schema, path);
        Value::Object(fitted)
    }

    fn entry(&mut self, name: &str, node: &Node, schema: &'a Value, path: &str) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(known) = properties.and_then(|properties| properties.get(name)) {
            let written = !matches!(node.kind, Kind::Null);
            return if written { self.value(node, known, path) } else { Value::Null };
        }
        if name.contains("${") {
            let message = "a key cannot come from the environment; write it out";
            self.problems.error(node.line, path, message);
            return Value::Null;
        }
        if let Some(any) = of_any_name(schema) {
            let any = self.resolve(any);
            let has_no_default = matches!(node.kind, Kind::Null) && !is(any, "object");
            return if has_no_default {
                self.wrong_type(node, any, path)
            } else {
                self.value(node, any, path)
            };
        }
        let names: Vec<&str> =
            properties.into_iter().flatten().map(|(known, _)| known.as_str()).collect();
        let hint = did_you_mean(name, &names);
        self.problems.error(node.line, path, format!("unknown key; {hint}"));
        Value::Null
    }

    fn required(&mut self, node: &Node, entries: &[(String, Node)], schema: &'a Value, path: &str) {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in names.filter_map(Value::as_str) {
            let written = entries.iter().find(|(key, _)| key == name).map(|(_, child)| child);
            if written.is_some_and(|child| !matches!(child.kind, Kind::Null)) {
                continue;
            }
            let line = written.map_or(node.line, |child| child.line);
            let property = schema.get("properties").and_then(|all| all.get(name));
            let example = property.and_then(|property| property.get("examples")?.get(0));
            let message = match example {
                Some(example) => format!("missing; write it, such as `{name}: {example}`"),
                None => "missing; this key has no default".to_owned(),
            };
            self.problems.error(line, &join(path, name), message);
        }
    }

    fn list(&mut self, items: &[Node], schema: &'a Value, path: &str) -> Value {
        let element = schema.get("items").unwrap_or(&Value::Null);
        let mut fitted = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let item_path = join(path, &format!("[{place}]"));
            let value = match &item.kind {
                Kind::Null => self.wrong_type(item, self.resolve(element), &item_path),
                // Even of secrets: a list of keys that lost one would ask for fewer, or for none at all.
                Kind::Unset(variable) => self.unset(item, variable, &item_path),
                Kind::Bool(_)
                | Kind::Int(_)
                | Kind::Float(_)
                | Kind::Text(_)
                | Kind::Expanded { .. }
                | Kind::Malformed
                | Kind::List(_)
                | Kind::Map(_) => self.value(item, element, &item_path),
            };
            fitted.push(value);
        }
        Value::Array(fitted)
    }

    fn scalar(&mut self, node: &Node, schema: &Value, path: &str) -> Value {
        let value = match &node.kind {
            Kind::Null => return Value::Null,
            Kind::Bool(value) if is(schema, "boolean") => json!(value),
            // YAML reads the word `off` as a boolean.
            Kind::Bool(false) if choices(schema).is_some_and(|known| known.contains(&"off")) => {
                json!("off")
            }
            Kind::Int(value) if is(schema, "integer") || is(schema, "number") => json!(value),
            Kind::Float(value) if is(schema, "number") => json!(value),
            Kind::Text(value) if is_text(schema) => json!(value),
            Kind::Expanded { text, .. } => expanded(text, schema),
            Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Unset(_)
            | Kind::Malformed
            | Kind::List(_)
            | Kind::Map(_) => Value::Null,
        };
        if value.is_null() {
            return self.wrong_type(node, schema, path);
        }
        if let Some(complaint) = out_of_range(&value, schema) {
            let shown = match &node.kind {
                Kind::Expanded { variable, .. } => format!("the value of `${{{variable}}}`"),
                _ => {
                    format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                }
            };
            self.problems.error(node.line, path, format!("{shown} is {complaint}"));
            return Value::Null;
        }
        value
    }

    fn unset(&mut self, node: &Node, variable: &str, path: &str) -> Value {
        let message = format!(
            "environment variable `{variable}` is not set; \
             set it, or write `${{{variable}:-default}}`"
        );
        self.problems.error(node.line, path, message);
        Value::Null
    }

    fn malformed(&mut self, node: &Node, path: &str) -> Value {
        let message = "`${` begins no variable; write `${NAME}` or `${NAME:-default}`";
        self.problems.error(node.line, path, message);
        Value::Null
    }

    fn wrong_type(&mut self, node: &Node, schema: &Value, path: &str) -> Value {
        let (wanted, found) = (wanted(node, schema), found(node, schema));
        self.problems.error(node.line, path, format!("expected {wanted}, found {found}"));
        Value::Null
    }
}

fn wanted(node: &Node, schema: &Value) -> &'static str {
    if of_any_name(schema).is_some() {
        return "a map with a name before each entry (`name: …`)";
    }
    if is(schema, "object") {
        return "a map (`key: value`)";
    }
    if is(schema, "array") {
        return "a list (`[one, two]`)";
    }
    if is(schema, "integer") {
        return "a whole number";
    }
    if is(schema, "number") {
        return "a number";
    }
    if is(schema, "boolean") {
        return "true or false";
    }
    match &node.kind {
        Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => "text (put it in quotation marks)",
        Kind::Null
        | Kind::Text(_)
        | Kind::Expanded { .. }
        | Kind::Unset(_)
        | Kind::Malformed
        | Kind::List(_)
        | Kind::Map(_) => "text",
    }
}

/// What stands there; without its value, where a secret belongs or could have been put by mistake.
fn found(node: &Node, schema: &Value) -> String {
    let hidden = is_secret(schema) || is(schema, "object") || is(schema, "array");
    match &node.kind {
        Kind::Null => "nothing".to_owned(),
        Kind::Bool(value) => format!("the boolean `{value}`"),
        Kind::Int(_) | Kind::Float(_) if hidden => "a number".to_owned(),
        Kind::Int(value) => format!("the number `{value}`"),
        Kind::Float(value) => format!("the number `{value:?}`"),
        Kind::Text(_) if hidden => "text".to_owned(),
        Kind::Text(value) => format!("the text `{value}`"),
        Kind::Expanded { variable, .. } => format!("the value of `${{{variable}}}`"),
        Kind::Unset(variable) => format!("the unset variable `{variable}`"),
        Kind::Malformed => "a reference to the environment".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Map(_) => "a map".to_owned(),
    }
}

fn is(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        Some(_) | None => false,
    }
}

fn is_secret(schema: &Value) -> bool {
    schema.get("format").is_some_and(|format| format == SECRET)
}

fn is_text(schema: &Value) -> bool {
    is(schema, "string") || choices(schema).is_some()
}

/// The schema of the entries of a map whose keys the user chooses.
fn of_any_name(schema: &Value) -> Option<&Value> {
    schema.get("additionalProperties").filter(|entries| !entries.is_boolean())
}

/// The allowed words of an enumeration, in the two forms that schemars writes.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let branches = schema.get("oneOf").and_then(Value::as_array)?;
    Some(branches.iter().filter_map(|branch| branch.get("const").and_then(Value::as_str)).collect())
}

/// A text from the environment, read as what the schema wants; null when it cannot be.
fn expanded(text: &str, schema: &Value) -> Value {
    let trimmed = text.trim();
    if is_text(schema) {
        return json!(text);
    }
    if is(schema, "boolean") {
        return json!(trimmed.parse::<bool>().ok());
    }
    let whole = trimmed.parse::<i64>().ok();
    if is(schema, "integer") || (is(schema, "number") && whole.is_some()) {
        return json!(whole);
    }
    json!(trimmed.parse::<f64>().ok().filter(|_| is(schema, "number")))
}

fn out_of_range(value: &Value, schema: &Value) -> Option<String> {
    if let (Some(word), Some(known)) = (value.as_str(), choices(schema)) {
        let hint = did_you_mean(word, &known);
        return (!known.contains(&word)).then(|| format!("unknown; {hint}"));
    }
    let number = value.as_f64()?;
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(minimum) = bound("minimum").filter(|minimum| number < *minimum) {
        return Some(format!("too small; at least {minimum}"));
    }
    let maximum = bound("maximum").filter(|maximum| number > *maximum)?;
    Some(format!("too large; at most {maximum}"))
}
