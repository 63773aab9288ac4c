//! Status pages in the shapes that their makers give them, and pages that mean harm.

use proptest::prelude::*;

use super::*;

/// Wed, 07 Oct 2026 21:30:00 UTC.
const NOW: Duration = Duration::from_secs(1_791_408_600);

fn document<'a>(text: &'a str, component: Option<&'a str>) -> Document<'a> {
    Document { text, is_cut: false, component }
}

fn summary(text: &str, component: Option<&str>) -> Result<Condition, Unreadable> {
    read(FeedKind::Statuspage, document(text, component), NOW)
}

fn rss(text: &str, component: Option<&str>) -> Result<Condition, Unreadable> {
    read(FeedKind::Rss, document(text, component), NOW)
}

/// A summary with these parts, which are JSON.
fn page(indicator: &str, components: &str, incidents: &str, maintenances: &str) -> String {
    format!(
        r#"{{"page": {{"id": "kctbh9vrtdwd", "name": "Example", "url": "https://status.example.com",
              "time_zone": "Etc/UTC", "updated_at": "2026-10-07T21:29:59.123Z"}},
            "components": [{components}], "incidents": [{incidents}], "scheduled_maintenances": [{maintenances}],
            "status": {{"indicator": "{indicator}", "description": "As it is"}}}}"#
    )
}

fn component(name: &str, status: &str) -> String {
    format!(
        r#"{{"id": "8l4ygp009s5s", "name": "{name}", "status": "{status}", "created_at": "2017-01-31T20:05:05.370Z",
            "updated_at": "2026-10-07T21:01:00.000Z", "position": 1, "description": null, "showcase": true,
            "start_date": null, "group_id": null, "page_id": "kctbh9vrtdwd", "group": false, "only_show_if_degraded": false}}"#
    )
}

fn incident(name: &str, status: &str, impact: &str, components: &str) -> String {
    format!(
        r#"{{"id": "vmys9qn874h4", "name": "{name}", "status": "{status}", "impact": "{impact}",
            "created_at": "2026-10-07T20:00:00Z", "updated_at": "2026-10-07T21:00:00Z", "monitoring_at": null, "resolved_at": null,
            "shortlink": "https://stspg.io/x", "started_at": "2026-10-07T20:00:00Z", "page_id": "kctbh9vrtdwd",
            "incident_updates": [{{"id": "u", "status": "{status}", "body": "We are resolved to find it.", "affected_components": null}}],
            "components": [{components}], "reminder_intervals": null}}"#
    )
}

#[test]
fn a_summary_speaks_for_its_page() {
    for (indicator, expected) in [
        ("none", Ok(Condition::Well)),
        ("maintenance", Ok(Condition::Minor)),
        ("minor", Ok(Condition::Minor)),
        ("major", Ok(Condition::Major)),
        ("critical", Ok(Condition::Major)),
        ("splendid", Err(Unreadable::UnknownWord)),
    ] {
        // What is wrong with a part does not matter beside the page's own word.
        let text = page(indicator, &component("API", "major_outage"), "", "");
        assert_eq!(summary(&text, None), expected, "{indicator}");
    }
}

#[test]
fn a_component_is_read_from_everything_that_names_it() {
    let (well, out) = (component("Chat API", "operational"), component("Video", "major_outage"));
    let both = format!("{well}, {out}");
    let check = |incidents: &str, maintenances: &str, name: &str, expected: Condition| {
        let text = page("critical", &both, incidents, maintenances);
        assert_eq!(summary(&text, Some(name)), Ok(expected), "{name}: {incidents} {maintenances}");
    };
    check("", "", "chat api", Condition::Well);
    check("", "", "Video", Condition::Major);
    check(&incident("Video fails", "investigating", "critical", &out), "", "Chat", Condition::Well);
    check(&incident("Slow answers", "identified", "minor", &well), "", "Chat", Condition::Minor);
    check(&incident("Slow CHAT API", "identified", "major", ""), "", "Chat", Condition::Major);
    check(&incident("Chat API", "monitoring", "critical", ""), "", "Chat", Condition::Minor);
    check(&incident("Chat API", "resolved", "critical", ""), "", "Chat", Condition::Well);
    check(&incident("Chat API", "postmortem", "critical", ""), "", "Chat", Condition::Well);
    check(&incident("Chat API", "investigating", "none", ""), "", "Chat", Condition::Well);
    let planned = incident("Chat API database", "scheduled", "maintenance", &well);
    check("", &planned, "Chat", Condition::Well);
    let begun = incident("Chat API database", "in_progress", "maintenance", &well);
    check("", &begun, "Chat", Condition::Minor);
}

