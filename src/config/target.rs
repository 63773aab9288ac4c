//! A model at a provider, and by what its health is remembered.

use std::sync::Arc;

use super::{Abilities, Habits, Provider};

/// A model at a provider.
#[derive(Debug)]
pub struct Target {
    /// `<provider>/<model>`.
    pub id: String,
    /// Where it is served.
    pub provider: Arc<Provider>,
    /// The provider's name for the model.
    pub model: String,
    /// What it can do.
    pub abilities: Arc<Abilities>,
    /// How it wants to be spoken to.
    pub habits: Habits,
    /// What its health is remembered by.
    pub scopes: Scopes,
}

/// What can fail about a target, each by a name that changes when it becomes another thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    /// Where it is served.
    pub endpoint: Arc<str>,
    /// Who pays there. The key itself is not in it.
    pub credential: Arc<str>,
    /// The model there, under that key.
    pub deployment: Arc<str>,
}

impl Target {
    /// Names a model at a provider.
    #[must_use]
    pub fn new(provider: Arc<Provider>, model: &str, abilities: Arc<Abilities>) -> Self {
        let id = format!("{}/{model}", provider.name);
        let key = provider.credential.fingerprint();
        let credential = format!("{} {key:016x} {}", provider.name, provider.endpoint());
        let scopes = Scopes {
            endpoint: provider.endpoint().into(),
            deployment: format!("{credential} {model}").into(),
            credential: credential.into(),
        };
        let habits = provider.speech.habits(model);
        Self { id, provider, model: model.to_owned(), abilities, habits, scopes }
    }
}
