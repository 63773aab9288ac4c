//! A body's top level: every field in the caller's order, as the text that the caller wrote.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::request::{BadRequest, bad};

/// Deepest nesting of arrays and objects; deeper bodies have only ever been attacks.
const DEPTH_MAX: usize = 128;
/// Most fields on the top level of a body.
const FIELDS_MAX: usize = 256;
/// Fields with which other gateways let a caller choose where a request goes; here only the configuration does.
const FORBIDDEN: [&str; 5] =
    ["api_base", "base_url", "api_key", "fallbacks", "custom_llm_provider"];

/// Top-level fields in order. `null` stands for absent, as in OpenAI's specification.
#[derive(Debug, Clone, Default)]
pub struct Fields(pub(super) Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no JSON object, is nested too deep, says something twice, or something that no caller may say.
    pub fn read(body: &[u8]) -> Result<Self, BadRequest> {
        if nesting(body) > DEPTH_MAX {
            return Err(invalid_json(&format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let fields: Self = serde_json::from_slice(body).map_err(|error| json_error(&error))?;
        if let Some(name) = FORBIDDEN.iter().find(|name| fields.get(name).is_some()) {
            let message =
                format!("`{name}` is not accepted; providers are set by the configuration");
            return Err(bad(name, "forbidden_parameter", message));
        }
        Ok(fields)
    }

    /// What is written under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.get()).filter(|text| *text != "null")
    }

    /// Every field, `null` ones too, in the caller's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }
}

/// How the error of a repeated field begins; `json_error` finds it again.
const DUPLICATE: &str = "duplicate field `";

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Fields, A::Error> {
                let mut fields: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((name, value)) = access.next_entry::<String, Box<RawValue>>()? {
                    if fields.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format!("{DUPLICATE}{name}`")));
                    }
                    if fields.len() == FIELDS_MAX {
                        return Err(A::Error::custom(format!("more than {FIELDS_MAX} fields")));
                    }
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

fn invalid_json(reason: &str) -> BadRequest {
    let message = format!("the body is not a JSON object of a chat request: {reason}");
    BadRequest { message, param: None, code: "invalid_json" }
}

fn json_error(error: &serde_json::Error) -> BadRequest {
    let said = error.to_string();
    match said.strip_prefix(DUPLICATE).and_then(|rest| rest.split('`').next()) {
        Some(name) => bad(name, "duplicate_field", format!("`{name}` is written twice; keep one")),
        None => invalid_json(&said),
    }
}

/// How deep the brackets outside of strings go. A scan without recursion, so that no body can exhaust the stack.
fn nesting(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (true | false, _) => {}
        }
    }
    deepest
}
