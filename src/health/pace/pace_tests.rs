//! Slowness by example, with time in hand.

use super::*;

fn first(milliseconds: u64) -> Sample {
    Sample { first: Some(Duration::from_millis(milliseconds)), ..Sample::default() }
}

/// Answers twice a second for so long; with what is asked every half second in between.
fn run(pace: &mut Pace, from: Instant, seconds: u64, sample: impl Fn(u64) -> Sample) -> Instant {
    for half in 0..seconds * 2 {
        let now = from + Duration::from_millis(half * 500);
        pace.hear(Size::Short, sample(half), now);
    }
    from + Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_target_that_gets_slow_is_degraded_within_two_looks_and_comes_back() {
    let mut pace = Pace::default();
    let steady = run(&mut pace, Instant::now(), 600, |_| first(300));
    assert_eq!(pace.ask(Size::Short, steady), Tempo::Usual);
    // The p95 of a minute shows what one answer in twenty does: a few seconds of slowness, and then two looks.
    let slow = run(&mut pace, steady, 24, |_| first(2_000));
    assert_ne!(pace.ask(Size::Short, slow), Tempo::Usual);
    // Only checks reach it now.
    let mut now = slow;
    while pace.ask(Size::Short, now) != Tempo::Usual {
        pace.hear(Size::Short, first(310), now);
        now += CHECK_EVERY;
        assert!(now < slow + Duration::from_secs(90), "it never came back");
    }
    assert!(now >= slow + LOOK_EVERY * 2, "it came back after one look");
}

#[tokio::test]
async fn a_drift_to_three_times_the_usual_is_noticed_although_it_is_slow() {
    let mut pace = Pace::default();
    let steady = run(&mut pace, Instant::now(), 3600, |_| first(1_000));
    let drifted = run(&mut pace, steady, 600, |half| first(1_000 + half * 2_000 / 1_200));
    let settled = run(&mut pace, drifted, 20, |_| first(3_000));
    assert_ne!(pace.ask(Size::Short, settled), Tempo::Usual);
}

#[tokio::test]
async fn slowness_with_long_prompts_says_nothing_about_short_ones() {
    let mut pace = Pace::default();
    let start = Instant::now();
    for half in 0..1_500_u64 {
        let now = start + Duration::from_millis(half * 500);
        pace.hear(Size::Short, first(300), now);
        pace.hear(Size::Huge, first(if half < 1_200 { 900 } else { 9_000 }), now);
    }
    let now = start + Duration::from_secs(750);
    assert_eq!(pace.ask(Size::Short, now), Tempo::Usual);
    assert_ne!(pace.ask(Size::Huge, now), Tempo::Usual);
}

#[tokio::test]
async fn slow_speech_degrades_and_noise_does_not() {
    let speed = |value| Sample { speed: Some(value), ..Sample::default() };
    let mut pace = Pace::default();
    let steady = run(&mut pace, Instant::now(), 600, |half| {
        speed(if half % 2 == 0 { 220.0 } else { 180.0 })
    });
    assert_eq!(pace.ask(Size::Short, steady), Tempo::Usual);
    let slow = run(&mut pace, steady, 60, |_| speed(50.0));
    assert_ne!(pace.ask(Size::Short, slow), Tempo::Usual);
}

#[tokio::test]
async fn what_was_slow_long_ago_is_given_another_chance() {
    let mut pace = Pace::default();
    let steady = run(&mut pace, Instant::now(), 300, |_| first(300));
    let slow = run(&mut pace, steady, 60, |_| first(5_000));
    assert_ne!(pace.ask(Size::Short, slow), Tempo::Usual);
    assert_eq!(pace.ask(Size::Short, slow + FORGOTTEN), Tempo::Usual);
}

#[tokio::test]
async fn what_is_usual_is_remembered_over_a_restart() {
    let mut before = Pace::default();
    let end = run(&mut before, Instant::now(), 600, |_| first(300));
    before.hear(Size::Short, first(300), end + Duration::from_secs(120));
    let after = Pace::recall(before.memory());
    let (known, recalled) =
        (before.usual_p95(Size::Short, Part::First), after.usual_p95(Size::Short, Part::First));
    assert!(known.is_some_and(|known| known.as_millis().abs_diff(300) < 40), "{known:?}");
    assert_eq!(known, recalled);
    assert_eq!(after.usual_p95(Size::Huge, Part::First), None);
}

#[tokio::test]
async fn a_day_of_noise_hardly_ever_degrades() {
    let (mut pace, start) = (Pace::default(), Instant::now());
    let mut dice = fastrand::Rng::with_seed(7);
    let mut flaps = 0;
    let mut was = Tempo::Usual;
    for second in 0..86_400_u64 {
        let now = start + Duration::from_secs(second);
        let noise = 1.0 + 0.3 * (dice.f32() + dice.f32() + dice.f32() - 1.5);
        let sample = Sample {
            first: Some(Duration::from_secs_f32(0.6 * noise)),
            whole: None,
            speed: Some(200.0 * noise),
        };
        pace.hear(Size::Short, sample, now);
        let is = pace.ask(Size::Short, now);
        flaps += u32::from(was == Tempo::Usual && is != Tempo::Usual);
        was = is;
    }
    assert_eq!(flaps, 0);
}
