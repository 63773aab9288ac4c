//! Files that are kept to save time: a convenience, never the truth.

use std::io;
use std::path::Path;

/// Writes a file with its folders. It has its own name only when it is complete, so that nobody ever reads a part of it.
///
/// # Errors
/// When the system refuses; then the file is as it was before.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or_else(|| Path::new(".")))?;
    let unfinished = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/it/a.file");
        for bytes in [b"one".as_slice(), b"another"] {
            write_whole(&path, bytes).expect("written");
            assert_eq!(std::fs::read(&path).expect("read"), bytes);
        }
        let files = std::fs::read_dir(folder.path().join("below/it")).expect("a folder");
        assert_eq!(files.count(), 1);
    }
}
