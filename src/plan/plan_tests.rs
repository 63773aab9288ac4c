//! Plans by example, over all states of a tier, and under ten thousand draws.

use std::collections::BTreeSet;

use super::*;
use crate::classify::{Goal, Reason};
use crate::config::{Abilities, Dialect, Price, Provider, Rate, Secret, Spill, Tier};
use crate::health::{Entry, Figures, HealthTable, Outcome, Part, Sample};

fn target(id: &str, abilities: Abilities) -> Arc<Target> {
    let (name, model) = id.split_once('/').expect("provider/model");
    let credential = match name {
        "keyless" => Credential::Unset { variable: "KEY".to_owned() },
        _ => Credential::Key(Secret::new("k".to_owned())),
    };
    let base_url = format!("http://{name}/v1");
    let provider = Provider::new(name, Dialect::OpenAi, &base_url, credential);
    Arc::new(Target::new(Arc::new(provider), model, Arc::new(abilities)))
}

fn plain(id: &str) -> Arc<Target> {
    target(id, Abilities::default())
}

fn decision(targets: Vec<Arc<Target>>, policy: Policy) -> Decision {
    let tier = Tier { name: "t".to_owned(), targets, strictness: 1.0, policy };
    for_goal(Goal::Tier(Arc::new(tier)))
}

fn for_goal(goal: Goal) -> Decision {
    Decision {
        goal,
        query_type: None,
        confidence: 0.0,
        margin: 0.0,
        reason: Reason::Asked,
        judgement: None,
        remembered: false,
    }
}

fn needs() -> Needs {
    Needs { tokens: 100, answer_tokens: 500, one_text: true, ..Needs::default() }
}

fn make(decision: &Decision, health: &HealthView, needs: Needs, seed: u64) -> Plan {
    make_with(decision, (health, &[]), needs, seed)
}

fn make_with(
    decision: &Decision,
    (health, doubts): (&HealthView, &[(String, Doubt)]),
    needs: Needs,
    seed: u64,
) -> Plan {
    let (now, within) = (Instant::now(), Duration::from_secs(9));
    let part = Part::First;
    let around = Circumstances { needs, part, health, doubts, ways: &[], now, within };
    plan(decision, &around, &mut Rng::with_seed(seed))
}

fn show(plan: &Plan) -> String {
    let steps = plan.steps.iter().map(|step| format!("{} {}", step.target.id, step.place.label()));
    let skips = plan
        .skipped
        .iter()
        .map(|skipped| format!("-{} {}", skipped.target.id, skipped.why.label()));
    steps.chain(skips).collect::<Vec<_>>().join(", ")
}

fn check(ids: &[&str], health: &[(&str, Known)], expected: &str) {
    let targets = ids.iter().map(|id| plain(id)).collect();
    let plan =
        make(&decision(targets, Policy::default()), &HealthView::with(health, None), needs(), 1);
    assert_eq!(show(&plan), expected);
}

fn stands(standing: Standing) -> Known {
    Known { standing, ..Known::default() }
}

fn shut(seconds: u64, why: Shut) -> Known {
    stands(Standing::Shut { until: Instant::now() + Duration::from_secs(seconds), why })
}

fn paced(milliseconds: u64) -> Known {
    let first = Some(Duration::from_millis(milliseconds));
    Known { figures: Figures { first, speed: None }, ..Known::default() }
}

#[tokio::test]
async fn targets_keep_the_tiers_order_and_failing_ones_come_last() {
    check(&["a/1", "b/1"], &[], "a/1 listed, b/1 listed");
    check(&["a/1", "b/1"], &[("a/1", stands(Standing::Probing))], "a/1 probe, b/1 listed");
    check(
        &["a/1", "b/1", "c/1"],
        &[("a/1", shut(9, Shut::Failing)), ("b/1", shut(5, Shut::Failing))],
        "c/1 listed, b/1 last_resort, a/1 last_resort",
    );
    check(
        &["a/1", "keyless/1", "b/1", "c/1"],
        &[("a/1", shut(9, Shut::RateLimited)), ("c/1", stands(Standing::Disabled))],
        "b/1 listed, -a/1 rate_limited, -keyless/1 no_key, -c/1 disabled",
    );
    check(
        &["a/1", "b/1"],
        &[("a/1", shut(9, Shut::QuotaGone)), ("b/1", shut(9, Shut::ModelMissing))],
        "b/1 last_resort, -a/1 quota_gone",
    );
    check(
        &["a/1", "b/1", "c/1"],
        &[("a/1", shut(9, Shut::Exhausted)), ("b/1", shut(5, Shut::Failing))],
        "c/1 listed, a/1 exhausted, b/1 last_resort",
    );
    check(&["a/1"], &[("a/1", shut(9, Shut::Exhausted))], "a/1 exhausted");
}

