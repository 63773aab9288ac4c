//! The tree against the schema of `raw`: unknown keys, missing keys, wrong types, values out of range, all at once.
//!
//! serde stops at its first error and knows no lines, so this walk runs first and hands serde a value that fits. It reads
//! only what schemars writes for the types of `raw`; a schema keyword it does not know is a value left unchecked here and
//! still refused by serde.

use serde_json::{Map, Number, Value, json};

use super::node::{Key, Kind, Node};
use super::problem::{Problems, did_you_mean};

/// Walks the tree along the schema and returns the same data as JSON.
pub(super) fn fit(root: &Node, schema: &Value, problems: &mut Problems<'_>) -> Value {
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
            Kind::Unset(name) if !accepts_unset(path) => {
                self.problems.error(
                    node.line,
                    path,
                    format!(
                        "environment variable `{name}` is not set; \
                         set it, or write `${{{name}:-default}}`"
                    ),
                );
                Value::Null
            }
            Kind::Unset(_) => Value::Null,
            Kind::Map(entries) if is(schema, "object") => self.map(node, entries, schema, path),
            Kind::List(items) if is(schema, "array") => {
                let element = schema.get("items").unwrap_or(&Value::Null);
                let each = items.iter().enumerate();
                each.map(|(at, item)| self.value(item, element, &format!("{path}[{at}]"))).collect()
            }
            Kind::Null if is(schema, "object") => self.map(node, &[], schema, path),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Expanded(_)
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
        entries: &[(Key, Node)],
        schema: &'a Value,
        path: &str,
    ) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| !others.is_boolean());
        let mut fitted = Map::new();
        for (key, child) in entries {
            let child_path = join(path, &key.name);
            let known = properties.and_then(|properties| properties.get(&key.name)).or(others);
            match known {
                Some(child_schema) => {
                    let value = self.value(child, child_schema, &child_path);
                    // A key without a value means its default, as if it were not written.
                    if !value.is_null() {
                        fitted.insert(key.name.clone(), value);
                    }
                }
                None => {
                    let names: Vec<&str> =
                        properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                    let hint = did_you_mean(&key.name, &names);
                    self.problems.error(key.line, &child_path, format!("unknown key; {hint}"));
                }
            }
        }
        self.required(node, entries, schema, path);
        Value::Object(fitted)
    }

    fn required(&mut self, node: &Node, entries: &[(Key, Node)], schema: &Value, path: &str) {
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in names.filter_map(Value::as_str) {
            let given = entries
                .iter()
                .any(|(key, child)| key.name == name && !matches!(child.kind, Kind::Null));
            if !given {
                let key = join(path, name);
                self.problems.error(node.line, &key, "missing; this key has no default");
            }
        }
    }

    fn scalar(&mut self, node: &Node, schema: &Value, path: &str) -> Value {
        let value = match &node.kind {
            Kind::Null => return Value::Null,
            Kind::Bool(value) if is(schema, "boolean") => json!(value),
            Kind::Int(value) if is(schema, "integer") || is(schema, "number") => json!(value),
            Kind::Float(value) if is(schema, "number") => json!(value),
            Kind::Text(value) if is(schema, "string") => json!(value),
            Kind::Text(value) if choices(schema).is_some() => json!(value),
            Kind::Expanded(value) => match expanded(value, schema) {
                Some(value) => value,
                None => return self.wrong_type(node, schema, path),
            },
            Kind::Bool(_)
            | Kind::Int(_)
            | Kind::Float(_)
            | Kind::Text(_)
            | Kind::Unset(_)
            | Kind::List(_)
            | Kind::Map(_) => return self.wrong_type(node, schema, path),
        };
        if let Some(complaint) = out_of_range(&value, schema) {
            self.problems.error(node.line, path, complaint);
            return Value::Null;
        }
        value
    }

    fn wrong_type(&mut self, node: &Node, schema: &Value, path: &str) -> Value {
        let found = match &node.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("the boolean `{value}`"),
            Kind::Int(value) => format!("the number `{value}`"),
            Kind::Float(value) => format!("the number `{value}`"),
            Kind::Text(value) | Kind::Expanded(value) => format!("the text `{value}`"),
            Kind::Unset(name) => format!("the unset variable `{name}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        };
        let wanted = ["object", "array", "string", "integer", "number", "boolean"]
            .into_iter()
            .find(|kind| is(schema, kind))
            .map_or("another value", |kind| match kind {
                "object" => "a map",
                "array" => "a list",
                "string" => "text (quote a number that is meant as text)",
                "integer" => "a whole number",
                "number" => "a number",
                _ => "true or false",
            });
        self.problems.error(node.line, path, format!("expected {wanted}, found {found}"));
        Value::Null
    }
}

/// A credential that names an unset variable leaves its provider out instead of failing the file.
fn accepts_unset(path: &str) -> bool {
    path.starts_with("providers.") && path.ends_with(".api_key")
        || path.starts_with("server.api_keys")
}

fn is(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(one)) => one == kind,
        Some(Value::Array(several)) => several.iter().any(|one| one == kind),
        Some(_) | None => false,
    }
}

/// The allowed words of an enumeration, in the two forms that schemars writes.
fn choices(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return Some(words.iter().filter_map(Value::as_str).collect());
    }
    let branches = schema.get("oneOf").and_then(Value::as_array)?;
    Some(branches.iter().filter_map(|branch| branch.get("const").and_then(Value::as_str)).collect())
}

/// A text from the environment, read as what the schema wants.
fn expanded(text: &str, schema: &Value) -> Option<Value> {
    if is(schema, "string") || choices(schema).is_some() {
        return Some(json!(text));
    }
    let trimmed = text.trim();
    if is(schema, "boolean") {
        return trimmed.parse::<bool>().ok().map(Value::Bool);
    }
    if let Ok(whole) = trimmed.parse::<i64>() {
        return Some(json!(whole));
    }
    let fraction = trimmed.parse::<f64>().ok().filter(|_| is(schema, "number"))?;
    Number::from_f64(fraction).map(Value::Number)
}

fn out_of_range(value: &Value, schema: &Value) -> Option<String> {
    if let (Some(word), Some(known)) = (value.as_str(), choices(schema)) {
        let hint = did_you_mean(word, &known);
        return (!known.contains(&word)).then(|| format!("unknown value `{word}`; {hint}"));
    }
    let number = value.as_f64()?;
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(minimum) = bound("minimum").filter(|minimum| number < *minimum) {
        return Some(format!("`{number}` is too small; at least {minimum}"));
    }
    let maximum = bound("maximum").filter(|maximum| number > *maximum)?;
    Some(format!("`{number}` is too large; at most {maximum}"))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
