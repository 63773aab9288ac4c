//! A chat body, checked: the fields the program acts on are typed, all others are kept as they were written.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::conversation::{Conversation, Part, Speaker, Turn};
use super::fields::Fields;
use super::needs::Needs;
use super::reading;

/// Most messages of one conversation.
const MESSAGES_MAX: usize = 10_000;
/// Longest name in `model`, in bytes.
const MODEL_BYTES_MAX: usize = 256;
/// What is wrong with a body, in the terms of OpenAI's error object.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct BadRequest {
    /// For the caller to read.
    pub message: String,
    /// The field that is wrong, such as `messages[2].role`.
    pub param: Option<String>,
    /// A stable word, such as `missing_required_parameter`.
    pub code: &'static str,
}

/// What a caller speaks, and is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// OpenAI's chat completions.
    Chat,
    /// Anthropic's messages.
    Messages,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's completions, of before there were chats.
    Completions,
}

/// A request that may be sent on.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    surface: Surface,
    model: String,
    messages: Vec<Message>,
    stream: bool,
    wants_usage: bool,
    needs: Needs,
    /// As the caller wrote it; nothing where something was added to the conversation since.
    fields: Option<Fields>,
    /// Headers that a provider of the caller's own dialect should see.
    headers: Vec<(&'static str, String)>,
    /// As every dialect can say it; read when it is first wanted.
    conversation: OnceLock<Result<Arc<Conversation>, BadRequest>>,
}

impl ChatRequest {
    /// A request that was read from another surface than chat.
    #[must_use]
    pub fn new(
        surface: Surface,
        (model, fields): (String, Fields),
        conversation: Conversation,
    ) -> Self {
        Self {
            surface,
            model,
            messages: conversation.turns.iter().map(Message::of).collect(),
            stream: conversation.stream,
            wants_usage: true,
            needs: Needs::of_conversation(&conversation),
            fields: Some(fields),
            headers: Vec::new(),
            conversation: OnceLock::from(Ok(Arc::new(conversation))),
        }
    }

    /// What the caller speaks.
    #[must_use]
    pub fn surface(&self) -> Surface {
        self.surface
    }

    /// The request as every dialect can say it.
    ///
    /// # Errors
    /// When something in it is not what its surface allows.
    pub fn conversation(&self) -> Result<&Arc<Conversation>, &BadRequest> {
        let read = || {
            let fields = self.fields.iter().flat_map(Fields::iter);
            reading::conversation(fields.filter(|(_, value)| *value != "null")).map(Arc::new)
        };
        self.conversation.get_or_init(read).as_ref()
    }

    /// The same with headers that a provider of the caller's own dialect should see.
    #[must_use]
    pub fn with_headers(self, headers: Vec<(&'static str, String)>) -> Self {
        Self { headers, ..self }
    }

    /// Headers that a provider of the caller's own dialect should see.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

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
        let said = || Turn::new(Speaker::Assistant, vec![Part::Text(beginning.to_owned())]);
        let mut conversation = self.conversation().ok()?.as_ref().clone();
        conversation.turns.push(said());
        longer.fields = self.fields.as_ref().filter(|_| self.surface == Surface::Chat).cloned();
        if let Some(fields) = &mut longer.fields {
            let (_, messages) = fields.0.iter_mut().find(|(name, _)| name == "messages")?;
            let others = messages.get().trim_end().strip_suffix(']')?;
            let text = serde_json::Value::from(beginning);
            let whole = format!(r#"{others},{{"role":"assistant","content":{text}}}]"#);
            *messages = RawValue::from_string(whole).ok()?;
        }
        longer.conversation = OnceLock::from(Ok(Arc::new(conversation)));
        longer.messages.push(Message::of(&said()));
        longer.needs.prefill = true;
        Some(longer)
    }

    /// Every top-level field in the caller's order, as the JSON text the caller wrote; nothing where it was not this surface's, or
    /// something was added since.
    #[must_use]
    pub fn written(&self, surface: Surface) -> Option<&Fields> {
        self.fields.as_ref().filter(|_| self.surface == surface)
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

impl Message {
    fn of(turn: &Turn) -> Self {
        let is_result = |part: &Part| matches!(part, Part::Returned(_));
        let role = match turn.speaker {
            Speaker::System => Role::System,
            Speaker::User if turn.parts.iter().any(is_result) && turn.text().is_empty() => {
                Role::Tool
            }
            Speaker::User => Role::User,
            Speaker::Assistant => Role::Assistant,
        };
        let has_image = turn.parts.iter().any(|part| matches!(part, Part::Image(_)));
        Self { role, text: turn.text(), has_image }
    }
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
    let fields = Fields::read(body)?;
    let model = model(&fields)?;
    let messages = messages(&fields)?;
    let stream = flag(&fields, "stream")?;
    let wants_usage = stream_options(&fields)?;
    check_ranges(&fields)?;
    let needs = Needs::of(&messages, &|name| fields.get(name));
    Ok(ChatRequest {
        surface: Surface::Chat,
        model,
        messages,
        stream,
        wants_usage,
        needs,
        fields: Some(fields),
        headers: Vec::new(),
        conversation: OnceLock::new(),
    })
}

/// The name in `model`.
///
/// # Errors
/// When it is missing or cannot be a name.
pub fn model(fields: &Fields) -> Result<String, BadRequest> {
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

pub(super) fn bad(param: &str, code: &'static str, message: String) -> BadRequest {
    BadRequest { message, param: Some(param.to_owned()), code }
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
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
        let kept: Vec<(&str, &str)> = chat
            .written(Surface::Chat)
            .expect("chat")
            .iter()
            .filter(|(name, _)| *name == "x_new")
            .collect();
        assert_eq!(kept, [("x_new", r#"{"a": [1, 2.50]}"#)]);
    }
}