#[tokio::test]
async fn who_got_slow_or_warms_up_stands_behind_the_others() {
    let tempo = |tempo| Known { tempo, ..Known::default() };
    check(
        &["a/1", "b/1", "c/1"],
        &[("a/1", tempo(Tempo::Degraded)), ("b/1", stands(Standing::Warming))],
        "c/1 listed, a/1 degraded, b/1 warming",
    );
    check(&["a/1", "b/1"], &[("a/1", tempo(Tempo::DueForCheck))], "a/1 check, b/1 listed");
}

#[tokio::test]
async fn who_is_in_doubt_stands_behind_the_others_unless_all_are() {
    let decision = decision(vec![plain("a/1"), plain("b/1")], Policy::default());
    let doubt = |id: &str| (id.to_owned(), Doubt::FeedMajor);
    let health = HealthView::default();
    let one = make_with(&decision, (&health, &[doubt("a/1")]), needs(), 1);
    assert_eq!(show(&one), "b/1 listed, a/1 status_major");
    let both = make_with(&decision, (&health, &[doubt("a/1"), doubt("b/1")]), needs(), 1);
    assert_eq!(show(&both), "a/1 status_major, b/1 status_major");
}

#[tokio::test]
async fn a_pinned_target_is_the_only_one() {
    let pinned = |id| make(&for_goal(Goal::Target(plain(id))), &HealthView::default(), needs(), 1);
    assert_eq!(show(&pinned("c/9")), "c/9 listed");
    assert_eq!(show(&pinned("keyless/9")), "-keyless/9 no_key");
}

#[tokio::test]
async fn who_cannot_answer_is_left_out_before_anybody_is_called() {
    let without = |change: fn(&mut Abilities)| {
        let mut abilities = Abilities::default();
        change(&mut abilities);
        abilities
    };
    let targets = vec![
        target("small/1", without(|abilities| abilities.context = Some(1_000))),
        target("blind/1", without(|abilities| abilities.images = Some(false))),
        target("handless/1", without(|abilities| abilities.tools = Some(false))),
        target("loose/1", without(|abilities| abilities.json_schema = Some(false))),
        target("fresh/1", without(|abilities| abilities.prefill = Some(false))),
        plain("able/1"),
    ];
    let decision = decision(targets, Policy::default());
    let all = Needs {
        tokens: 900,
        is_limited: true,
        images: true,
        tools: true,
        json_schema: true,
        prefill: true,
        ..needs()
    };
    assert_eq!(
        show(&make(&decision, &HealthView::default(), all, 1)),
        "able/1 listed, -small/1 context_too_small, -blind/1 no_images, -handless/1 no_tools, \
         -loose/1 no_json_schema, -fresh/1 no_prefill"
    );
    // What is estimated leaves nobody out who is only nearly too small.
    let nearly = Needs { tokens: 1_200, ..needs() };
    assert_eq!(make(&decision, &HealthView::default(), nearly, 1).skipped.len(), 0);
}

#[tokio::test]
async fn the_cheapest_is_first_and_who_has_no_price_is_last() {
    let priced = |id, output| {
        let rate = |usd| Rate::of_million(usd).expect("a price");
        let price = Some(Price::plain(rate(1.0), rate(output)));
        target(id, Abilities { price, ..Abilities::default() })
    };
    let targets = vec![plain("a/1"), priced("b/1", 9.0), priced("c/1", 2.0)];
    let policy = Policy { order: Order::Cheapest, ..Policy::default() };
    let plan = make(&decision(targets, policy), &HealthView::default(), needs(), 1);
    assert_eq!(show(&plan), "c/1 cheapest, b/1 cheapest, a/1 listed");
    assert_eq!(plan.steps[0].place.because(), "expected to cost 0.001100 US dollars");
}