#[test]
fn states_of_a_component_are_known() {
    for (status, expected) in [
        ("operational", Ok(Condition::Well)),
        ("degraded_performance", Ok(Condition::Minor)),
        ("under_maintenance", Ok(Condition::Minor)),
        ("partial_outage", Ok(Condition::Major)),
        ("major_outage", Ok(Condition::Major)),
        ("full_outage", Ok(Condition::Major)),
        ("asleep", Err(Unreadable::UnknownWord)),
    ] {
        let text = page("none", &component("API", status), "", "");
        assert_eq!(summary(&text, Some("API")), expected, "{status}");
    }
}

#[test]
fn parts_of_a_summary_may_be_missing() {
    let components = format!(r#"{{"components": [{}]}}"#, component("API", "partial_outage"));
    for (text, name, expected) in [
        (r#"{"page": {}, "status": {"indicator": "minor"}}"#, None, Ok(Condition::Minor)),
        (
            r#"{"status": {"indicator": "none"}, "components": null, "incidents": null}"#,
            None,
            Ok(Condition::Well),
        ),
        (components.as_str(), None, Ok(Condition::Major)),
        (components.as_str(), Some("api"), Ok(Condition::Major)),
        (components.as_str(), Some("chat"), Err(Unreadable::NoSuchComponent)),
        (r#"{"status": {"indicator": "none"}}"#, Some("api"), Err(Unreadable::NotASummary)),
        ("{}", None, Err(Unreadable::NotASummary)),
        ("[]", None, Err(Unreadable::NotASummary)),
        ("", None, Err(Unreadable::NotASummary)),
        (r#"{"status": "none"}"#, None, Err(Unreadable::NotASummary)),
        (
            r#"{"status": {"indicator": "none"}, "components": {}}"#,
            None,
            Err(Unreadable::NotASummary),
        ),
        (r#"{"status": {"indicator": "none"}"#, None, Err(Unreadable::NotASummary)),
        ("<!doctype html><title>Just a moment...</title>", None, Err(Unreadable::NotASummary)),
    ] {
        assert_eq!(summary(text, name), expected, "{text}");
    }
    let cut =
        Document { text: r#"{"status": {"indicator": "none"}}"#, is_cut: true, component: None };
    assert_eq!(read(FeedKind::Statuspage, cut, NOW), Err(Unreadable::TooLong));
    let deep = format!(r#"{{"status": {}"#, "[".repeat(200_000));
    assert_eq!(summary(&deep, None), Err(Unreadable::NotASummary));
}

/// An RSS channel as Statuspage writes it, with these items.
fn channel(items: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n  <channel>\n    \
         <title>Example Status - Incident History</title>\n    <link>https://status.example.com</link>\n    \
         <description>Statuspage</description>\n    <pubDate>Wed, 07 Oct 2026 21:29:59 +0000</pubDate>\n{items}  </channel>\n</rss>\n"
    )
}

fn item(title: &str, description: &str, date: &str, guid: &str) -> String {
    format!(
        "<item><title>{title}</title><description>{description}</description><pubDate>{date}</pubDate>\
         <link>{guid}</link><guid>{guid}</guid></item>\n"
    )
}

/// An update as Statuspage puts it into a description.
fn update(state: &str, says: &str) -> String {
    format!(
        "\n&lt;p&gt; &lt;small&gt;Oct &lt;var data-var=&apos;date&apos;&gt; 7&lt;/var&gt;, &lt;var \
         data-var=&apos;time&apos;&gt;21:23&lt;/var&gt; UTC&lt;/small&gt;&lt;br&gt; &lt;strong&gt;{state}&lt;/strong&gt; - {says} &lt;/p&gt;"
    )
}

const TODAY: &str = "Wed, 07 Oct 2026 21:23:29 +0000";
const LAST_WEEK: &str = "Wed, 30 Sep 2026 21:23:29 +0000";
const TOMORROW: &str = "Thu, 08 Oct 2026 12:00:00 GMT";

#[test]
fn updates_in_a_description_are_read() {
    let investigating = update("Investigating", "We look into it until it is fully resolved.");
    let identified = update("Identified", "We&apos;ve found it.");
    let monitoring = update("Monitoring", "A fix is out.");
    let resolved = update("Resolved", "This incident has been resolved.");
    let all = format!("{resolved}{monitoring}{identified}{investigating}");
    let maintenance =
        format!("{}{}", update("In progress", "It has begun."), update("Scheduled", "Soon."));
    for (title, says, date, expected) in [
        ("Elevated errors", investigating.as_str(), TODAY, Condition::Minor),
        ("Partial outage of the API", &identified, TODAY, Condition::Major),
        ("The API is down", &format!("{monitoring}{investigating}"), TODAY, Condition::Minor),
        ("Major outage", &all, TODAY, Condition::Well),
        ("Elevated errors", &investigating, LAST_WEEK, Condition::Well),
        ("Database upgrade", &update("Scheduled", "Soon."), TOMORROW, Condition::Well),
        (
            "Database upgrade",
            &update("Scheduled", "An outage is possible."),
            TODAY,
            Condition::Well,
        ),
        ("Database outage planned", &maintenance, TODAY, Condition::Minor),
        ("Database upgrade", &update("Completed", "Done."), TODAY, Condition::Well),
        ("Elevated errors", &investigating, "some day", Condition::Minor),
    ] {
        let text = channel(&item(title, says, date, "https://status.example.com/incidents/a"));
        assert_eq!(rss(&text, None), Ok(expected), "{title}: {says}");
    }
    assert_eq!(rss(&channel(""), None), Ok(Condition::Well));
}

#[test]
fn a_status_line_and_listed_components_are_read() {
    let says = |state: &str, component: &str| {
        format!(
            "<![CDATA[<b>Status: {state}</b><br/><br/>We have seen it.<br/><br/><b>Affected components</b>\n\
             <ul>\n<li>Conversations ({component})</li>\n<li>Login (Operational)</li>\n</ul>]]>"
        )
    };
    let check = |state: &str, is: &str, component: Option<&str>, expected: Condition| {
        let item = item("<![CDATA[Increased latency]]>", &says(state, is), TODAY, "a");
        assert_eq!(rss(&channel(&item), component), Ok(expected), "{state} {is} {component:?}");
    };
    check("Investigating", "Degraded performance", None, Condition::Minor);
    check("Identified", "Full outage", None, Condition::Major);
    check("Monitoring", "Partial outage", None, Condition::Minor);
    check("Resolved", "Operational", None, Condition::Well);
    check("Investigating", "Degraded performance", Some("conversations"), Condition::Minor);
    check("Investigating", "Degraded performance", Some("Login"), Condition::Well);
    check("Investigating", "Degraded performance", Some("Batches"), Condition::Well);
    check("Investigating", "Degraded performance", Some("LATENCY"), Condition::Minor);
}

#[test]
fn a_history_in_plain_words_is_read() {
    let says = |ending: &str| {
        format!(
            "\n    Type: Incident\n    Duration: 46 minutes\n\n    Affected Components: App\n    Oct 7, 15:15:00 GMT+0 - \
             Investigating - We are currently investigating this incident. {ending}\n  "
        )
    };
    let open = channel(&item("Builds fail", &says(""), TODAY, "a"));
    assert_eq!(rss(&open, None), Ok(Condition::Minor));
    let ending = "Oct 7, 16:01:05 GMT+0 - Resolved - This incident has been resolved.";
    let over = channel(&item("Builds fail", &says(ending), TODAY, "a"));
    assert_eq!(rss(&over, None), Ok(Condition::Well));
}

#[test]
fn an_entry_an_update_is_read_as_one_incident() {
    let at = |time: &str| format!("Wed, 07 Oct 2026 {time}:00 +0000");
    let (first, then, later) = (at("10:30"), at("11:45"), at("12:00"));
    let begun = item(
        "[Investigating] Database issues",
        "We look.",
        &first,
        "https://e.com/incidents/1#update-1",
    );
    let over =
        item("[Resolved] Database issues", "Done.", &then, "https://e.com/incidents/1#update-2");
    let again = item(
        "[Investigating] Database issues",
        "Again.",
        &later,
        "https://e.com/incidents/2#update-3",
    );
    assert_eq!(rss(&channel(&begun), None), Ok(Condition::Minor));
    assert_eq!(rss(&channel(&format!("{over}{begun}")), None), Ok(Condition::Well));
    assert_eq!(rss(&channel(&format!("{again}{over}{begun}")), None), Ok(Condition::Minor));
    // The same title without a common address.
    let (begun, over) = (begun.replace("incidents/1#", "x"), over.replace("incidents/1#", "y"));
    assert_eq!(rss(&channel(&format!("{over}{begun}")), None), Ok(Condition::Well));
}

#[test]
fn entries_without_a_state_are_troubles_only_if_they_say_so() {
    for (title, says, expected) in [
        ("Service disruption: Increased API Error Rates", "We are looking.", Condition::Minor),
        ("Storage unavailable in Europe", "", Condition::Major),
        (
            "Service is operating normally: [RESOLVED] Increased Error Rates",
            "Done.",
            Condition::Well,
        ),
        ("Resolved: Major outage", "", Condition::Well),
        ("Latency in Europe", "The service has recovered.", Condition::Well),
        ("Scheduled Network Maintenance", "Some outage is likely.", Condition::Well),
        ("Weekly status report", "All is well, no errors.", Condition::Well),
        ("", "", Condition::Well),
    ] {
        assert_eq!(rss(&channel(&item(title, says, TODAY, "a")), None), Ok(expected), "{title}");
    }
}

/// An Atom feed with one entry.
fn atom(title: &str, updated: &str, content: &str) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xml:lang=\"en-US\" xmlns=\"http://www.w3.org/2005/Atom\">\n  \
         <id>tag:status.example.com,2005:/history</id>\n  <link rel=\"self\" href=\"https://status.example.com/history.atom\"/>\n  \
         <title>Example Status - Incident History</title>\n  <updated>2026-10-07T15:23:56Z</updated>\n  \
         <author>\n    <name>Example</name>\n  </author>\n  <entry>\n    <id>tag:status.example.com,2005:Incident/8938651</id>\n    \
         <published>2026-10-01T14:45:23Z</published>\n    <updated>{updated}</updated>\n    \
         <link rel=\"alternate\" type=\"text/html\" href=\"https://status.example.com/incidents/q5\"/>\n    \
         <title>{title}</title>\n    {content}\n  </entry>\n</feed>\n"
    )
}

#[test]
fn atom_is_read() {
    let html = |state| {
        format!(
            "<content type=\"html\">{}</content><summary type=\"html\">same</summary>",
            update(state, "It is.")
        )
    };
    let xhtml = "<content type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\"><p><strong>Identified</strong> - Cause &amp; effect.</p></div></content>";
    let plain = "<summary type=\"text\">Investigating</summary><content>We see errors</content>";
    for (title, updated, content, expected) in [
        (
            "Instance failure",
            "2026-10-07T14:45:23Z",
            html("Investigating").as_str(),
            Condition::Minor,
        ),
        ("Instance outage", "2026-10-07T16:45:23.907+02:00", &html("Identified"), Condition::Major),
        ("Instance failure", "2026-10-07T14:45:23Z", &html("Resolved"), Condition::Well),
        ("Instance failure", "2026-10-02T14:45:23Z", &html("Investigating"), Condition::Well),
        ("Instance", "2026-10-07T14:45:23Z", xhtml, Condition::Minor),
        ("Instance", "2026-10-07T14:45:23Z", plain, Condition::Minor),
    ] {
        assert_eq!(rss(&atom(title, updated, content), None), Ok(expected), "{title}: {content}");
    }
}

#[test]
fn what_is_no_feed_says_nothing() {
    let deep = format!("<rss>{}", "<a>".repeat(100_000));
    let billion = "<!DOCTYPE lolz [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;&a;\">]><rss><channel><item><title>&b;</title></item></channel></rss>";
    let outside = "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><rss>&x;</rss>";
    for (text, expected) in [
        ("", Unreadable::NotXml),
        ("well", Unreadable::NotXml),
        ("<!-- nothing -->", Unreadable::NotXml),
        ("<rss><channel>", Unreadable::NotXml),
        ("<rss><channel></rss>", Unreadable::NotXml),
        ("<rss", Unreadable::NotXml),
        ("{\"status\": 1}", Unreadable::NotXml),
        ("<html><body>Just a moment...</body></html>", Unreadable::NotAFeed),
        ("<!DOCTYPE html><html></html>", Unreadable::DocumentType),
        (billion, Unreadable::DocumentType),
        (outside, Unreadable::DocumentType),
        (&deep, Unreadable::TooDeep),
    ] {
        assert_eq!(rss(text, None), Err(expected), "{}", text.get(..60).unwrap_or(text));
    }
}

#[test]
fn unknown_entities_are_spaces_and_lone_ampersands_are_let_pass() {
    let says = "Errors &nbsp;&unknown; &#60;strong&#62;Identified&#x3c;/strong&#x3e; - R&D & more &#0;&#99999999;";
    assert_eq!(rss(&channel(&item("Errors", says, TODAY, "a")), None), Ok(Condition::Minor));
}

#[test]
fn a_long_feed_is_read_from_its_beginning() {
    let open = item("Elevated errors", &update("Investigating", "We look."), TODAY, "first");
    let old = item("Old", &update("Resolved", "Done."), LAST_WEEK, "old");
    let text = channel(&format!("{open}{}", old.repeat(2_000)));
    assert_eq!(rss(&text, None), Ok(Condition::Minor));
    for length in 0..text.len().min(4_000) {
        let Some(beginning) = text.get(..length) else { continue };
        let cut = Document { text: beginning, is_cut: true, component: None };
        let found = read(FeedKind::Rss, cut, NOW);
        // Before the first item is complete, nothing is known to be wrong.
        let is_sane =
            matches!(found, Ok(Condition::Minor | Condition::Well) | Err(Unreadable::NotXml));
        assert!(is_sane, "{length}: {found:?}");
        assert!(length < 1_200 || found == Ok(Condition::Minor), "{length}: {found:?}");
    }
    // Thousands of entries that could all end each other.
    let many = channel(&item("[Resolved] X", "", TODAY, "same").repeat(20_000));
    assert_eq!(rss(&many, None), Ok(Condition::Well));
}

proptest! {
    #[test]
    fn no_page_makes_it_panic(
        text in prop_oneof![".{0,200}", "(<[a-z/!?\\[&;\"=]{0,9}>?|[a-z\\[\\]: -]{0,9}|&[a-z#0-9]{0,5};){0,40}"],
        component in proptest::option::of(".{0,5}"),
        is_cut in any::<bool>(),
        wraps in any::<bool>(),
        now in 0_u64..4_000_000_000,
    ) {
        let text = if wraps { channel(&item("x", &text, &text, &text)) } else { text };
        for kind in [FeedKind::Statuspage, FeedKind::Rss] {
            let document = Document { text: &text, is_cut, component: component.as_deref() };
            drop(read(kind, document, Duration::from_secs(now)));
        }
    }

    /// Whatever stands in an entry, an update that says that it is over ends it.
    #[test]
    fn what_is_over_is_over(title in "[a-z ]{0,30}", before in "[a-z .,]{0,60}", state in "(Resolved|Completed|Postmortem)") {
        let says = format!("{}{}", update(&state, "Done."), update("Investigating", &before));
        let found = rss(&channel(&item(&title, &says, TODAY, "a")), None);
        prop_assert_eq!(found, Ok(Condition::Well));
    }
}
