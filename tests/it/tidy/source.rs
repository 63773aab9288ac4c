//! Rust text without what misleads a search: comments, literals, tests. Works on text that rustfmt has seen; it is no parser.

use std::path::Path;

/// A file of Rust.
#[derive(Debug)]
pub(super) struct Source {
    /// From the project's folder, with `/`.
    pub(super) path: String,
    /// As written.
    pub(super) text: String,
    /// Comments, literals and tests replaced by spaces; every byte keeps its place.
    pub(super) code: String,
    /// The same with string literals kept.
    pub(super) code_and_strings: String,
    /// Lines outside of tests.
    pub(super) line_count: usize,
}

/// A name with the names around it, such as `std::fs::read`; a `use` with braces gives one for each leaf.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: String,
    pub(super) line: usize,
}

/// A function and its extent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) line_count: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (mut code, mut code_and_strings) = blank_literals(text.as_bytes());
        let is_test_file = path.ends_with("_tests.rs") || path.ends_with("/tests.rs");
        let tests = if is_test_file { vec![(0, code.len())] } else { test_items(&code) };
        let mut line_count = count_lines(&code, 0, code.len());
        for (from, to) in tests {
            line_count -= count_lines(&code, from, to);
            blank(&mut code, from, to);
            blank(&mut code_and_strings, from, to);
        }
        let (path, text) = (path.to_owned(), text.to_owned());
        let (code, code_and_strings) = (to_text(&code), to_text(&code_and_strings));
        Self { path, text, code, code_and_strings, line_count }
    }

    /// Every `.rs` below a folder of the project, by path.
    pub(super) fn below(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut open, mut found) = (vec![root.join(folder)], Vec::new());
        while let Some(next) = open.pop() {
            for entry in std::fs::read_dir(&next).expect("a folder of the project").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let inside = path.strip_prefix(root).expect("inside").display().to_string();
                    let text = std::fs::read_to_string(&path).expect("text");
                    found.push(Self::new(&inside.replace('\\', "/"), &text));
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// The top-level module the file belongs to; `main` and `lib` for the roots.
    pub(super) fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
    }

    /// How many modules the file's own one lies below the crate's root.
    pub(super) fn depth(&self) -> usize {
        let folders = self.path.matches('/').count() - 1;
        let is_folder_itself = ["/mod.rs", "/main.rs", "/lib.rs"];
        if is_folder_itself.iter().any(|end| self.path.ends_with(end)) {
            folders
        } else {
            folders + 1
        }
    }

    pub(super) fn names(&self) -> Vec<Named> {
        let mut cursor = Cursor { code: self.code.as_bytes(), at: 0, line: 1, found: Vec::new() };
        while cursor.at < cursor.code.len() {
            if cursor.peek().is_some_and(is_word) {
                cursor.name("");
            } else {
                cursor.step();
            }
        }
        cursor.found
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        let code = self.code.as_bytes();
        let mut functions = Vec::new();
        for at in places(&self.code, "fn ") {
            let starts_word = at == 0 || !is_word(code[at - 1]);
            let name: String = code[at + 3..]
                .iter()
                .take_while(|byte| is_word(**byte))
                .map(|b| *b as char)
                .collect();
            let (end, has_body) = item_end(code, at);
            if starts_word && !name.is_empty() && has_body {
                let line = count_lines(code, 0, at) + 1;
                let line_count = count_lines(code, at, end) + 1;
                functions.push(Function { name, line, line_count });
            }
        }
        functions
    }

    /// The line, counted from 1, of a byte.
    pub(super) fn line_at(&self, at: usize) -> usize {
        count_lines(self.code.as_bytes(), 0, at) + 1
    }
}

/// Where `wanted` begins, every time.
pub(super) fn places(text: &str, wanted: &str) -> Vec<usize> {
    text.match_indices(wanted).map(|(at, _)| at).collect()
}

/// The words of a text, cut at everything that no identifier holds.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// What stands between the bracket at or after `at` and the one that closes it.
pub(super) fn inside_brackets(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes();
    let Some(from) = (at..bytes.len()).find(|at| b"([{".contains(&bytes[*at])) else { return "" };
    text.get(from + 1..closing(bytes, from)).unwrap_or_default()
}

