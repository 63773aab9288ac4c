//! Judging and changing the rules offline. Pure; the command line reads files and prints.

mod eval;

pub use eval::{Figures, Judged, LabelFigures, TestRow, figures};
