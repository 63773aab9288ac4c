//! Judging and changing the rules offline. Pure; the command line reads files, asks the classifier and prints.
//!
//! Labelled rows are split into folds, a classifier is fitted and asked fold by fold, and what it says becomes figures:
//! `rows` -> `split` -> `judge` -> `figures` -> `report`.

mod figures;
mod judge;
mod ranking;
mod report;
mod rows;
mod split;
mod text;
mod times;

pub use figures::{DepthFigures, Figures, LabelFigures, depths, figures};
pub use judge::{Depth, Judged, Opinion, Training, judge_folds};
pub use report::{Confusion, Evaluation, FoldFigures, Report, Source, prediction};
pub use rows::{Filter, FilterError, OUT_OF_SCOPE, Place, Row, RowError, parse};
pub use split::{Draw, Fold, Shots, folds_of_groups, held_out, stratified_folds};
pub use times::Spread;
