//! Statuspage's summary, `/api/v2/summary.json`; other makers of status pages give the same shape.

use serde::Deserialize;

use super::{Condition, Document, Unreadable, contains};

/// What is read of a summary. Lists may be missing or null.
#[derive(Debug, Deserialize)]
struct Summary {
    status: Option<Status>,
    components: Option<Vec<Component>>,
    incidents: Option<Vec<Incident>>,
    scheduled_maintenances: Option<Vec<Incident>>,
}

#[derive(Debug, Deserialize)]
struct Status {
    indicator: String,
}

#[derive(Debug, Deserialize)]
struct Component {
    #[serde(default)]
    name: String,
    status: Option<String>,
}

/// An incident, or a maintenance.
#[derive(Debug, Deserialize)]
struct Incident {
    #[serde(default)]
    name: String,
    status: Option<String>,
    impact: Option<String>,
    components: Option<Vec<Component>>,
}

/// Without a component the page's own summary of itself counts. With one, the worst of what names it.
pub(super) fn read(document: Document<'_>) -> Result<Condition, Unreadable> {
    if document.is_cut {
        return Err(Unreadable::TooLong);
    }
    let summary: Summary =
        serde_json::from_str(document.text).map_err(|_invalid| Unreadable::NotASummary)?;
    if let Some(name) = document.component {
        return of_component(&summary, name);
    }
    match (&summary.status, &summary.components) {
        (Some(status), _) => severity(&status.indicator),
        (None, Some(components)) => worst(components.iter().map(state)),
        (None, None) => Err(Unreadable::NotASummary),
    }
}

fn of_component(summary: &Summary, name: &str) -> Result<Condition, Unreadable> {
    let listed = summary.components.as_ref().ok_or(Unreadable::NotASummary)?;
    let named: Vec<&Component> = listed.iter().filter(|each| contains(&each.name, name)).collect();
    let about = |each: &&Incident| {
        let parts = each.components.as_deref().unwrap_or_default();
        contains(&each.name, name) || parts.iter().any(|part| contains(&part.name, name))
    };
    let incidents: Vec<&Incident> = summary.incidents.iter().flatten().filter(about).collect();
    let maintenances = summary.scheduled_maintenances.iter().flatten().filter(about);
    if named.is_empty() && incidents.is_empty() {
        return Err(Unreadable::NoSuchComponent);
    }
    let components = named.into_iter().map(state);
    let incidents = incidents.into_iter().map(incident);
    let maintenances = maintenances.map(|each| Ok(maintenance(each)));
    worst(components.chain(incidents).chain(maintenances))
}

fn worst(
    conditions: impl Iterator<Item = Result<Condition, Unreadable>>,
) -> Result<Condition, Unreadable> {
    conditions.into_iter().try_fold(Condition::Well, |worst, each| each.map(|each| each.max(worst)))
}

/// The words for a page and for an incident. A page under maintenance is slow at most.
fn severity(word: &str) -> Result<Condition, Unreadable> {
    match word {
        "none" => Ok(Condition::Well),
        "minor" | "maintenance" => Ok(Condition::Minor),
        "major" | "critical" => Ok(Condition::Major),
        _ => Err(Unreadable::UnknownWord),
    }
}

/// A component by itself. Statuspage calls a page major when its only component has a partial outage, so it is one here.
fn state(component: &Component) -> Result<Condition, Unreadable> {
    match component.status.as_deref() {
        None | Some("operational") => Ok(Condition::Well),
        Some("degraded_performance" | "under_maintenance") => Ok(Condition::Minor),
        Some("partial_outage" | "major_outage" | "full_outage") => Ok(Condition::Major),
        Some(_) => Err(Unreadable::UnknownWord),
    }
}

/// An incident whose fix is being watched is half over.
fn incident(incident: &Incident) -> Result<Condition, Unreadable> {
    let impact = severity(incident.impact.as_deref().unwrap_or("minor"))?;
    match incident.status.as_deref() {
        Some("resolved" | "postmortem" | "completed" | "scheduled") => Ok(Condition::Well),
        Some("monitoring" | "verifying" | "in_progress") => Ok(impact.min(Condition::Minor)),
        Some(_) | None => Ok(impact),
    }
}

/// Only while it goes on.
fn maintenance(maintenance: &Incident) -> Condition {
    match maintenance.status.as_deref() {
        Some("in_progress" | "verifying") => Condition::Minor,
        Some(_) | None => Condition::Well,
    }
}
