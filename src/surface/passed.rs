//! Events that pass as their provider wrote them, in dialects that name each event.

use std::fmt::Write as _;

use serde::Deserialize;

/// Adds an event under the name that its data has.
pub(super) fn event(json: &str, out: &mut String) {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(rename = "type", borrow)]
        name: std::borrow::Cow<'a, str>,
    }
    let named: Option<Named<'_>> = serde_json::from_str(json).ok();
    let name = named.map_or_else(|| "message".into(), |named| named.name);
    // JSON allows line breaks between its tokens; an event stream does not.
    let broken = json.contains(['\n', '\r']).then(|| json.replace(['\n', '\r'], " "));
    let json = broken.as_deref().unwrap_or(json);
    // Writing to a string cannot fail.
    let _written = write!(out, "event: {name}\ndata: {json}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_name_that_it_gives_itself() {
        let mut out = String::new();
        event("{\"type\":\"ping\",\n\"a\":1}", &mut out);
        assert_eq!(out, "event: ping\ndata: {\"type\":\"ping\", \"a\":1}\n\n");
    }
}
