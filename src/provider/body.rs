//! A request's body on its way out: fields in order, each as JSON text, and the rules of a model's provider for single fields.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::chat::{Loss, Losses};
use crate::config::{FieldRule, Habits};

/// Fields in order. What nobody changes stays the caller's own text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Body<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Body<'a> {
    /// Fields as somebody wrote them.
    pub(super) fn written(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(fields.map(|(name, text)| (Cow::Borrowed(name), Cow::Borrowed(text))).collect())
    }

    /// Fields that were written here.
    pub(super) fn of(fields: serde_json::Map<String, Value>) -> Self {
        let owned = |(name, value): (String, Value)| (name.into(), value.to_string().into());
        Self(fields.into_iter().map(owned).collect())
    }

    /// The text of a field.
    #[must_use]
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_ref()).filter(|text| *text != "null")
    }

    /// A field as a value.
    #[must_use]
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Writes a field, in its place where it has one.
    pub(super) fn set(&mut self, name: &str, value: &Value) {
        let text = Cow::Owned(value.to_string());
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, written)) => *written = text,
            None => self.0.push((Cow::Owned(name.to_owned()), text)),
        }
    }

    /// Leaves a field out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// The whole as JSON.
    #[must_use]
    pub(super) fn into_bytes(self) -> Bytes {
        let length: usize = self.0.iter().map(|(name, text)| name.len() + text.len() + 4).sum();
        let mut body = String::with_capacity(length + 2);
        for (name, text) in &self.0 {
            body.push(if body.is_empty() { '{' } else { ',' });
            body.push_str(&Value::from(name.as_ref()).to_string());
            body.push(':');
            body.push_str(text);
        }
        if body.is_empty() {
            body.push('{');
        }
        body.push('}');
        Bytes::from(body)
    }

    /// Applies what a model's provider wants of single fields.
    pub(super) fn obey(&mut self, habits: &Habits, losses: &mut Losses) {
        for (at, (path, rule)) in habits.fields.iter().enumerate() {
            // Of two rules for one field the later one counts.
            let is_overruled = habits.fields.iter().skip(at + 1).any(|(later, _)| later == path);
            if !is_overruled {
                self.obey_rule(path, rule, losses);
            }
        }
        if !habits.only.is_empty() {
            self.0.retain(|(name, text)| {
                let is_known = habits.only.iter().any(|known| known == name);
                // We ask for token counts ourselves.
                if !is_known && !is_idle(text) && name != "stream_options" {
                    losses.add(name, Loss::Dropped);
                }
                is_known
            });
        }
    }

    fn obey_rule(&mut self, path: &str, rule: &FieldRule, losses: &mut Losses) {
        let Some((name, inner)) = path.split_once('.') else {
            return self.obey_here(path, rule, losses);
        };
        let Some(mut whole) = self.value(name) else { return };
        let Some(fields) = whole.as_object_mut() else { return };
        let text = fields.iter().map(|(key, value)| (key.clone(), value.to_string()));
        let text: Vec<(String, String)> = text.collect();
        let mut nested =
            Body::written(text.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let mut lost = Losses::default();
        nested.obey_rule(inner, rule, &mut lost);
        for (field, loss) in lost.iter() {
            losses.add(&format!("{name}.{field}"), loss);
        }
        let nested: Vec<(String, Value)> = nested
            .0
            .iter()
            .filter_map(|(key, value)| Some((key.to_string(), serde_json::from_str(value).ok()?)))
            .collect();
        self.set(name, &Value::Object(nested.into_iter().collect()));
    }

    fn obey_here(&mut self, name: &str, rule: &FieldRule, losses: &mut Losses) {
        let Some(text) = self.get(name) else { return };
        match rule {
            FieldRule::Drop => {
                if !is_idle(text) {
                    losses.add(name, Loss::Dropped);
                }
                self.remove(name);
            }
            FieldRule::Rename(other) => {
                let Some(kept) = self.remove(name) else { return };
                if self.get(other).is_none() {
                    self.0.push((Cow::Owned(other.clone()), kept));
                }
            }
            FieldRule::Range { least, most } => {
                let Ok(number) = text.parse::<f64>() else { return };
                let fitting = number.max(least.unwrap_or(f64::MIN)).min(most.unwrap_or(f64::MAX));
                if fitting.total_cmp(&number).is_ne() {
                    losses.add(name, Loss::Clamped);
                    self.set(name, &number_of(fitting));
                }
            }
            FieldRule::Words(words) => {
                let Ok(Value::String(word)) = serde_json::from_str(text) else { return };
                if let Some((_, other)) = words.iter().find(|(known, _)| *known == word) {
                    losses.add(name, Loss::Clamped);
                    self.set(name, &Value::from(other.as_str()));
                }
            }
            FieldRule::Items(most) => {
                let Ok(Value::Array(mut items)) = serde_json::from_str(text) else { return };
                if items.len() > *most {
                    losses.add(name, Loss::Clamped);
                    items.truncate(*most);
                    self.set(name, &Value::Array(items));
                }
            }
        }
    }
}

