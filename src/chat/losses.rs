//! What a request lost on its way into another dialect.

use std::fmt;

/// What became of a field that a provider does not take as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Left out.
    Dropped,
    /// Brought into the provider's range, or to the nearest thing that it knows.
    Clamped,
    /// Said in another way that does not bind the model as firmly.
    Emulated,
}

impl Loss {
    /// A stable word for headers and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Clamped => "clamped",
            Self::Emulated => "emulated",
        }
    }
}

/// Every loss of one request, by the caller's name of the field, in the order in which they were noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses(Vec<(String, Loss)>);

impl Losses {
    /// Notes a loss, once a field.
    pub fn add(&mut self, param: &str, loss: Loss) {
        if !self.0.iter().any(|(known, _)| known == param) {
            self.0.push((param.to_owned(), loss));
        }
    }

    /// Nothing was lost.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Field by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Loss)> {
        self.0.iter().map(|(param, loss)| (param.as_str(), *loss))
    }
}

impl fmt::Display for Losses {
    /// `seed dropped, temperature clamped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (param, loss)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{param} {}", loss.label())?;
        }
        Ok(())
    }
}