#[tokio::test]
async fn the_fastest_is_first_but_small_differences_change_nothing() {
    let policy = Policy { order: Order::Fastest, ..Policy::default() };
    let decision = decision(vec![plain("a/1"), plain("b/1")], policy);
    let first = |a, b, leader: Option<&str>| {
        let health = HealthView::with(&[("a/1", paced(a)), ("b/1", paced(b))], leader);
        let mut firsts: Vec<String> = (0..100)
            .map(|seed| make(&decision, &health, needs(), seed).steps[0].target.id.clone())
            .collect();
        firsts.sort();
        firsts[50].clone()
    };
    assert_eq!(first(900, 500, None), "b/1");
    assert_eq!(first(900, 850, Some("a/1")), "a/1");
    assert_eq!(first(900, 500, Some("a/1")), "b/1");
}

/// A target that drifts to three times its usual time within ten minutes stands behind the other one within two looks of the end, in
/// every order.
#[tokio::test]
async fn f20_a_target_that_drifts_loses_its_place() {
    let targets = vec![plain("a/1"), plain("b/1")];
    let limits = crate::config::Breaker {
        failures: 3,
        open: Duration::from_secs(2),
        open_max: Duration::from_secs(60),
    };
    let table = HealthTable::new(limits, targets.iter());
    let asked = (Size::of(needs().tokens), Part::First);
    let start = Instant::now();
    let answers = |from: u64, until: u64, target: &Arc<Target>, took: &dyn Fn(u64) -> u64| {
        for half in from * 2..until * 2 {
            let now = start + Duration::from_millis(half * 500);
            let permit = table.admit(target, Entry::Regular, now).expect("nobody fails");
            let first = Some(Duration::from_millis(took(half - from * 2)));
            permit.timed(asked.0, Sample { first, ..Sample::default() }, now);
            permit.record(Outcome::Served, now);
        }
    };
    let firsts = |at: u64| {
        let now = start + Duration::from_secs(at);
        let health = table.view(targets.iter(), None, asked, now);
        [Order::Fixed, Order::Fastest].map(|order| {
            let decision = decision(targets.clone(), Policy { order, ..Policy::default() });
            show(&make(&decision, &health, needs(), 3))
        })
    };
    answers(0, 3_600, &targets[1], &|_| 1_200);
    answers(0, 3_600, &targets[0], &|_| 1_000);
    assert!(firsts(3_600).iter().all(|plan| plan.starts_with("a/1 ")), "{:?}", firsts(3_600));
    answers(3_600, 4_220, &targets[1], &|_| 1_200);
    answers(3_600, 4_200, &targets[0], &|half| 1_000 + half * 2_000 / 1_200);
    answers(4_200, 4_220, &targets[0], &|_| 3_000);
    // The first look may find it due for a check, by one request.
    drop(firsts(4_220));
    assert!(firsts(4_220).iter().all(|plan| plan.starts_with("b/1 ")), "{:?}", firsts(4_220));
    assert!(firsts(4_220).iter().all(|plan| plan.contains("a/1 degraded")), "{:?}", firsts(4_220));
}

/// Where nobody has answered yet, the nearest provider is the best guess.
#[tokio::test]
async fn the_nearest_is_first_where_nobody_knows_more() {
    let policy = Policy { order: Order::Fastest, ..Policy::default() };
    let decision = decision(vec![plain("a/1"), plain("b/1"), plain("c/1")], policy);
    let way = |id: &str, ms| (id.to_owned(), Duration::from_millis(ms));
    let ways = [way("b/1", 90), way("c/1", 30)];
    let (now, within) = (Instant::now(), Duration::from_secs(9));
    let order = |health: &HealthView| {
        let part = Part::First;
        let needs = needs();
        let around = Circumstances { needs, part, health, doubts: &[], ways: &ways, now, within };
        // Not a draw that explores.
        let plans = (0..9).map(|seed| show(&plan(&decision, &around, &mut Rng::with_seed(seed))));
        plans.filter(|plan| !plan.contains("explored")).collect::<BTreeSet<String>>()
    };
    let unknown = order(&HealthView::default());
    assert_eq!(unknown, BTreeSet::from(["c/1 listed, b/1 listed, a/1 listed".to_owned()]));
    let known = order(&HealthView::with(&[("a/1", paced(900))], None));
    assert_eq!(known, BTreeSet::from(["a/1 fastest, c/1 listed, b/1 listed".to_owned()]));
}

