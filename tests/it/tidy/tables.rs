//! Tables of Markdown, the one place where a rule's data is written.

/// A row: the words in backticks of each of its cells.
pub(super) type Row = Vec<Vec<String>>;

/// A table of ARCHITECTURE.md.
pub(super) fn architecture(heading: &str) -> Vec<Row> {
    table(&super::read("ARCHITECTURE.md"), heading)
}

/// The rows of the first table below a heading, without its head.
pub(super) fn table(text: &str, heading: &str) -> Vec<Row> {
    let below =
        text.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading).skip(1);
    let section = below.take_while(|line| !line.starts_with('#'));
    let lines = section.skip_while(|line| !line.starts_with('|'));
    let rows: Vec<Row> = lines.take_while(|line| line.starts_with('|')).skip(2).map(row).collect();
    assert!(!rows.is_empty(), "no table below the heading `{heading}`");
    rows
}

fn row(line: &str) -> Row {
    line.trim().trim_matches('|').split('|').map(quoted).collect()
}

/// The words in backticks.
pub(super) fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A cell of a row; nothing when the row is too short.
pub(super) fn cell(row: &Row, at: usize) -> &[String] {
    row.get(at).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_below_their_heading() {
        let text = "# One\n| `no` | x |\n\n## Two\nwords\n\n| a | b |\n|---|---|\n| `c` | `d` e `f` |\n\n| `g` | h |\n";
        assert_eq!(table(text, "Two"), [[vec!["c"], vec!["d", "f"]]]);
    }
}