/// Whether a file is one of the places, or lies in one.
pub(super) fn is_in(path: &str, places: &[String]) -> bool {
    places.iter().any(|place| path == place || (place.ends_with('/') && path.starts_with(place)))
}

/// Whether a name is another one or stands below it.
pub(super) fn is_within(path: &str, around: &str) -> bool {
    path.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn to_text(code: &[u8]) -> String {
    String::from_utf8_lossy(code).into_owned()
}

fn count_lines(code: &[u8], from: usize, to: usize) -> usize {
    code[from..to].iter().filter(|byte| **byte == b'\n').count()
}

fn blank(code: &mut [u8], from: usize, to: usize) {
    code[from..to].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// Without comments and literals, and without comments only.
fn blank_literals(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut code, mut code_and_strings) = (text.to_vec(), text.to_vec());
    let mut at = 0;
    while at < text.len() {
        let before = at.checked_sub(1).map(|before| text[before]);
        let length = literal(&text[at..], before);
        if length == 0 {
            at += 1;
            continue;
        }
        blank(&mut code, at, at + length);
        if text[at] == b'/' {
            blank(&mut code_and_strings, at, at + length);
        }
        at += length;
    }
    (code, code_and_strings)
}

/// The length of the comment, string or character that begins here; 0 when none does.
fn literal(rest: &[u8], before: Option<u8>) -> usize {
    let until = |from: usize, end: &[u8]| {
        let found = rest[from..].windows(end.len()).position(|window| window == end);
        found.map_or(rest.len(), |at| from + at + end.len())
    };
    match rest {
        [b'/', b'/', ..] => until(0, b"\n") - usize::from(rest.contains(&b'\n')),
        [b'/', b'*', ..] => until(2, b"*/"),
        [b'"', ..] => quoted(rest, b'"'),
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        // A lifetime has no second quote after one character.
        [b'\'', ..] => {
            let longest = rest.len().min(6);
            let quote = rest[1..longest].iter().position(|byte| *byte == b'\'');
            let one_character = |end: usize| {
                std::str::from_utf8(&rest[1..=end]).is_ok_and(|c| c.chars().count() == 1)
            };
            quote.filter(|end| one_character(*end)).map_or(0, |end| end + 2)
        }
        [b'r', ..] | [b'b', b'r', ..] if !before.is_some_and(is_word) => {
            let prefix = rest.iter().take_while(|byte| is_word(**byte)).count();
            let hashes = rest[prefix..].iter().take_while(|byte| **byte == b'#').count();
            let is_raw = prefix <= 2 && rest.get(prefix + hashes) == Some(&b'"');
            let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
            if is_raw { until(prefix + hashes + 1, &end) } else { 0 }
        }
        _ => 0,
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// From every `#[cfg(test)]` to the end of its item and of that line.
fn test_items(code: &[u8]) -> Vec<(usize, usize)> {
    let starts = places(&to_text(code), "#[cfg(test)]");
    let end = |at: usize| {
        let (end, _) = item_end(code, at);
        if code.get(end) == Some(&b'\n') { end + 1 } else { end }
    };
    starts.into_iter().map(|at| (at, end(at))).collect()
}

/// Behind the `;` or the closing brace of the item that begins here, and whether it has braces.
fn item_end(code: &[u8], from: usize) -> (usize, bool) {
    let mut at = from;
    while at < code.len() {
        match code[at] {
            b'(' | b'[' => at = closing(code, at),
            b';' => return (at + 1, false),
            b'{' => return (closing(code, at) + 1, true),
            _ => {}
        }
        at += 1;
    }
    (code.len(), false)
}

/// The bracket that closes the one here.
fn closing(code: &[u8], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 1 => return at,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}

struct Cursor<'a> {
    code: &'a [u8],
    at: usize,
    line: usize,
    found: Vec<Named>,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.code.get(self.at).copied()
    }

    fn step(&mut self) {
        self.line += usize::from(self.peek() == Some(b'\n'));
        self.at += 1;
    }

    fn eat(&mut self, wanted: &[u8]) -> bool {
        let is_here = self.code[self.at..].starts_with(wanted);
        if is_here {
            self.at += wanted.len();
        }
        is_here
    }

    /// A name and what follows it, or a group of them.
    fn name(&mut self, around: &str) {
        if self.eat(b"{") {
            return self.group(around);
        }
        let (from, line) = (self.at, self.line);
        while self.peek().is_some_and(is_word) {
            self.step();
        }
        let word = to_text(&self.code[from..self.at]);
        let path = match (around, word.as_str()) {
            ("", _) => word,
            (_, "self" | "") => around.to_owned(),
            _ => format!("{around}::{word}"),
        };
        if self.eat(b"::") {
            return self.name(&path);
        }
        self.found.push(Named { path, line });
    }

    fn group(&mut self, around: &str) {
        loop {
            match self.peek() {
                None => return,
                Some(b'}') => return self.step(),
                Some(b' ' | b'\n' | b',' | b'*') => self.step(),
                Some(_) if self.eat(b"as ") => {
                    while self.peek().is_some_and(is_word) {
                        self.step();
                    }
                }
                Some(_) => {
                    let before = self.at;
                    self.name(around);
                    if self.at == before {
                        self.step();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("src/x.rs", text).code
    }

    #[test]
    fn literals_and_comments_are_blanked_in_place() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(code("a /* b */ c"), "a         c");
        assert_eq!(code(r#"a("b \" c", d)"#), "a(        , d)");
        assert_eq!(code("r#\"b\"c\"#; br\"x\";"), "        ;      ;");
        assert_eq!(code(r"['a', '\'', '漢'] <'a> &'b str"), "[   ,     ,      ] <'a> &'b str");
        assert_eq!(code("for_r \"x\""), "for_r    ");
        assert_eq!(Source::new("src/x.rs", "\"b\" // c").code_and_strings, "\"b\"     ");
    }

    #[test]
    fn tests_are_cut_out_wherever_they_stand() {
        let source = Source::new(
            "src/x.rs",
            "a();\n#[cfg(test)]\nmod tests;\nb();\n#[cfg(test)]\nmod inside {\n    c();\n}\n",
        );
        assert_eq!(words(&source.code).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(source.line_count, 2);
        assert_eq!(Source::new("src/x_tests.rs", "a();\nb();\n").line_count, 0);
    }

    #[test]
    fn functions_are_measured_to_their_closing_brace() {
        let source = Source::new(
            "src/x.rs",
            "trait T { fn none(&self) -> [u8; 3]; }\nfn one() {}\nfn three(f: fn(u8)) {\n    \"}\";\n}\n",
        );
        let found: Vec<(String, usize, usize)> =
            source.functions().into_iter().map(|f| (f.name, f.line, f.line_count)).collect();
        assert_eq!(found, [("one".to_owned(), 2, 1), ("three".to_owned(), 3, 3)]);
    }

    #[test]
    fn grouped_names_are_spread_out() {
        let text = "use a::{self, b::{C, d as e},\n    f::*};\nlet x = g::h::<u8>(i);";
        let names: Vec<Named> = Source::new("src/x.rs", text).names();
        let has = |path: &str, line: usize| {
            assert!(names.contains(&Named { path: path.to_owned(), line }), "{path}: {names:?}");
        };
        has("a", 1);
        has("a::b::C", 1);
        has("a::b::d", 1);
        has("a::f", 2);
        has("g::h", 3);
    }

    #[test]
    fn a_file_knows_its_module() {
        let place = |path: &str| {
            let source = Source::new(path, "");
            (source.module().to_owned(), source.depth())
        };
        assert_eq!(place("src/main.rs"), ("main".to_owned(), 0));
        assert_eq!(place("src/pipeline.rs"), ("pipeline".to_owned(), 1));
        assert_eq!(place("src/chat/mod.rs"), ("chat".to_owned(), 1));
        assert_eq!(place("src/chat/prompt.rs"), ("chat".to_owned(), 2));
    }
}
