//! A chat body, checked: the fields the program acts on are typed, all others are kept as they were written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

use super::needs::Needs;

/// Deepest nesting of arrays and objects; deeper bodies have only ever been attacks.
const DEPTH_MAX: usize = 128;
/// Most messages of one conversation.
const MESSAGES_MAX: usize = 10_000;
/// Longest name in `model`, in bytes.
const MODEL_BYTES_MAX: usize = 256;
/// Most fields on the top level of a body.
const FIELDS_MAX: usize = 256;
/// Fields with which other gateways let a caller choose where a request goes; here only the configuration does.
const FORBIDDEN: [&str; 5] =
    ["api_base", "base_url", "api_key", "fallbacks", "custom_llm_provider"];

/// What is wrong with a body, in the terms of OpenAI's error object.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct BadRequest {
    /// For the caller to read.
    pub message: String,
    /// The field that is wrong, such as `messages[2].role`.
    pub param: Option<String>,
    /// A stable word, such as `missing_required_parameter`.
    pub code: &'static str,
}

/// A chat body that may be sent on.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    stream: bool,
    wants_usage: bool,
    needs: Needs,
    fields: Fields,
}

impl ChatRequest {
    /// What the caller wrote as `model`.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The conversation, oldest first; never empty.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Whether the caller wants the answer in pieces.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.stream
    }

    /// Whether the caller wants the token counts at the end of a stream.
    #[must_use]
    pub fn wants_usage(&self) -> bool {
        self.wants_usage
    }

    /// What a target has to be able to do to answer it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The same conversation with the beginning of an answer at its end, for a model that goes on with it.
    #[must_use]
    pub fn with_beginning(&self, beginning: &str) -> Option<Self> {
        let mut longer = self.clone();
        let written = longer.fields.0.iter_mut().find(|(name, _)| name == "messages");
        let (_, messages) = written?;
        let others = messages.get().trim_end().strip_suffix(']')?;
        let said = serde_json::Value::from(beginning);
        let whole = format!(r#"{others},{{"role":"assistant","content":{said}}}]"#);
        *messages = RawValue::from_string(whole).ok()?;
        longer.messages.push(Message {
            role: Role::Assistant,
            text: beginning.to_owned(),
            has_image: false,
        });
        longer.needs.prefill = true;
        Some(longer)
    }

    /// Every top-level field in the caller's order, as the JSON text the caller wrote.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.0.iter().map(|(name, value)| (name.as_str(), value.get()))
    }
}

/// One turn, as far as routing reads it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text parts, joined by line breaks; empty when there are only images or tool calls.
    pub text: String,
    /// There is an image among its parts.
    pub has_image: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The operator of the application.
    System,
    /// The newer word for the same.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The older word for the same.
    Function,
}

/// Reads a chat body.
///
/// # Errors
/// The first thing that is wrong, naming the field.
pub fn parse(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    if nesting(body) > DEPTH_MAX {
        return Err(invalid_json(&format!("nested deeper than {DEPTH_MAX} levels")));
    }
    let fields: Fields = serde_json::from_slice(body).map_err(|error| json_error(&error))?;
    if let Some(name) = FORBIDDEN.iter().find(|name| fields.get(name).is_some()) {
        let message = format!("`{name}` is not accepted; providers are set by the configuration");
        return Err(bad(name, "forbidden_parameter", message));
    }
    let model = model(&fields)?;
    let messages = messages(&fields)?;
    let stream = flag(&fields, "stream")?;
    let wants_usage = stream_options(&fields)?;
    check_ranges(&fields)?;
    let needs = Needs::of(&messages, &|name| fields.get(name));
    Ok(ChatRequest { model, messages, stream, wants_usage, needs, fields })
}

fn model(fields: &Fields) -> Result<String, BadRequest> {
    let missing = || {
        let message = "`model` is missing; write `auto` to let the prompt decide".to_owned();
        bad("model", "missing_required_parameter", message)
    };
    let written = fields.get("model").ok_or_else(missing)?;
    let model: String = typed(written, "model", "a string")?;
    let clean =
        !model.is_empty() && model.len() <= MODEL_BYTES_MAX && !model.chars().any(char::is_control);
    if !clean {
        let message = format!("`model` is not a name of 1 to {MODEL_BYTES_MAX} bytes");
        return Err(bad("model", "invalid_value", message));
    }
    Ok(model)
}

fn messages(fields: &Fields) -> Result<Vec<Message>, BadRequest> {
    let Some(written) = fields.get("messages") else {
        let message = "`messages` is missing; write at least one message".to_owned();
        return Err(bad("messages", "missing_required_parameter", message));
    };
    let raw: Vec<Box<RawValue>> = typed(written, "messages", "an array of messages")?;
    if raw.is_empty() {
        let message = "`messages` is empty; write at least one message".to_owned();
        return Err(bad("messages", "invalid_value", message));
    }
    if raw.len() > MESSAGES_MAX {
        let message = format!("{} messages; at most {MESSAGES_MAX}", raw.len());
        return Err(bad("messages", "array_too_long", message));
    }
    raw.iter().enumerate().map(|(at, message)| read_message(at, message.get())).collect()
}