/// A whole number stays one: some providers refuse `1.0` where they want `1`.
fn number_of(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only where it is the same number")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, reason = "only where it is the same number")]
    let is_whole = (whole as f64).total_cmp(&number).is_eq();
    if is_whole { Value::from(whole) } else { Value::from(number) }
}

/// A field that says what is so anyway is no loss.
fn is_idle(text: &str) -> bool {
    matches!(text, "null" | "false" | "0" | "0.0" | "[]" | "{}" | r#""""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, rules: &[(&str, FieldRule)], expected: &str, lost: &str) {
        let whole: Value = serde_json::from_str(body).expect("JSON");
        let mut written = Body::default();
        for (name, value) in whole.as_object().expect("an object") {
            written.set(name, value);
        }
        let fields = rules.iter().map(|(path, rule)| ((*path).to_owned(), rule.clone()));
        let habits = Habits { fields: fields.collect(), ..Habits::default() };
        let mut losses = Losses::default();
        written.obey(&habits, &mut losses);
        let found = written.into_bytes();
        assert_eq!(
            (std::str::from_utf8(&found), losses.to_string()),
            (Ok(expected), lost.to_owned())
        );
    }

    #[test]
    fn rules_change_one_field_each() {
        let rename = |name: &str| FieldRule::Rename(name.to_owned());
        let range = |least, most| FieldRule::Range { least, most };
        check(r#"{"a":1}"#, &[("b", FieldRule::Drop)], r#"{"a":1}"#, "");
        check(r#"{"a":1}"#, &[("a", FieldRule::Drop)], "{}", "a dropped");
        check(r#"{"a":false}"#, &[("a", FieldRule::Drop)], "{}", "");
        check(r#"{"a":1}"#, &[("a", rename("b"))], r#"{"b":1}"#, "");
        check(r#"{"a":1,"b":2}"#, &[("a", rename("b"))], r#"{"b":2}"#, "");
        check(r#"{"a":1.5}"#, &[("a", range(Some(0.0), Some(1.0)))], r#"{"a":1}"#, "a clamped");
        check(r#"{"a":0.7}"#, &[("a", range(Some(0.0), Some(1.0)))], r#"{"a":0.7}"#, "");
        let words = FieldRule::Words(vec![("required".to_owned(), "auto".to_owned())]);
        check(r#"{"a":"required"}"#, &[("a", words.clone())], r#"{"a":"auto"}"#, "a clamped");
        check(r#"{"a":"none"}"#, &[("a", words)], r#"{"a":"none"}"#, "");
        check(r#"{"a":[1,2,3]}"#, &[("a", FieldRule::Items(2))], r#"{"a":[1,2]}"#, "a clamped");
        check(
            r#"{"a":{"b":1,"c":2}}"#,
            &[("a.b", FieldRule::Drop)],
            r#"{"a":{"c":2}}"#,
            "a.b dropped",
        );
        check(r#"{"a":1}"#, &[("a", FieldRule::Drop), ("a", rename("b"))], r#"{"b":1}"#, "");
    }

    #[test]
    fn fields_that_nobody_knows_are_dropped_where_only_some_are_taken() {
        let mut body =
            Body::written([("a", "1"), ("b", "2"), ("stream_options", "{\"x\":1}")].into_iter());
        let habits = Habits { only: vec!["a".to_owned()], ..Habits::default() };
        let mut losses = Losses::default();
        body.obey(&habits, &mut losses);
        assert_eq!(
            (body.into_bytes().as_ref(), losses.to_string()),
            (br#"{"a":1}"#.as_ref(), "b dropped".to_owned())
        );
    }
}
