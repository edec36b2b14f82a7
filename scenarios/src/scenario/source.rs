//! What a test names: a scenario that comes with Trial, a file, or one that was built in Rust.

use std::path::{Path, PathBuf};

use super::builder::ScenarioBuilder;
use super::error::ScenarioError;
use crate::asked::Asked;

/// Where a scenario comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// One that comes with Trial, by its name, or the file at this path.
    Named(String),
    /// Built in Rust.
    Built(Box<ScenarioBuilder>),
}

impl Source {
    /// Its text, unchanged.
    ///
    /// # Errors
    /// If there is none, or it has none.
    pub fn asked(&self) -> Result<Asked, ScenarioError> {
        match self {
            Self::Named(name) => Asked::open(name),
            Self::Built(built) => Ok(Asked::built(built.name(), built.to_toml()?)),
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Built(built) => built.name(),
        }
    }
}

impl From<&str> for Source {
    fn from(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

impl From<&String> for Source {
    fn from(name: &String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<String> for Source {
    fn from(name: String) -> Self {
        Self::Named(name)
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self::Named(path.display().to_string())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::from(path.as_path())
    }
}

impl From<ScenarioBuilder> for Source {
    fn from(built: ScenarioBuilder) -> Self {
        Self::Built(Box::new(built))
    }
}

impl From<&ScenarioBuilder> for Source {
    fn from(built: &ScenarioBuilder) -> Self {
        built.clone().into()
    }
}
