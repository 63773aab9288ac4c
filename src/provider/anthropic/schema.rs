//! JSON schemas as the vendor compiles them: every object closed, and without keywords that its grammar cannot hold.

use serde_json::{Map, Value, json};

/// What the vendor refuses; the model is still told of them, in the description.
const REFUSED: [&str; 13] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
];

/// What became of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It allows what it allowed, but for properties that it did not name.
    Same,
    /// Some keywords are only told, not held to.
    Looser,
}

/// Brings a schema into the vendor's form.
pub(super) fn close(schema: &mut Value) -> Closed {
    let mut found = Closed::Same;
    close_at(schema, &mut found);
    found
}

/// Bodies are refused that are nested deep, so this may call itself.
fn close_at(schema: &mut Value, found: &mut Closed) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.get("type") == Some(&json!("object")) || fields.contains_key("properties") {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    tell(fields, found);
    for (name, inner) in fields.iter_mut() {
        match name.as_str() {
            "properties" | "$defs" | "definitions" => {
                let named = inner.as_object_mut().into_iter().flat_map(Map::values_mut);
                named.for_each(|one| close_at(one, found));
            }
            "items" | "anyOf" | "allOf" | "oneOf" | "not" | "prefixItems" => match inner {
                Value::Array(list) => list.iter_mut().for_each(|one| close_at(one, found)),
                one => close_at(one, found),
            },
            _ => {}
        }
    }
}

fn tell(fields: &mut Map<String, Value>, found: &mut Closed) {
    let is_refused = |name: &str, value: &Value| {
        REFUSED.contains(&name)
            || name == "minItems" && value.as_u64().is_none_or(|least| least > 1)
    };
    // Under `properties` these are names of the caller's own, and that level is never looked at.
    let refused: Vec<(String, Value)> = fields
        .iter()
        .filter(|(name, value)| is_refused(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if refused.is_empty() {
        return;
    }
    *found = Closed::Looser;
    let mut told: Vec<String> = Vec::new();
    for (name, value) in refused {
        told.push(format!("{name}: {value}"));
        fields.remove(&name);
    }
    let told = format!("({})", told.join(", "));
    let before = fields.get("description").and_then(Value::as_str);
    let whole = before.map_or_else(|| told.clone(), |before| format!("{before} {told}"));
    fields.insert("description".to_owned(), Value::String(whole));
}