fn read_message(at: usize, written: &str) -> Result<Message, BadRequest> {
    #[derive(serde::Deserialize)]
    struct Wire<'a> {
        #[serde(default, borrow)]
        role: Option<&'a RawValue>,
        #[serde(default, borrow)]
        content: Option<&'a RawValue>,
        #[serde(default, borrow)]
        tool_calls: Option<&'a RawValue>,
        #[serde(default, borrow)]
        function_call: Option<&'a RawValue>,
        #[serde(default, borrow)]
        audio: Option<&'a RawValue>,
        #[serde(default, borrow)]
        refusal: Option<&'a RawValue>,
    }
    let here = format!("messages[{at}]");
    let wire: Wire<'_> = typed(written, &here, "an object with `role` and `content`")?;
    let role = match wire.role.map_or("null", RawValue::get) {
        r#""system""# => Role::System,
        r#""developer""# => Role::Developer,
        r#""user""# => Role::User,
        r#""assistant""# => Role::Assistant,
        r#""tool""# => Role::Tool,
        r#""function""# => Role::Function,
        other => {
            let known = "system, developer, user, assistant, tool";
            let message = format!("`{}` is not a role; known roles: {known}", shorten(other));
            return Err(bad(&format!("{here}.role"), "invalid_value", message));
        }
    };
    let replaced = [wire.tool_calls, wire.function_call, wire.audio, wire.refusal];
    let param = format!("{here}.content");
    let (text, has_image) = match wire.content.map(RawValue::get) {
        Some(content) => content_text(content, &param)?,
        None if role == Role::Assistant && replaced.iter().any(Option::is_some) => {
            (String::new(), false)
        }
        None => {
            let message = format!("`{param}` is missing; write a string or an array of parts");
            return Err(bad(&param, "invalid_value", message));
        }
    };
    Ok(Message { role, text, has_image })
}

/// The text of a message's content, a string or the text parts of an array, and whether there is an image beside it.
fn content_text(content: &str, param: &str) -> Result<(String, bool), BadRequest> {
    #[derive(serde::Deserialize)]
    struct Part {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        text: Option<String>,
    }
    if content.starts_with('"') {
        return Ok((typed(content, param, "a string")?, false));
    }
    let parts: Vec<Part> =
        typed(content, param, "a string, or an array of parts that each have a `type`")?;
    let has_image = parts.iter().any(|part| part.kind == "image_url");
    let texts = parts.into_iter().filter(|part| part.kind == "text").filter_map(|part| part.text);
    Ok((texts.collect::<Vec<String>>().join("\n"), has_image))
}

/// Whether a stream should end with the token counts.
fn stream_options(fields: &Fields) -> Result<bool, BadRequest> {
    #[derive(serde::Deserialize)]
    struct Options {
        #[serde(default)]
        include_usage: Option<bool>,
    }
    let Some(written) = fields.get("stream_options") else { return Ok(false) };
    if !flag(fields, "stream")? {
        let message = "`stream_options` is only allowed with `stream: true`".to_owned();
        return Err(bad("stream_options", "invalid_value", message));
    }
    let options: Options = typed(written, "stream_options", "an object")?;
    Ok(options.include_usage.unwrap_or(false))
}

fn flag(fields: &Fields, name: &str) -> Result<bool, BadRequest> {
    fields.get(name).map_or(Ok(false), |written| typed(written, name, "true or false"))
}

/// The ranges of OpenAI's own specification; what only some models refuse is left to them.
fn check_ranges(fields: &Fields) -> Result<(), BadRequest> {
    for (name, least, most) in [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ] {
        let Some(written) = fields.get(name) else { continue };
        let value: f64 = typed(written, name, "a number")?;
        if !(least..=most).contains(&value) {
            let message = format!("`{name}` is {value}; it lies between {least} and {most}");
            return Err(bad(name, "invalid_value", message));
        }
    }
    for (name, most) in [
        ("n", 128),
        ("max_tokens", u64::from(u32::MAX)),
        ("max_completion_tokens", u64::from(u32::MAX)),
    ] {
        let Some(written) = fields.get(name) else { continue };
        let value: u64 = typed(written, name, "a whole number above 0")?;
        if !(1..=most).contains(&value) {
            let message = format!("`{name}` is {value}; it lies between 1 and {most}");
            return Err(bad(name, "invalid_value", message));
        }
    }
    if let Some(written) = fields.get("tools") {
        typed::<Vec<&RawValue>>(written, "tools", "an array")?;
    }
    Ok(())
}