#[tokio::test]
async fn who_is_not_known_is_explored_now_and_then() {
    let policy = Policy { order: Order::Fastest, ..Policy::default() };
    let decision = decision(vec![plain("a/1"), plain("b/1"), plain("c/1")], policy);
    let health = HealthView::with(&[("a/1", paced(500)), ("b/1", paced(900))], None);
    let firsts: Vec<String> =
        (0..10_000).map(|seed| show(&make(&decision, &health, needs(), seed))).collect();
    let unknown = firsts.iter().filter(|plan| plan.starts_with("c/1 explored")).count();
    assert!((1_700..2_300).contains(&unknown), "{unknown} of 10000");
    assert!(firsts.iter().all(|plan| plan.matches('/').count() == 3));
}

#[tokio::test]
async fn lots_are_drawn_by_weight() {
    let policy = Policy { order: Order::Weighted(vec![3.0, 1.0, 0.0]), ..Policy::default() };
    let decision = decision(vec![plain("a/1"), plain("b/1"), plain("c/1")], policy);
    let plans: Vec<Plan> =
        (0..10_000).map(|seed| make(&decision, &HealthView::default(), needs(), seed)).collect();
    let firsts = |id| plans.iter().filter(|plan| plan.steps[0].target.id == id).count();
    assert!((7_300..7_700).contains(&firsts("a/1")), "{}", firsts("a/1"));
    assert_eq!(firsts("c/1"), 0);
    assert!(plans.iter().all(|plan| plan.steps[2].target.id == "c/1"));
}

/// Every state of four targets, times every state of the two that the tier may spill to: nobody outside of the tier unless it spills,
/// nobody twice, nobody lost, and always somebody to try where anybody may be.
#[tokio::test]
async fn no_state_of_a_tier_leaks_repeats_or_black_holes() {
    let until = Instant::now() + Duration::from_secs(5);
    let states = [
        Standing::Ready,
        Standing::Warming,
        Standing::Probing,
        Standing::Shut { until, why: Shut::Failing },
        Standing::Shut { until, why: Shut::RateLimited },
        Standing::Disabled,
    ];
    let own = ["a/1", "b/1", "c/1", "d/1"];
    let other = ["e/1", "f/1"];
    for spills in [false, true] {
        let spill = spills.then(|| Spill {
            tier: "other".to_owned(),
            targets: other.iter().map(|id| plain(id)).collect(),
        });
        let policy = Policy { spill, ..Policy::default() };
        let decision = decision(own.iter().map(|id| plain(id)).collect(), policy);
        for code in 0..6_usize.pow(6) {
            let all: Vec<&str> = own.into_iter().chain(other).collect();
            let state =
                |place: usize| states[code / 6_usize.pow(u32::try_from(place).unwrap_or(0)) % 6];
            let health: Vec<(&str, Known)> =
                all.iter().enumerate().map(|(place, id)| (*id, stands(state(place)))).collect();
            let plan = make(&decision, &HealthView::with(&health, None), needs(), 1);
            let named: Vec<&str> = plan
                .steps
                .iter()
                .map(|step| step.target.id.as_str())
                .chain(plan.skipped.iter().map(|skipped| skipped.target.id.as_str()))
                .collect();
            let distinct: BTreeSet<&str> = named.iter().copied().collect();
            let expected: &[&str] = if spills { &all } else { &own };
            assert_eq!(distinct.len(), named.len(), "state {code}: somebody twice");
            assert_eq!(distinct, expected.iter().copied().collect(), "state {code}");
            let may_be_tried = |place: usize| {
                !matches!(
                    state(place),
                    Standing::Disabled | Standing::Shut { why: Shut::RateLimited, .. }
                )
            };
            assert_eq!(
                plan.steps.len(),
                (0..expected.len()).filter(|place| may_be_tried(*place)).count()
            );
            let ranks: Vec<(bool, u8)> = plan
                .steps
                .iter()
                .map(|step| {
                    (
                        step.place == Place::LastResort || step.home == Home::Spilled,
                        step.place.rank(),
                    )
                })
                .collect();
            assert!(ranks.iter().map(|(behind, _)| behind).is_sorted(), "state {code}: {ranks:?}");
        }
    }
}
