//! RSS and Atom to their entries. Entities are not expanded, beyond the five that XML itself has and single characters.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use super::entries::Entry;
use super::{Document, Unreadable};

/// Deepest nesting of a feed; XHTML inside of it included.
const DEPTH_MAX: usize = 64;
/// Entries that are looked at. Feeds are sorted by time, the newest first.
const ENTRIES_MAX: usize = 200;

/// What an element inside of an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Title,
    Says,
    Id,
    Link,
    Updated,
    Published,
}

fn field(name: &str) -> Option<Field> {
    match name {
        "title" => Some(Field::Title),
        // `encoded` is RSS's content module.
        "description" | "summary" | "content" | "encoded" => Some(Field::Says),
        "guid" | "id" => Some(Field::Id),
        "link" => Some(Field::Link),
        "updated" => Some(Field::Updated),
        "pubDate" | "published" | "date" => Some(Field::Published),
        _ => None,
    }
}

/// The entries of a feed as it lists them; of a feed that was cut, those that are complete.
pub(super) fn entries(document: Document<'_>) -> Result<Vec<Entry>, Unreadable> {
    let mut reader = Reader::from_str(document.text.trim_start_matches('\u{feff}'));
    // Feeds write `&` where they should not, and nothing here depends on it.
    reader.config_mut().allow_dangling_amp = true;
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk { has_root: false, depth: 0, entries: Vec::new(), open: None };
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            // What is left of a tag at the cut.
            Err(_invalid) if document.is_cut && walk.depth > 0 => break,
            Err(_invalid) => return Err(Unreadable::NotXml),
        };
        match event {
            Event::Eof if walk.depth == 0 || document.is_cut => break,
            Event::Eof => return Err(Unreadable::NotXml),
            Event::DocType(_) => return Err(Unreadable::DocumentType),
            Event::Start(tag) => walk.enter(tag.local_name().into_inner())?,
            Event::End(_) => walk.leave(),
            Event::Text(text) => walk.text(&text.into_inner()),
            Event::CData(text) => walk.text(&text.into_inner()),
            Event::GeneralRef(reference) => walk.text(&resolved(&reference)),
            // With `expand_empty_elements` there are no empty ones.
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        if walk.entries.len() >= ENTRIES_MAX {
            break;
        }
    }
    if walk.has_root { Ok(walk.entries) } else { Err(Unreadable::NotXml) }
}

/// A character by its number, or one of the five that XML knows; any other entity is a space.
fn resolved(reference: &BytesRef<'_>) -> String {
    let by_number = reference.resolve_char_ref().ok().flatten();
    let character = by_number.unwrap_or_else(|| match &*reference.xml10_content() {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => ' ',
    });
    character.to_string()
}

/// An entry that has begun.
#[derive(Debug)]
struct Open {
    entry: Entry,
    depth: usize,
    /// What is being told, and how deep it began.
    field: Option<(Field, usize)>,
}

#[derive(Debug)]
struct Walk {
    has_root: bool,
    depth: usize,
    entries: Vec<Entry>,
    open: Option<Open>,
}

impl Walk {
    fn enter(&mut self, name: &str) -> Result<(), Unreadable> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Unreadable::TooDeep);
        }
        if self.depth == 1 && !["rss", "feed", "RDF"].contains(&name) {
            return Err(Unreadable::NotAFeed);
        }
        self.has_root = true;
        match &mut self.open {
            None if ["item", "entry"].contains(&name) => {
                let entry = Entry::default();
                self.open = Some(Open { entry, depth: self.depth, field: None });
            }
            None => {}
            Some(open) if open.depth + 1 == self.depth => {
                open.field = field(name).map(|field| (field, self.depth));
                // What is said in summary and content stays apart.
                self.text("\n");
            }
            // Markup inside of a field parts it.
            Some(_) => self.text("\n"),
        }
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(open) = &mut self.open {
            match open.field {
                Some((_, depth)) if depth == self.depth => open.field = None,
                Some(_) | None => {}
            }
            if open.depth == self.depth {
                self.entries.extend(self.open.take().map(|ended| ended.entry));
            } else {
                self.text("\n");
            }
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, text: &str) {
        let Some(Open { entry, field: Some((field, _)), .. }) = &mut self.open else { return };
        match field {
            Field::Title => entry.title.push_str(text),
            Field::Says => entry.says.push_str(text),
            Field::Id => entry.id.push_str(text),
            Field::Link => entry.link.push_str(text),
            Field::Updated => entry.updated.push_str(text),
            Field::Published => entry.published.push_str(text),
        }
    }
}