fn typed<'a, T: Deserialize<'a>>(
    written: &'a str,
    param: &str,
    wanted: &str,
) -> Result<T, BadRequest> {
    serde_json::from_str(written).map_err(|error| {
        // The position is dropped: it counts from the field, not from the body.
        let said = error.to_string();
        let reason = said.split(" at line ").next().unwrap_or(&said).to_owned();
        bad(param, "invalid_type", format!("`{param}` is not {wanted}: {reason}"))
    })
}

fn bad(param: &str, code: &'static str, message: String) -> BadRequest {
    BadRequest { message, param: Some(param.to_owned()), code }
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

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
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

/// Top-level fields in order. `null` stands for absent, as in OpenAI's specification.
#[derive(Debug, Clone)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.get()).filter(|text| *text != "null")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, param: Option<&str>, code: &str) {
        let error = parse(body.as_bytes()).expect_err(body);
        assert_eq!((error.param.as_deref(), error.code), (param, code), "{body}: {error}");
    }

    #[test]
    fn bad_bodies_name_the_field() {
        check("", None, "invalid_json");
        check("{", None, "invalid_json");
        check("[1]", None, "invalid_json");
        check(r#"{"model":"auto"} x"#, None, "invalid_json");
        check("{}", Some("model"), "missing_required_parameter");
        check(r#"{"model":null}"#, Some("model"), "missing_required_parameter");
        check(r#"{"model":7}"#, Some("model"), "invalid_type");
        check(r#"{"model":""}"#, Some("model"), "invalid_value");
        check(r#"{"model":"a","model":"b"}"#, Some("model"), "duplicate_field");
        check(r#"{"model":"auto"}"#, Some("messages"), "missing_required_parameter");
        check(r#"{"model":"auto","messages":[]}"#, Some("messages"), "invalid_value");
        check(r#"{"model":"auto","messages":{}}"#, Some("messages"), "invalid_type");
        check(r#"{"model":"auto","messages":[null]}"#, Some("messages[0]"), "invalid_type");
        let one = |message: &str| format!(r#"{{"model":"auto","messages":[{message}]}}"#);
        check(&one(r#"{"content":"x"}"#), Some("messages[0].role"), "invalid_value");
        check(&one(r#"{"role":"king","content":"x"}"#), Some("messages[0].role"), "invalid_value");
        check(&one(r#"{"role":"user"}"#), Some("messages[0].content"), "invalid_value");
        check(&one(r#"{"role":"user","content":5}"#), Some("messages[0].content"), "invalid_type");
        check(
            &one(r#"{"role":"user","content":[{}]}"#),
            Some("messages[0].content"),
            "invalid_type",
        );
    }

    #[test]
    fn bad_parameters_name_the_field() {
        let with = |field: &str| {
            format!(r#"{{"model":"auto","messages":[{{"role":"user","content":"x"}}],{field}}}"#)
        };
        check(&with(r#""stream":"yes""#), Some("stream"), "invalid_type");
        check(&with(r#""stream_options":{}"#), Some("stream_options"), "invalid_value");
        check(&with(r#""temperature":"hot""#), Some("temperature"), "invalid_type");
        check(&with(r#""temperature":5"#), Some("temperature"), "invalid_value");
        check(&with(r#""temperature":1e400"#), Some("temperature"), "invalid_type");
        check(&with(r#""n":0"#), Some("n"), "invalid_value");
        check(&with(r#""max_tokens":-1"#), Some("max_tokens"), "invalid_type");
        check(&with(r#""max_tokens":1.5"#), Some("max_tokens"), "invalid_type");
        check(&with(r#""tools":{}"#), Some("tools"), "invalid_type");
        check(
            &with(r#""base_url":"http://169.254.169.254""#),
            Some("base_url"),
            "forbidden_parameter",
        );
    }

    #[test]
    fn deep_nesting_is_refused_without_recursion() {
        check(&"[".repeat(100_000), None, "invalid_json");
        let brackets_in_text = format!(
            r#"{{"model":"auto","messages":[{{"role":"user","content":"{}"}}]}}"#,
            "[\\\"".repeat(1000)
        );
        assert!(parse(brackets_in_text.as_bytes()).is_ok());
    }

    #[test]
    fn known_fields_are_read_and_all_fields_are_kept() {
        let body = r#"{"model":"auto","stream":true,"stream_options":{"include_usage":true},
            "x_new":{"a": [1, 2.50]},"temperature":null,
            "messages":[{"role":"system","content":"s"},{"role":"user","content":[
              {"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"data:,"}},{"type":"text","text":"two"}]},
              {"role":"assistant","content":null,"tool_calls":[]}]}"#;
        let chat = parse(body.as_bytes()).expect("a good body");
        assert!(chat.stream() && chat.wants_usage());
        let texts: Vec<&str> =
            chat.messages().iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["s", "one\ntwo", ""]);
        let kept: Vec<(&str, &str)> = chat.fields().filter(|(name, _)| *name == "x_new").collect();
        assert_eq!(kept, [("x_new", r#"{"a": [1, 2.50]}"#)]);
    }
}
