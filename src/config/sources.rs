//! What a load has read, so that a change of it can be told from a change of something else beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Every file and folder that a load has read, with what was in it.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// By their hash; nothing for one that could not be read.
    files: BTreeMap<PathBuf, Option<[u8; 32]>>,
    folders: BTreeMap<PathBuf, Vec<PathBuf>>,
}

impl Sources {
    /// Reads a file and notes it.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<String> {
        let text = std::fs::read_to_string(path);
        let hash = text.as_ref().ok().map(|text| hash(text.as_bytes()));
        self.files.insert(path.to_owned(), hash);
        text
    }

    /// Lists the examples of a folder, by name so that their order does not depend on the file system, and notes them.
    pub(super) fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let listed = examples_of(folder);
        let noted = listed.as_ref().map(Clone::clone).unwrap_or_default();
        self.folders.insert(folder.to_owned(), noted);
        listed
    }

    /// Whether reading again would give the same.
    #[must_use]
    pub fn are_current(&self) -> bool {
        let lists = self.folders.iter();
        let same_lists =
            lists.map(|(folder, noted)| examples_of(folder).unwrap_or_default() == *noted);
        let mut same = same_lists.chain(
            self.files
                .iter()
                .map(|(path, noted)| std::fs::read(path).ok().map(|bytes| hash(&bytes)) == *noted),
        );
        same.all(|is_same| is_same)
    }

    /// The folders in which something happens when a file changes, is replaced, or a link on the way to it points elsewhere.
    #[must_use]
    pub fn places(&self) -> BTreeSet<PathBuf> {
        let mut places: BTreeSet<PathBuf> = self.folders.keys().cloned().collect();
        for path in self.files.keys().chain(self.folders.keys()) {
            let real = path.canonicalize().ok();
            let links = path.ancestors().filter(|part| part.is_symlink());
            let changing = links.chain([path.as_path()]).chain(real.as_deref());
            places.extend(changing.map(parent_of));
        }
        places
    }
}

/// A name without a folder stands in the current one.
fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn examples_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    Ok(paths)
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, text: &str) -> PathBuf {
        std::fs::write(&path, text).expect("written");
        path
    }

    #[test]
    fn every_change_of_what_was_read_is_seen_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let file = write(at("rules.yaml"), "a");
        let example = write(at("a.jsonl"), "1");
        let note = || {
            let mut sources = Sources::default();
            sources.read(&file).expect("the file");
            sources.read(&example).expect("the example");
            assert!(sources.read(&at("missing")).is_err());
            sources.list(folder.path()).expect("the folder");
            sources
        };
        let check = |sources: &Sources, expected: bool| {
            assert_eq!(sources.are_current(), expected, "{sources:?}");
        };
        let first = note();
        check(&first, true);
        write(at("notes.txt"), "nobody reads this");
        write(at("rules.yaml"), "a");
        check(&first, true);
        write(at("rules.yaml"), "b");
        check(&first, false);
        let second = note();
        write(at("missing"), "here");
        check(&second, false);
        std::fs::remove_file(at("missing")).expect("removed");
        check(&second, true);
        let third = write(at("b.jsonl"), "2");
        check(&second, false);
        std::fs::remove_file(third).expect("removed");
        std::fs::remove_file(at("a.jsonl")).expect("removed");
        check(&second, false);
    }

    #[cfg(unix)]
    #[test]
    fn links_on_the_way_are_watched_where_they_stand() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a folder");
        let at = |name: &str| root.join(name);
        std::fs::create_dir_all(at("mount/..one")).expect("a folder");
        write(at("mount/..one/rules.yaml"), "a");
        std::os::unix::fs::symlink("..one", at("mount/..data")).expect("a link");
        std::os::unix::fs::symlink("..data/rules.yaml", at("mount/rules.yaml")).expect("a link");
        std::os::unix::fs::symlink("mount", at("link")).expect("a link");
        let mut sources = Sources::default();
        sources.read(&at("link/rules.yaml")).expect("the file");
        let places = sources.places();
        for place in [root.clone(), at("link"), at("mount/..one")] {
            assert!(places.contains(&place), "{place:?} in {places:?}");
        }
    }
}
